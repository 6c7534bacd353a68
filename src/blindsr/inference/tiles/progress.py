"""What is told while a picture is computed."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with tiles done and tiles in all."""
PERCENT = 100


def share_of(tell: Progress | None, before: float, share: float) -> Progress | None:
    """What is told of one of several runs that make one picture, in percent of the picture.

    Args:
        tell: is told; ``None`` for nobody.
        before: share of the work that is done when this run begins.
        share: of this run.
    """
    if tell is None:
        return None

    def tell_run(done: int, total: int) -> None:
        tell(min(PERCENT, round(PERCENT * (before + share * done / total))), PERCENT)

    return tell_run
