"""U-Net discriminators with a logit per pixel, with or without a blur mask (PBaSR, sec. 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from blindsr.errors import ConfigError, DataError, WeightsError
from blindsr.networks.blocks.spectral import SpectralConv2d

Conditioning = Literal["concat", "identity"]
MULTIPLE = 8
"""H and W of the images must be multiples of this: three convolutions halve them."""
SLOPE = 0.2  # of the leaky ReLU


class _UNet(nn.Module):
    """The convolutions ``conv0`` .. ``conv9`` of Real-ESRGAN's discriminator, and their order."""

    def __init__(self, in_channels: int, features: int) -> None:
        super().__init__()
        c = features
        self.conv0 = nn.Conv2d(in_channels, c, 3, padding=1)
        self.conv1 = SpectralConv2d(c, 2 * c, 4, 2, 1)
        self.conv2 = SpectralConv2d(2 * c, 4 * c, 4, 2, 1)
        self.conv3 = SpectralConv2d(4 * c, 8 * c, 4, 2, 1)
        self.conv4 = SpectralConv2d(8 * c, 4 * c, 3, 1, 1)
        self.conv5 = SpectralConv2d(4 * c, 2 * c, 3, 1, 1)
        self.conv6 = SpectralConv2d(2 * c, c, 3, 1, 1)
        self.conv7 = SpectralConv2d(c, c, 3, 1, 1)
        self.conv8 = SpectralConv2d(c, c, 3, 1, 1)
        self.conv9 = nn.Conv2d(c, 1, 3, padding=1)

    def judge(self, first: Tensor) -> Tensor:
        """Everything after ``conv0``: (N, features, H, W), activated -> logits (N, 1, H, W)."""
        half = _activate(self.conv1(first))  # (N, 2c, H/2, W/2)
        quarter = _activate(self.conv2(half))  # (N, 4c, H/4, W/4)
        x = _activate(self.conv3(quarter))  # (N, 8c, H/8, W/8)
        x = _activate(self.conv4(_double(x))) + quarter
        x = _activate(self.conv5(_double(x))) + half
        x = _activate(self.conv6(_double(x))) + first
        x = _activate(self.conv8(_activate(self.conv7(x))))
        return self.conv9(x)


class UNetDiscriminator(_UNet):
    """Real or restored, for every pixel: the U-Net of Real-ESRGAN (Wang et al. 2021).

    Down to an eighth of the size and up again, with skip connections that add the features of the
    same size; ``conv1`` to ``conv8`` are under spectral norm and have no bias. The 28 tensors are
    named as in Real-ESRGAN's and FeMaSR's published files (``conv0.weight``, ``conv1.weight_orig``,
    ``conv1.weight_u``, ...): ``load_state_dict`` takes those as they are.

    Args:
        in_channels: channels of the image.
        features: channels after the first convolution.

    4,376,897 parameters with 3 channels, 4,377,473 with 4.
    """

    def __init__(self, in_channels: int = 3, features: int = 64) -> None:
        super().__init__(in_channels, features)

    def forward(self, image: Tensor) -> Tensor:
        """Judge an image.

        Args:
            image: (N, C, H, W) sRGB in [0, 1], H and W multiples of 8.

        Returns:
            (N, 1, H, W) logits; large for real.

        Raises:
            DataError: if the shape is another.
        """
        _check_image(image, self.conv0.in_channels)
        return self.judge(_activate(self.conv0(image)))


