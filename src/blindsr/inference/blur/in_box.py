"""The estimator of blur that comes with the package, for models that cannot measure wide blur."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from blindsr.errors import WeightsError
from blindsr.imaging.resize import upsample
from blindsr.imaging.tiling import ALL_COLUMNS, Planes, RollingRows
from blindsr.inference.blur.kept import DEFAULT_KEEP_BLUR
from blindsr.inference.catalogue import ASSETS, SMALL
from blindsr.inference.model import Estimator
from blindsr.inference.open_model import engine_parts
from blindsr.weights.checkpoint import read_network
from blindsr.weights.network_file import NetworkFile
from blindsr.weights.pipeline import part_of

FILE = ASSETS / f"{SMALL}.safetensors"
_REACH = 3  # pixels to either side that a bilinear enlargement needs, and more


def default_keep_blur() -> float:
    """Default of ``keep_blur``: 0 where an installation lacks the estimator."""
    return 0.0 if _weights() is None else DEFAULT_KEEP_BLUR


@lru_cache(maxsize=4)
def blur_in_box(device: torch.device) -> Estimator:
    """Estimator of sigma and of its uncertainty at the size and in the pixels of the picture.

    Args:
        device: where to put it.

    Raises:
        WeightsError: it is not in this installation, or cannot be read.
    """
    file = _weights()
    if file is None:
        raise WeightsError(
            "keep_blur",
            found="no estimator of blur in this installation",
            expected=f"one in {FILE}",
            fix="Install the package again, or keep no blur: --keep-blur 0.",
        )
    # its scale is only the size and the unit of its maps
    network = replace(file, settings={**file.settings, "scale": 1}).network()
    estimator, _ = engine_parts(network, device)
    assert estimator is not None
    return estimator


class EnlargedRows:
    """Maps of a picture as rows of maps at HR size and in HR pixels.

    At the size of the picture they take 1 / scale^2 of the memory.

    Args:
        maps: with ``blur``, (rows, W, C) in pixels of the picture; read from top to bottom.
        size: height and width of the picture.
        scale: HR size over LR size.
        phase: where LR pixel 0 lies in HR pixels.
    """

    def __init__(self, maps: RollingRows, size: tuple[int, int], scale: int, phase: float) -> None:
        self._maps, self._size, self._scale, self._phase = maps, size, scale, phase

    def rows(self, start: int, stop: int, columns: slice = ALL_COLUMNS) -> Planes:
        """``blur``, (stop - start, columns, C), on the CPU."""
        left, right, _ = columns.indices(self._scale * self._size[1])
        rows, from_row = self._seen(start, stop, self._size[0])
        across, from_column = self._seen(left, right, self._size[1])
        map_ = self._maps.rows(rows.start, rows.stop, across)["blur"].cpu().numpy()
        map_ = map_ * np.float32(self._scale)
        part = upsample(map_, self._scale, phase=self._phase, method="bilinear")
        part = part[from_row : from_row + stop - start, from_column : from_column + right - left]
        return {"blur": torch.from_numpy(part)}

    def _seen(self, start: int, stop: int, length: int) -> tuple[slice, int]:
        """Pixels of the picture for some HR pixels of an axis, and where those begin in theirs."""
        scale = self._scale
        seen = slice(max(0, start // scale - _REACH), min(length, -(-stop // scale) + _REACH))
        return seen, start - scale * seen.start


def _weights() -> NetworkFile | None:
    """The estimator of the model in the box, which estimates its own error too."""
    return part_of(_box(FILE), "estimator") if FILE.is_file() else None


@lru_cache(maxsize=1)
def _box(path: Path) -> NetworkFile:
    return read_network(path)
