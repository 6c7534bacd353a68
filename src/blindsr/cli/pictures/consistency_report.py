"""How well a result gives back its input: a number for the line of the picture, and a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blindsr.inference.blur.consistency import ConsistencyMeter
from blindsr.photo.formats import Layout
from blindsr.photo.writer import PhotoWriter, open_writer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from blindsr.restore import Restorer

WHITE = 1 / 16
"""Error that is white in the picture, as a share of black to white: 16 of 255 levels."""


class ConsistencyReport:
    """Takes the strips of one result; made by :func:`open_report`."""

    def __init__(self, meter: ConsistencyMeter, writer: PhotoWriter | None) -> None:
        self._meter, self._writer = meter, writer

    @property
    def decibels(self) -> float:
        """PSNR, after the last rows."""
        return self._meter.decibels

    def add(self, sr: NDArray[np.float32], removed: NDArray[np.float32] | None) -> None:
        """Append rows, see :meth:`ConsistencyMeter.add`."""
        error = self._meter.add(sr, removed)
        if self._writer is not None and len(error):
            grey = np.clip(np.rint(error * np.float32(255 / WHITE)), 0, 255)
            self._writer.write(grey.astype(np.uint8))


@contextlib.contextmanager
def open_report(
    path: Path | None, lr: NDArray[Any], model: Restorer
) -> Iterator[ConsistencyReport]:
    """Measure, and write the error of every pixel of the input where a path is given.

    Args:
        path: of a PNG at the size of the input, or ``None``.
        lr: (h, w, 3) as the model sees it.
        model: that makes the result.
    """
    meter = ConsistencyMeter(lr, model.scale, model.downsampler)
    if path is None:
        yield ConsistencyReport(meter, None)
        return
    text = {
        "quantity": "difference of the input and the result, blurred as estimated and reduced",
        "white": f"{WHITE:g} of the range or more",
    }
    height, width = lr.shape[:2]
    with open_writer(path, width=width, height=height, layout=Layout(1, 8), text=text) as writer:
        yield ConsistencyReport(meter, writer)
