"""The estimator of blur that comes with the package, for models that do not see blur themselves."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import cast

import torch

from blindsr.errors import WeightsError
from blindsr.networks.blur_unet import BlurUNet
from blindsr.networks.tile_needs import TileNeeds
from blindsr.weights.reading import read_state_dict

from .kept_blur import DEFAULT_KEEP_BLUR
from .model import Estimator

FILE = Path(__file__).resolve().parent.parent / "assets" / "blur.safetensors"
_NEEDS = TileNeeds((32, 32), 256, 1, 1000)


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
        WeightsError: it is not in this installation.
    """
    if not FILE.is_file():
        raise WeightsError(
            "keep_blur",
            found="no estimator of blur in this installation",
            expected=f"{FILE.name} in {FILE.parent}",
            fix="Install the package again, or keep no blur: --keep-blur 0.",
        )
    state, _ = read_state_dict(FILE)
    network = BlurUNet(scale=scale, width=cast("torch.Tensor", state["stem.weight"]).shape[0])
    network.load_state_dict(state)
    return Estimator(network.eval().requires_grad_(False).to(device), _NEEDS, sees_blur=True)
