"""The estimator of blur that comes with the package, for models that do not see blur themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from blindsr.errors import WeightsError
from blindsr.weights.checkpoint import NetworkFile, read_network

from .kept_blur import DEFAULT_KEEP_BLUR
from .model import Estimator
from .open_model import ASSETS, SMALL, engine_parts

FILE = ASSETS / f"{SMALL}.safetensors"
_PART = "estimator"


def default_keep_blur() -> float:
    """What is kept unasked: nothing where an installation lacks the estimator."""
    return 0.0 if _weights() is None else DEFAULT_KEEP_BLUR


@lru_cache(maxsize=4)
def blur_in_box(scale: int, device: torch.device) -> Estimator:
    """Estimator of sigma and of its uncertainty in HR pixels.

    Args:
        scale: HR size over LR size.
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
    network = replace(file, settings={**file.settings, "scale": scale}).network()
    estimator, _ = engine_parts(network, device)
    assert estimator is not None
    return estimator


def _weights() -> NetworkFile | None:
    """The estimator of the model in the box, if that one says how far off it may be."""
    if not FILE.is_file():
        return None
    file = _box(FILE)
    part = file.parts.get(_PART)
    if part is None or part.kind.name != "blur_unet":
        return None
    start = f"{_PART}."
    state = {k.removeprefix(start): v for k, v in file.state.items() if k.startswith(start)}
    return replace(file, kind=part.kind.name, settings=dict(part.settings), state=state)


@lru_cache(maxsize=1)
def _box(path: Path) -> NetworkFile:
    return read_network(path)
