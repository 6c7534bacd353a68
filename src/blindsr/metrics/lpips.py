"""LPIPS and DISTS as metrics, backbones from local files: nothing is ever downloaded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from blindsr.losses.lpips import FILES, LPIPSNet, lpips_network
from blindsr.losses.torchvision_file import read_features

from .full_range import rgb_8bit

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST_SIZE = 31
"""Smallest image in pixels for the five stages of AlexNet; VGG16 needs 16."""
DISTS_LEAST_SIZE = 32
"""Smallest image in pixels for DISTS: two pixels are left after four halvings."""


def load_lpips(path: str | Path, net: LPIPSNet = "alex") -> nn.Module:
    """LPIPS for scores, see :func:`blindsr.losses.lpips.lpips_network`.

    Raises:
        FileError, WeightsError: if the file is missing, unreadable or holds another network.
    """
    return lpips_network(path, net)


def lpips_8bit(sr: Tensor, hr: Tensor, *, network: nn.Module, crop: int = 0) -> Tensor:
    """LPIPS of images after rounding to 8 bit, (N, 3, H, W) in [0, 1] -> (N,) float64.

    Args:
        sr: values outside [0, 1] are clipped.
        hr: the same shape.
        network: from :func:`load_lpips`.
        crop: border in pixels left out on every side.
    """
    first, second = ((rgb_8bit(image, crop) / 255).float() for image in (sr, hr))
    distances: Tensor = network(first, second, normalize=True)
    return distances.flatten().double()


def load_dists(path: str | Path) -> nn.Module:
    """DISTS of torchmetrics with the authors' weights of features, its backbone from a file.

    Args:
        path: torchvision's ImageNet weights of VGG16.

    Raises:
        FileError, WeightsError: if the file is missing, unreadable or holds another network.
    """
    from torchmetrics.functional.image import dists
    from torchvision.models.vgg import cfgs, make_layers

    backbone = make_layers(cfgs["D"])
    shapes = {f"features.{name}": tensor.shape for name, tensor in backbone.state_dict().items()}
    tensors = read_features(path, FILES["vgg"], shapes)
    backbone.load_state_dict({k.removeprefix("features."): v for k, v in tensors.items()})
    # its constructor asks torchvision for the weights, which would download them
    download = dists.vgg16
    dists.vgg16 = lambda **_: SimpleNamespace(features=backbone)
    try:
        network: nn.Module = dists.DISTSNetwork()
    finally:
        dists.vgg16 = download
    return network.eval().requires_grad_(False)


def dists_8bit(sr: Tensor, hr: Tensor, *, network: nn.Module, crop: int = 0) -> Tensor:
    """DISTS of images after rounding to 8 bit, (N, 3, H, W) in [0, 1] -> (N,) float64.

    Images are compared at their size, as by pyiqa; the authors' script shrinks them to 256 pixels.

    Args:
        sr: values outside [0, 1] are clipped.
        hr: the same shape.
        network: from :func:`load_dists`.
        crop: border in pixels left out on every side.
    """
    first, second = ((rgb_8bit(image, crop) / 255).float() for image in (sr, hr))
    distances: Tensor = network(first, second)
    return distances.reshape(len(sr)).double()
