"""KOALAnet (CVPR 2021): a kernel for every LR pixel, and features filtered by what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad, relu

from blindsr.degradation.kernel_basis import sigma_max_of
from blindsr.degradation.kernel_maps import sigma_of_kernels
from blindsr.errors import ConfigError
from blindsr.imaging.resize import upsample
from blindsr.types import Estimate

from .blocks.local_filter import depth_to_space, local_enlargement, local_filter, summing_to_one
from .roles import JointNetwork

MULTIPLE = 4
"""LR is padded to multiples of it: the kernel network halves its maps twice."""
KOALA_BLOCKS, BLOCKS = 5, 12
FILTER = 7
"""Side of the local filters of features."""


class KOALAnet(JointNetwork):
    """A U-Net tells the kernel of every LR pixel; a restorer adapts its features to it.

    Modules carry the names of the released TensorFlow variables, ``/`` read as ``.``.

    Args:
        scale: HR size over LR size, 2 or 4.
        down_kernel: side of the kernels in HR pixels. Odd: its centre is the HR pixel that s-fold
            down-sampling keeps, and sigma of the data goes up to (side - 1) / 4. Even, as released:
            its centre is that of the s*s HR pixels of an LR pixel.
        up_kernel: side of the filters, in LR pixels, that enlarge; odd.
        features: channels; a multiple of 4.

    Raises:
        ConfigError: if a number is out of bounds.
    """

    estimates = ("blur", "kernels")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "down_kernel": (3, 401),
        "up_kernel": (1, 31),
        "features": (4, 1024),
    }
    __call__: Callable[..., tuple[Tensor, Tensor]]

    def __init__(
        self, scale: int = 4, down_kernel: int = 20, up_kernel: int = 5, *, features: int = 64
    ) -> None:
        super().__init__()
        wrong = (
            ("scale", scale, scale not in (2, 4), "2 or 4"),
            ("down_kernel", down_kernel, down_kernel < 3, "3 or more"),
            ("up_kernel", up_kernel, up_kernel < 1 or up_kernel % 2 == 0, "an odd number"),
            ("features", features, features < 4 or features % 4 != 0, "a multiple of 4"),
        )
        for name, value, refused, expected in wrong:
            if refused:
                raise ConfigError(name, found=str(value), expected=expected)
        self.scale, self.down_kernel, self.up_kernel = scale, down_kernel, up_kernel
        self.features = features
        self.phase = (scale - 1) / 2 if down_kernel % 2 == 0 else 0.0
        self.sigma_max = sigma_max_of(down_kernel | 1)
        self.SISR_DDF = KernelNetwork(features, down_kernel**2)
        self.SISR_DUF = AdaptedRestorer(scale, features, down_kernel**2, up_kernel)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(torch.as_tensor(module.bias))

    def forward(self, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Restore an LR image and estimate the kernel of its every pixel.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1], any size.

        Returns:
            SR image (N, 3, s*h, s*w), not clipped, and (N, k*k, h, w) kernels, which sum to 1 and
            may have negative taps.
        """
        raw = self.raw_kernels(lr)
        return self.restored(lr, raw), summing_to_one(raw)

    def raw_kernels(self, lr: Tensor) -> Tensor:
        """(N, 3, h, w) in [0, 1] -> (N, k*k, h, w), kernels but for their sum."""
        return _padded(lambda x: self.SISR_DDF(2 * x - 1), lr, 1)

    def restored(self, lr: Tensor, raw: Tensor | None) -> Tensor:
        """SR image with raw kernels; with ``None`` features are not adapted (stage 2)."""
        if raw is None:
            return _padded(lambda x: (self.SISR_DUF(2 * x - 1, None) + 1) / 2, lr, self.scale)
        both = torch.cat([lr, raw.to(lr.dtype)], dim=1)

        def run(x: Tensor) -> Tensor:
            return (self.SISR_DUF(2 * x[:, :3] - 1, x[:, 3:]) + 1) / 2

        return _padded(run, both, self.scale)

    def restore(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """SR image; kernels, and the sigma of each at HR size."""
        sr, kernels = self(lr)
        return sr, self.described(kernels)

    def estimate(self, lr: Tensor) -> Estimate:
        """The kernel network alone."""
        return self.described(summing_to_one(self.raw_kernels(lr)))

    def described(self, kernels: Tensor) -> Estimate:
        """Kernels (N, k*k, h, w) and the sigma of each, in the phase of their windows."""
        positive = kernels.clamp_min(0).unflatten(1, (self.down_kernel,) * 2)
        if self.down_kernel % 2 == 0:  # a window of the data is odd
            positive = pad(positive, (0, 0, 0, 0, 0, 1, 0, 1))
        blur = sigma_of_kernels(positive.flatten(1, 2), self.sigma_max)
        hr = upsample(blur, self.scale, phase=self.phase, method="bilinear")
        return Estimate(blur=hr, kernels=kernels)


class KernelNetwork(nn.Module):
    """U-Net from LR in [-1, 1] to raw kernels; sides are multiples of 4."""

    def __init__(self, features: int, taps: int) -> None:
        super().__init__()
        narrow, middle, wide = features, 2 * features, 4 * features
        self.enc_block_res = nn.ModuleList([_Encoder(3, narrow), _Encoder(narrow, middle)])
        self.bottleneck_res = _Bottom(middle, wide)
        self.dec_block_res = nn.ModuleList([_Decoder(wide, middle), _Decoder(middle, narrow)])
        self.conv2d = _conv(narrow, narrow)
        self.conv2d_1 = _conv(narrow, taps)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, h, w) -> (N, taps, h, w)."""
        skips = []
        for block in self.enc_block_res:
            skips.append(block(x))
            x = max_pool2d(skips[-1], 2)
        x = self.bottleneck_res(x)
        for block in self.dec_block_res:
            x = block(x, skips.pop())
        return self.conv2d_1(relu(self.conv2d(x)))


class AdaptedRestorer(nn.Module):
    """LR in [-1, 1] and raw kernels -> SR in [-1, 1]; kernels adapt the first five blocks."""

    def __init__(self, scale: int, features: int, taps: int, up_kernel: int) -> None:
        super().__init__()
        self.scale = scale
        self.kernel_condition = nn.Module()
        for name in ("conv2d", "conv2d_1", "conv2d_2"):
            incoming = taps if name == "conv2d" else features
            self.kernel_condition.add_module(name, _conv(incoming, features))
        self.conv2d = _conv(3, features)
        for number in range(1, BLOCKS + 1):
            self.add_module(f"Residual_block0_{number}", Residual(features))
        self.KOALA_module = nn.ModuleDict(
            {str(number): _Koala(features) for number in range(1, KOALA_BLOCKS + 1)}
        )
        self.conv2d_1 = _conv(features, 2 * features)
        self.conv2d_2 = _conv(2 * features, (up_kernel * scale) ** 2)
        self.conv2d_3 = _conv(features, 2 * features)
        self.conv2d_4 = _conv(features // 2, features if scale == 4 else 3)
        if scale == 4:
            self.conv2d_5 = _conv(features // 4, 3)

    def forward(self, x: Tensor, raw: Tensor | None) -> Tensor:
        """(N, 3, h, w) and (N, taps, h, w), or ``None`` for blocks as they are."""
        condition = raw
        if condition is not None:
            for layer in self.kernel_condition.children():
                condition = relu(layer(condition))
        n = self.conv2d(x)
        for number in range(1, BLOCKS + 1):
            block = self.get_submodule(f"Residual_block0_{number}")
            assert isinstance(block, Residual)
            change = block.change(n)
            if condition is not None and number <= KOALA_BLOCKS:
                change = self.KOALA_module[str(number)](change, condition)
            n = n + change
        n = relu(n)
        weights = self.conv2d_2(relu(self.conv2d_1(n)))
        weights = summing_to_one(weights.unflatten(1, (-1, self.scale**2))).flatten(1, 2)
        return local_enlargement(x, weights, self.scale) + self.detail(n)

    def detail(self, n: Tensor) -> Tensor:
        """Features (N, C, h, w) -> what local filters cannot make, (N, 3, s*h, s*w)."""
        rgb = depth_to_space(relu(self.conv2d_3(n)), 2)
        if self.scale == 2:
            return self.conv2d_4(rgb)
        return self.conv2d_5(depth_to_space(relu(self.conv2d_4(rgb)), 2))


class Residual(nn.Module):
    """Two convolutions, each after a ReLU, beside the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv2d, self.conv2d_1 = _conv(width, width), _conv(width, width)

    def change(self, x: Tensor) -> Tensor:
        """What is added to the input, (N, C, h, w)."""
        return self.conv2d_1(relu(self.conv2d(relu(x))))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> the same shape."""
        return x + self.change(x)


class _Koala(nn.Module):
    """Multiplies features by a map and filters them, both told by a condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv2d, self.conv2d_1 = _conv(width, width), _conv(width, width)
        self.conv2d_2, self.conv2d_3 = _conv(width, width, 1), _conv(width, FILTER**2, 1)

    def forward(self, feature: Tensor, condition: Tensor) -> Tensor:
        gain = self.conv2d_1(relu(self.conv2d(condition)))
        return local_filter(feature * gain, summing_to_one(self.raw_filter(condition)))

    def raw_filter(self, condition: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, 49, h, w), a filter of each pixel but for its sum."""
        return self.conv2d_3(relu(self.conv2d_2(condition)))


class _Encoder(nn.Module):
    def __init__(self, incoming: int, width: int) -> None:
        super().__init__()
        self.conv2d = _conv(incoming, width)
        self.res_block = nn.ModuleList(Residual(width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2d(x)
        for block in self.res_block:
            x = block(x)
        return relu(x)


class _Bottom(nn.Module):
    def __init__(self, incoming: int, width: int) -> None:
        super().__init__()
        self.conv2d = _conv(incoming, width)
        self.Residual_block = Residual(width)

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.Residual_block(self.conv2d(x)))


class _Decoder(nn.Module):
    def __init__(self, incoming: int, width: int) -> None:
        super().__init__()
        self.conv2d_transpose = nn.ConvTranspose2d(incoming, width, 4, stride=2, padding=1)
        self.conv2d = _conv(2 * width, width)
        self.res_block = nn.ModuleList(Residual(width) for _ in range(2))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.conv2d(torch.cat([self.conv2d_transpose(x), skip], dim=1))
        for block in self.res_block:
            x = block(x)
        return relu(x)


def _padded(run: Callable[[Tensor], Tensor], x: Tensor, scale: int) -> Tensor:
    """Repeat the last row and column until the sides are multiples of 4; cut off the rest."""
    height, width = x.shape[-2:]
    missing = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
    return run(pad(x, missing, mode="replicate"))[..., : scale * height, : scale * width]


def _conv(incoming: int, outgoing: int, side: int = 3) -> nn.Conv2d:
    return nn.Conv2d(incoming, outgoing, side, padding=side // 2)


def official_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments of the constructor that follow from the tensors of a released file.

    Raises:
        KeyError: if one of them is missing.
    """
    scale = 4 if "SISR_DUF/conv2d_5/kernel" in state else 2
    outputs = {  # (rows, columns, in, out)
        name: state[f"{name}/kernel"].shape[-1]
        for name in ("SISR_DDF/conv2d_1", "SISR_DUF/conv2d_2", "SISR_DUF/conv2d")
    }
    return {
        "scale": scale,
        "down_kernel": round(outputs["SISR_DDF/conv2d_1"] ** 0.5),
        "up_kernel": round(outputs["SISR_DUF/conv2d_2"] ** 0.5 / scale),
        "features": outputs["SISR_DUF/conv2d"],
    }


def from_tensorflow(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by TensorFlow's names and axes -> by ours; what an optimiser left is dropped.

    The order (rows, columns, in, out) of a convolution, and (rows, columns, out, in) of a
    transposed one, both become torch's by the same permutation.
    """
    renamed = {}
    for name, tensor in state.items():
        plain = name.removesuffix(":0")
        if plain.startswith("SISR_") and plain.endswith(("/kernel", "/bias")):
            ours = plain.replace("/", ".").removesuffix(".kernel")
            ours = ours if plain.endswith("/bias") else f"{ours}.weight"
            renamed[ours] = tensor.permute(3, 2, 0, 1).contiguous() if tensor.ndim == 4 else tensor
    return renamed


def to_tensorflow(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of :func:`from_tensorflow`."""
    return {
        (name.removesuffix(".weight") + ".kernel" if name.endswith(".weight") else name).replace(
            ".", "/"
        ): tensor.permute(2, 3, 1, 0).contiguous() if tensor.ndim == 4 else tensor
        for name, tensor in state.items()
    }
