"""Weights of torchvision's ImageNet networks from a local file, and a check of compared images."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from blindsr.errors import DataError, WeightsError, missing_file

if TYPE_CHECKING:
    from torch import Tensor


def read_features(
    path: str | Path, served_name: str, shapes: Mapping[str, torch.Size]
) -> dict[str, Tensor]:
    """Read tensors ``features.*`` of torchvision's ImageNet weights, weights-only, on the CPU.

    Args:
        path: the local file.
        served_name: the file's name where torchvision has it, for messages.
        shapes: shape of every tensor that is needed, by its name in the file.

    Returns:
        Just those tensors.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds another network.
    """
    path = Path(path)
    get = f"Copy {served_name} there from a machine with a network"
    if not path.is_file():
        raise missing_file(path, f"torchvision's {served_name}", f"{get}, or go without it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about a pickle that it then refuses
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and EOF each raise their own
        raise WeightsError(
            path,
            found=f"not readable as weights ({type(error).__name__})",
            expected=f"torchvision's {served_name}",
            fix=f"{get}.",
        ) from error
    if not isinstance(state, dict):
        state = {}
    for name, shape in shapes.items():
        tensor = state.get(name)
        if not isinstance(tensor, torch.Tensor) or tensor.shape != shape:
            raise WeightsError(
                path,
                found=f"no {name} of shape {tuple(shape)}",
                expected=f"the tensors of torchvision's {served_name}",
                fix=f"{get}.",
            )
    return {name: state[name] for name in shapes}


def require_images(sr: Tensor, hr: Tensor, min_size: int) -> None:
    """Raise a DataError unless both are (N, 3, H, W) of one shape, at least ``min_size`` a side."""
    if sr.ndim != 4 or sr.shape[1] != 3 or min(sr.shape[-2:]) < min_size:
        raise DataError(
            "sr",
            found=f"shape {tuple(sr.shape)}",
            expected=f"(N, 3, H, W) of at least {min_size} x {min_size} pixels",
        )
    if sr.shape != hr.shape:
        raise DataError(
            "hr", found=f"shape {tuple(hr.shape)}", expected=f"{tuple(sr.shape)} as the SR image"
        )
