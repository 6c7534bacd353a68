"""Distance of two images in the features of a VGG network (Johnson 2016, as in Real-ESRGAN)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from blindsr.errors import ConfigError

from .torchvision_file import read_features, require_images

VGG = Literal["vgg19", "vgg16"]
FILES: dict[str, str] = {"vgg19": "vgg19-dcbb9e9d.pth", "vgg16": "vgg16-397923af.pth"}
"""torchvision's ImageNet files by their served names."""
REAL_ESRGAN = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
"""Layers of VGG19 and their weights in Real-ESRGAN."""

_DEPTHS: dict[str, tuple[int, ...]] = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3)}
_WIDTHS = (64, 128, 256, 512, 512)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


class PerceptualLoss(nn.Module):
    """Weighted sum of mean absolute differences of VGG features before their ReLU.

    The network is frozen, always in evaluation mode, and no part of ``parameters()`` or
    ``state_dict()``: a checkpoint of a training does not carry it. Gradients reach the restored
    image only.

    Args:
        path: torchvision's ImageNet weights of ``net``, a local file; see :data:`FILES`.
        layers: weight of every layer that is compared, by its name ``conv<block>_<number>``;
            ``None`` for :data:`REAL_ESRGAN`, which only VGG19 has.
        net: ``"vgg19"`` or ``"vgg16"``.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds another network.
        ConfigError: if the network or one of its layers is unknown.
    """

    def __init__(
        self, path: str | Path, layers: Mapping[str, float] | None = None, net: VGG = "vgg19"
    ) -> None:
        super().__init__()
        self.layers = dict(REAL_ESRGAN if layers is None else layers)
        _check_options(self.layers, net)
        last = max(map(_position, self.layers))
        features = _Features(net, last)
        shapes = {name: tensor.shape for name, tensor in features.state_dict().items()}
        features.load_state_dict(read_features(path, FILES[net], shapes))
        self.min_size = 2 ** (last[0] - 1)
        self._network = [features.eval().requires_grad_(False)]  # in a list: no submodule

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Compare restored and true images, both (N, 3, H, W) sRGB in [0, 1], not clipped.

        Raises:
            DataError: if the shapes differ, or the images are too small for the deepest layer.
        """
        require_images(sr, hr, self.min_size)
        network = self._network[0].to(sr.device)
        restored = network(sr.float())
        with torch.no_grad():
            true = network(hr.float())
        parts = [
            weight * l1_loss(restored[name].float(), true[name].float())
            for name, weight in self.layers.items()
        ]
        return torch.stack(parts).sum()


class _Features(nn.Module):
    """The convolutions of a VGG network up to layer ``last``, by torchvision's names."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: str, last: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(3, 1, 1), persistent=False)
        self.features = nn.ModuleDict()
        self.names: dict[str, str] = {}  # index in torchvision's Sequential -> conv<block>_<number>
        index, channels = 0, 3
        for block, (depth, width) in enumerate(zip(_DEPTHS[net], _WIDTHS, strict=True), 1):
            for number in range(1, depth + 1):
                if (block, number) > last:
                    return
                self.names[str(index)] = f"conv{block}_{number}"
                self.features[str(index)] = nn.Conv2d(channels, width, 3, padding=1)
                index, channels = index + 2, width  # its ReLU
            index += 1  # the pooling

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) in [0, 1] -> every layer before its ReLU, (N, C, H/2^(block-1), ...)."""
        x = (image - self.mean) / self.std
        layers: dict[str, Tensor] = {}
        for index, name in self.names.items():
            if layers:
                x = x.relu()  # not in place: the layer is an output
            if layers and name.endswith("_1"):
                x = nn.functional.max_pool2d(x, 2)
            x = layers[name] = self.features[index](x)
        return layers


def _position(name: str) -> tuple[int, int]:
    block, _, number = name.removeprefix("conv").partition("_")
    return int(block), int(number)


def _check_options(layers: Mapping[str, float], net: str) -> None:
    if net not in get_args(VGG):
        expected = " or ".join(map(repr, get_args(VGG)))
        raise ConfigError("net", found=repr(net), expected=expected)
    if not layers:
        raise ConfigError("layers", found="none", expected="weights by layer, as {'conv5_4': 1.0}")
    depths = enumerate(_DEPTHS[net], 1)
    known = [f"conv{block}_{number + 1}" for block, depth in depths for number in range(depth)]
    for name in layers:
        if name not in known:
            raise ConfigError("layers", found=repr(name), expected=f"of {', '.join(known)}")
