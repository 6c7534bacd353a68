"""``blindsr serve``: a page in the browser of this computer that restores photographs."""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
