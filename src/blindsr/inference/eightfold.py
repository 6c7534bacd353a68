"""Self-ensemble: the mean of a model's results for all eight flips and rotations of a picture.

Where a model puts LR pixels off the centre (phase 0), a flipped result lies ``s - 1 - 2 phase`` HR
pixels further on: the picture is enlarged by one pixel there, and the result is moved back.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsr.inference.model import Model
from blindsr.inference.pictures import Picture, picture_of
from blindsr.inference.results import Strip
from blindsr.inference.tiles.plan import plan_run, smallest_side
from blindsr.inference.tiles.progress import Progress, share_of

Strips = Callable[[NDArray[np.generic], int], Iterator[Strip]]
"""``strips(pixels, number)``: of the picture (H, W, 3) in the position of that number, 0..7."""
POSITIONS = 8


def turned_runs(
    model: Model,
    picture: Picture,
    phase: float,
    shown: bool,
    *,
    on_progress: Progress | None = None,
    **plan: Any,
) -> Iterator[Strip]:
    """Run a model on a picture in all positions, see :func:`eightfold`.

    Args:
        model: what to run.
        picture: to run it on.
        phase: where the model puts LR pixel 0.
        shown: keep the maps of the picture as it is.
        on_progress: is told percent of the whole.
        plan: other arguments of :func:`~blindsr.inference.tiles.plan.plan_run`.
    """
    minimum = smallest_side(model)

    def strips(pixels: NDArray[Any], number: int) -> Iterator[Strip]:
        # the picture as it is comes last
        before = (number - 1) % POSITIONS / POSITIONS
        tell = share_of(on_progress, before, 1 / POSITIONS)
        run = plan_run(model, picture_of(pixels, minimum), on_progress=tell, **plan)
        return run.strips(maps=shown and number == 0)

    height, width = picture.size
    return eightfold(strips, picture.pixels[:height, :width], model.scale, phase)


def eightfold(
    strips: Strips, pixels: NDArray[np.generic], scale: int, phase: float
) -> Iterator[Strip]:
    """Strips with the mean SR image; everything else in them is of the picture as it is.

    The SR image is held as a whole, 12 bytes a pixel.

    Args:
        strips: runs the model.
        pixels: (H, W, 3).
        scale: SR size over LR size.
        phase: where the model puts LR pixel 0.
    """
    height, width = (scale * side for side in pixels.shape[:2])
    shift = round(scale - 1 - 2 * phase)
    larger = pixels if shift == 0 else np.pad(pixels, ((0, 1), (0, 1), (0, 0)), mode="symmetric")
    total = np.zeros((height, width, 3), np.float32)
    positions = itertools.product((False, True), repeat=3)
    for number, (turned, *flips) in enumerate(itertools.islice(positions, 1, None), start=1):
        axes = tuple(axis for axis, flipped in enumerate(flips) if flipped)
        seen = np.flip(larger, axes)
        made = strips(np.ascontiguousarray(seen.swapaxes(0, 1) if turned else seen), number)
        sr = np.concatenate([strip.sr for strip in made if strip.sr is not None])
        sr = np.flip(sr.swapaxes(0, 1) if turned else sr, axes)
        top, left = (shift if flipped else 0 for flipped in flips)
        total += sr[top : top + height, left : left + width]
    for strip in strips(pixels, 0):
        assert strip.sr is not None
        rows = slice(strip.top, strip.top + len(strip.sr))
        yield strip._replace(sr=(strip.sr + total[rows]) / np.float32(POSITIONS))