class ConditionalDiscriminator(_UNet):
    """The U-Net discriminator that also sees where the image is meant to be sharp.

    Args:
        mode: ``"concat"``, as the paper says, joins the mask to the image as a fourth channel;
            the first convolution is then no longer that of a published discriminator.
            ``"identity"`` keeps the unconditional network whole: the mask becomes 32 features (3x3
            convolution, leaky ReLU), which a 1x1 convolution joins to the output of ``conv0``.
            It starts as the identity on the image's features and zero on the mask's: the network
            starts as the unconditional one and learns to use the mask
            (:meth:`load_unconditional`).
        features: channels after the first convolution; the mask gets half as many.

    Raises:
        ConfigError: for another ``mode``.

    4,377,473 parameters with ``"concat"``, 4,383,425 with ``"identity"``.
    """

    def __init__(self, mode: Conditioning = "concat", features: int = 64) -> None:
        if mode not in get_args(Conditioning):
            raise ConfigError("mode", found=repr(mode), expected="'concat' or 'identity'")
        super().__init__(4 if mode == "concat" else 3, features)
        self.mode = mode
        if mode == "identity":
            self.mask_conv = nn.Conv2d(1, features // 2, 3, padding=1)
            self.fuse = nn.Conv2d(features + features // 2, features, 1)
            nn.init.dirac_(self.fuse.weight)  # ones on the diagonal, zero for the mask
            assert self.fuse.bias is not None
            nn.init.zeros_(self.fuse.bias)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Judge an image against its blur mask.

        Args:
            image: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 8.
            mask: (N, 1, H, W), 1 = sharp, 0 = blurred.

        Returns:
            (N, 1, H, W) logits; large for real.

        Raises:
            DataError: if a shape is another.
        """
        _check_image(image, 3)
        expected = (len(image), 1, *image.shape[-2:])
        if tuple(mask.shape) != expected:
            raise DataError("mask", found=f"shape {tuple(mask.shape)}", expected=f"{expected}")
        mask = mask.to(image.dtype)
        if self.mode == "concat":
            first = self.conv0(torch.cat([image, mask], 1))
        else:
            maps = [self.conv0(image), _activate(self.mask_conv(mask))]
            first = self.fuse(torch.cat(maps, 1))
        return self.judge(_activate(first))

    def load_unconditional(self, state: Mapping[str, Tensor]) -> None:
        """Load all 28 tensors of an unconditional discriminator; the mask's layers keep their own.

        Called on a new network of mode ``"identity"``, the two then give the same logits to the
        bit whatever the mask says (up to rounding where a GPU computes convolutions in TF32).

        Args:
            state: by the names of :class:`UNetDiscriminator` with 3 channels.

        Raises:
            WeightsError: if a tensor is missing, unknown or of another shape, as ``conv0.weight``
                is with ``"concat"``; the network is then unchanged.
        """
        own = {
            k: v for k, v in self.state_dict().items() if not k.startswith(("mask_conv", "fuse"))
        }
        faults = [f"no {name}" for name in own if name not in state]
        faults += [f"unknown {name}" for name in state if name not in own]
        faults += [
            f"{name} of shape {tuple(state[name].shape)} for {tuple(own[name].shape)}"
            for name in own
            if name in state and state[name].shape != own[name].shape
        ]
        if faults:
            raise WeightsError(
                "state",
                found=f"{', '.join(faults[:3])}{', ...' if len(faults) > 3 else ''}",
                expected=f"the {len(own)} tensors of an unconditional discriminator",
                fix="Only mode 'identity' takes them." if self.mode == "concat" else "",
            )
        self.load_state_dict({**self.state_dict(), **state})


def _activate(feature: Tensor) -> Tensor:
    return leaky_relu(feature, SLOPE)


def _double(feature: Tensor) -> Tensor:
    return interpolate(feature, scale_factor=2, mode="bilinear", align_corners=False)


def _check_image(image: Tensor, channels: int) -> None:
    if image.ndim != 4 or image.shape[1] != channels:
        found, expected = tuple(image.shape), f"(N, {channels}, H, W)"
        raise DataError("image", found=f"shape {found}", expected=expected)
    height, width = image.shape[-2:]
    if not height or not width or height % MULTIPLE or width % MULTIPLE:
        raise DataError(
            "image",
            found=f"{height} x {width} pixels",
            expected=f"multiples of {MULTIPLE}",
            fix="Crop or pad it, or choose another size of the HR patches.",
        )
