"""``blindsr demo``: a method, small, on embedded scenes; tables and pictures."""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
