"""``blindsr convert``: weights from one form into another."""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
