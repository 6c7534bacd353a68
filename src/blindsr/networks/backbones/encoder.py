"""Encoders of segmentation-models-pytorch (and through it timm) as backbones of CMOS."""

from __future__ import annotations

import difflib
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from blindsr.errors import ConfigError

SCALES = 4


class Encoder(nn.Module):
    """The four finest feature maps of an encoder, for any image size.

    Args:
        name: an encoder of segmentation-models-pytorch (``resnet18``), or a model of timm with
            the prefix ``tu-`` (``tu-convnext_atto``). It starts with random weights.
        in_channels: C of its input.

    Raises:
        ConfigError: if there is no such encoder, or it has fewer than four scales.
    """

    def __init__(self, name: str, in_channels: int = 3) -> None:
        super().__init__()
        encoder = _build(name, in_channels, depth=SCALES)
        if len(_filled(encoder)) < SCALES:  # some begin at stride 4 and need one stage more
            encoder = _build(name, in_channels, depth=SCALES + 1)
        self.chosen = _filled(encoder)[:SCALES]
        if len(self.chosen) < SCALES:
            raise ConfigError(
                "backbone",
                found=f"{name} with {len(self.chosen)} scales",
                expected="an encoder with four scales",
            )
        self.encoder = encoder
        first, second, third, fourth = (int(encoder.out_channels[i]) for i in self.chosen)
        self.channels = (first, second, third, fourth)
        self.stride = 2 ** self.chosen[-1]
        self._freeze_unused(in_channels)

    @torch.enable_grad()
    def _freeze_unused(self, in_channels: int) -> None:
        """Freeze stages that are built but not used: distributed training would wait for them."""
        self.eval()
        sum(x.sum() for x in self(torch.zeros(1, in_channels, 64, 64))).backward()
        for parameter in self.parameters():
            parameter.requires_grad_(parameter.grad is not None)
            parameter.grad = None
        self.train()

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, C, h, w) -> four maps at strides 2..16 or 4..32, sizes rounded up, finest first."""
        height, width = x.shape[2:]
        bottom, right = -height % self.stride, -width % self.stride
        features = self.encoder(pad(x, (0, right, 0, bottom), mode="replicate"))
        return [
            features[i][..., : -(-height // 2**i), : -(-width // 2**i)]  # rounded up
            for i in self.chosen
        ]


def is_known_encoder(name: str) -> bool:
    """Whether a name stands for code of segmentation-models-pytorch or, after ``tu-``, of timm.

    Names of a hub or a folder (``tu-hf-hub:...``, ``tu-local-dir:...``) are refused.
    """
    import timm
    from segmentation_models_pytorch import encoders

    model = name.removeprefix("tu-")
    if model != name:
        return ":" not in model and "/" not in model and timm.is_model(model)
    return name in encoders.get_encoder_names()


def _filled(encoder: Any) -> list[int]:
    """Stages after the input that have channels."""
    return [i for i, width in enumerate(encoder.out_channels) if i and width]


def _build(name: str, in_channels: int, depth: int) -> Any:
    """An ``SMPEncoder``, an ``nn.Module`` with ``out_channels``; the library has no types."""
    from segmentation_models_pytorch import encoders

    try:
        return encoders.get_encoder(name, in_channels=in_channels, depth=depth, weights=None)
    except (KeyError, RuntimeError, ValueError) as error:
        known = [*encoders.get_encoder_names(), "hrnet_w18_small_v2", "pyramid_small"]
        near = difflib.get_close_matches(name, known, n=1)
        raise ConfigError(
            "backbone",
            found=f"{name!r}",
            expected="hrnet_w18_small_v2, pyramid_small, an encoder of segmentation-models-pytorch "
            "(resnet18, ...) or tu-<model of timm>",
            fix=f"Did you mean {near[0]}?" if near else "",
        ) from error
