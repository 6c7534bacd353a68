"""The estimator of blur that comes with the package, for models that do not see blur themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch

from blindsr.errors import WeightsError
from blindsr.weights.checkpoint import read_network

from .kept_blur import DEFAULT_KEEP_BLUR
from .model import Estimator
from .open_model import ASSETS, engine_parts

FILE = ASSETS / "blur.safetensors"


def default_keep_blur() -> float:
    """What is kept unasked: nothing where an installation lacks the estimator."""
    return DEFAULT_KEEP_BLUR if FILE.is_file() else 0.0


@lru_cache(maxsize=4)
def blur_in_box(scale: int, device: torch.device) -> Estimator:
    """Estimator of sigma and of its uncertainty in HR pixels.

    Args:
        scale: HR size over LR size.
        device: where to put it.

    Raises:
        WeightsError: it is not in this installation, or cannot be read.
    """
    if not FILE.is_file():
        raise WeightsError(
            "keep_blur",
            found="no estimator of blur in this installation",
            expected=f"{FILE.name} in {FILE.parent}",
            fix="Install the package again, or keep no blur: --keep-blur 0.",
        )
    file = read_network(FILE)  # its scale is only the size and the unit of its maps
    network = replace(file, settings={**file.settings, "scale": scale}).network()
    estimator, _ = engine_parts(network, device)
    assert estimator is not None
    return estimator
