"""The estimator of blur that comes with the package, for models that cannot measure wide blur."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from blindsr.errors import WeightsError
from blindsr.imaging.resize import upsample
from blindsr.imaging.tiling import Planes, RollingRows
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
        height: of the picture.
        scale: HR size over LR size.
        phase: where LR pixel 0 lies in HR pixels.
    """

    def __init__(self, maps: RollingRows, height: int, scale: int, phase: float) -> None:
        self._maps, self._height, self._scale, self._phase = maps, height, scale, phase

    def rows(self, start: int, stop: int) -> Planes:
        """``blur``, (stop - start, scale * W, C), on the CPU."""
        scale = self._scale
        first = max(0, start // scale - _REACH)
        last = min(self._height, -(-stop // scale) + _REACH)
        map_ = self._maps.rows(first, last)["blur"].cpu().numpy()
        part = upsample(map_, scale, phase=self._phase, method="bilinear")
        wanted = part[start - scale * first : stop - scale * first]
        return {"blur": torch.from_numpy(wanted * np.float32(scale))}


def _weights() -> NetworkFile | None:
    """The estimator of the model in the box, which estimates its own error too."""
    return part_of(_box(FILE), "estimator") if FILE.is_file() else None


@lru_cache(maxsize=1)
def _box(path: Path) -> NetworkFile:
    return read_network(path)
