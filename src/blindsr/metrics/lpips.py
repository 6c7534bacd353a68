"""LPIPS with its backbone from a local file: nothing is ever downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import torch

from blindsr.errors import WeightsError, missing_file

if TYPE_CHECKING:
    from torch import Tensor, nn

LPIPSNet = Literal["alex", "vgg"]
BACKBONES: dict[str, str] = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
}
"""The ImageNet files of torchvision that LPIPS was calibrated on, by their served names."""
LEAST_SIZE = 31
"""Smallest image in pixels for the five stages of AlexNet; VGG16 needs 16."""


def load_lpips(path: str | Path, net: LPIPSNet = "alex") -> nn.Module:
    """LPIPS v0.1 (Zhang et al. 2018) of torchmetrics, with the ImageNet backbone from a file.

    The calibrated linear layers come with torchmetrics.

    Args:
        path: torchvision's ImageNet weights of AlexNet or VGG16, see :data:`BACKBONES`.
        net: which of the two.

    Returns:
        A frozen module in evaluation mode; ``module(sr, hr, normalize=True)`` takes images in
        [0, 1], (N, 3, H, W), and returns (N, 1, 1, 1).

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds another network.
    """
    from torchmetrics.functional.image.lpips import _LPIPS

    path = Path(path)
    if not path.is_file():
        raise missing_file(
            path,
            f"torchvision's {BACKBONES[net]}",
            f"Copy {BACKBONES[net]} there from a machine with a network, or go without LPIPS.",
        )
    network = _LPIPS(net=net, pnet_rand=True)
    state = _features(path)
    backbone = network.net
    for name, parameter in backbone.named_parameters():  # slice2.3.weight -> features.3.weight
        key = "features." + name.partition(".")[2]
        if key not in state or state[key].shape != parameter.shape:
            raise WeightsError(
                path,
                found=f"no {key} of shape {tuple(parameter.shape)}",
                expected=f"the tensors of {BACKBONES[net]}",
            )
        with torch.no_grad():
            parameter.copy_(state[key])
    return cast("nn.Module", network.eval().requires_grad_(False))


def lpips_8bit(sr: Tensor, hr: Tensor, *, network: nn.Module, crop: int = 0) -> Tensor:
    """LPIPS of images after rounding to 8 bit, (N, 3, H, W) in [0, 1] -> (N,) float64.

    Args:
        sr: values outside [0, 1] are clipped.
        hr: the same shape.
        network: from :func:`load_lpips`.
        crop: border in pixels left out on every side.
    """
    height, width = hr.shape[-2:]
    inner = (..., slice(crop, height - crop), slice(crop, width - crop))
    first, second = ((x.clamp(0, 1) * 255).round()[inner] / 255 for x in (sr, hr))
    return cast("Tensor", network(first, second, normalize=True)).flatten().double()


def _features(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {k: v for k, v in state.items() if k.startswith("features.")}
    except Exception as error:  # pickle, zip and EOF each raise their own
        raise WeightsError(
            path,
            found=f"not readable as weights ({type(error).__name__})",
            expected="ImageNet weights of torchvision",
        ) from error
