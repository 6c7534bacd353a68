"""``blindsr benchmark``: configurations x seeds, trained, tested and compared in one table."""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
