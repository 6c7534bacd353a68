"""DCLS (CVPR 2022): one kernel in LR space, taken back in the space of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.fft import irfft2, rfft2
from torch.nn.functional import conv2d, pad

from blindsr.degradation.kernel_maps import sigma_of_variance, variance
from blindsr.errors import ConfigError, DataError
from blindsr.networks.blocks.padding import any_size
from blindsr.types import Estimate

from .blocks.two_paths import GroupSkip, TwoPathGroup
from .dan import enlargement
from .roles import JointNetwork

SLOPE = 0.1  # of LeakyReLU on its negative side
FILTERS = {11: (7, 3, 3, 1), 21: (11, 7, 5, 1), 31: (11, 9, 7, 5, 3)}
"""Kernel size -> sides of the filters that it is the product of."""
MIN_SIZE = 7
"""Shortest side of LR: three convolutions without padding."""
_ESTIMATOR_BLOCKS = 3
_LEAST_SUM = 1e-6
_PLAIN = (torch.float32, torch.float64)


class DCLS(JointNetwork):
    """Estimates one kernel per image in LR space and restores with it.

    The kernel is that between LR as it is and LR as it would be without blur, so a blur of sigma in
    HR pixels has about sigma / s in this kernel.

    Args:
        scale: HR size over LR size.
        kernel_size: k in LR pixels, 11, 21 or 31.
        latent: numbers that the filters of the kernel are made of.
        blocks: in each group of the restorer.
        groups: of the restorer.
        features: channels, a multiple of 4; a quarter of them goes through the deconvolution.
        sigma_max: of the data in HR pixels; no estimated sigma is larger.
        group_skip: ``"double"`` as released, where a group returns twice its result, or
            ``"residual"``, its input plus its result, as the paper draws it.

    Raises:
        ConfigError: if a number is out of bounds.

    13,626,187 parameters by default.
    """

    estimates = ("blur", "kernels")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "kernel_size": (11, 31),
        "latent": (1, 4096),
        "groups": (1, 64),
    }
    __call__: Callable[..., tuple[Tensor, Tensor]]

    def __init__(
        self,
        scale: int = 4,
        kernel_size: int = 21,
        latent: int = 256,
        blocks: int = 10,
        groups: int = 5,
        *,
        features: int = 64,
        sigma_max: float = 5.0,
        group_skip: GroupSkip = "double",
    ) -> None:
        super().__init__()
        if kernel_size not in FILTERS:
            sides = ", ".join(map(str, FILTERS))
            raise ConfigError("kernel_size", found=str(kernel_size), expected=f"one of {sides}")
        if features < 4 or features % 4:
            raise ConfigError("features", found=str(features), expected="a multiple of 4")
        for name, value in (("scale", scale), ("blocks", blocks), ("groups", groups)):
            if value < 1:
                raise ConfigError(name, found=str(value), expected="at least 1")
        self.scale, self.kernel_size, self.sigma_max = scale, kernel_size, sigma_max
        self.features, self.group_skip = features, group_skip
        # The released names of tensors.
        self.Restorer = Restorer(scale, features, blocks, groups, kernel_size, group_skip)
        self.Estimator = Estimator(features, kernel_size, latent)

    def forward(self, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Restore an LR image.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1], any size.

        Returns:
            SR image (N, 3, s*h, s*w) in [0, 1], and the kernel (N, 1, k, k), which sums to 1 and
            may be negative in places.

        Raises:
            DataError: if ``lr`` has another shape, or, in training, the taps of a kernel sum to 0.
        """
        kernels: list[Tensor] = []

        def whole(image: Tensor) -> Tensor:
            kernels.append(self.Estimator(image))
            return self.Restorer(image, kernels[-1].detach())

        if lr.ndim != 4 or lr.shape[1] != 3 or 0 in lr.shape:
            raise DataError("lr", found=f"shape {tuple(lr.shape)}", expected="(N, 3, h, w)")
        sr = any_size(whole, lr, scale=self.scale, minimum=MIN_SIZE)
        return sr, kernels[-1]

    def restore(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """SR, the kernel in every pixel, and the sigma of the data's blur that is as wide."""
        sr, kernel = self(lr)
        return sr, self.described(kernel, lr)

    def estimate(self, lr: Tensor) -> Estimate:
        """The blur alone, without the restorer."""
        found: list[Tensor] = []

        def look(image: Tensor) -> Tensor:
            found.append(self.Estimator(image))
            return image

        any_size(look, lr, scale=1, minimum=MIN_SIZE)
        return self.described(found[-1], lr)

    def described(self, kernel: Tensor, lr: Tensor) -> Estimate:
        """One kernel as :class:`~blindsr.types.Estimate`.

        Args:
            kernel: (N, 1, k, k) in LR space.
            lr: (N, 3, h, w).

        Returns:
            ``blur`` (N, 1, s*h, s*w) in HR pixels, one value per image, and ``kernels``
            (N, k*k, h, w), their taps a LR pixel apart.
        """
        height, width = lr.shape[-2:]
        taps = kernel.flatten(1)[:, :, None, None]
        taps = taps if taps.dtype in _PLAIN else taps.float()
        blur = sigma_of_variance(self.scale**2 * variance(taps), self.sigma_max)
        return Estimate(
            blur=blur.expand(-1, -1, self.scale * height, self.scale * width),
            kernels=taps.expand(-1, -1, height, width),
        )


class Estimator(nn.Module):
    """LR image -> the filters of a linear network, collapsed to one kernel."""

    def __init__(self, features: int, kernel_size: int, latent: int) -> None:
        super().__init__()
        self.kernel_size, self.sides = kernel_size, FILTERS[kernel_size]
        inner = features // 4
        last = len(self.sides) - 1
        self.shapes = [
            (3 if i == last else inner, 3 if i == 0 else inner, side, side)
            for i, side in enumerate(self.sides)
        ]
        # in sequences, as the released names of tensors have it
        self.head = nn.Sequential(nn.Conv2d(3, features, 7, padding=3))
        self.body = nn.Sequential(
            nn.Sequential(*(ResidualBlock(features) for _ in range(_ESTIMATOR_BLOCKS)))
        )
        self.tail = nn.Sequential(
            nn.Conv2d(features, features, 3),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(features, features, 3),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(features, latent, 1),
        )
        self.dec = nn.ModuleList(
            nn.Linear(latent, torch.Size(shape).numel()) for shape in self.shapes
        )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, a=0, mode="fan_in")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, lr: Tensor) -> Tensor:
        """(N, 3, h, w) -> (N, 1, k, k) whose taps sum to 1."""
        feature = self.head(lr)
        latent = self.tail(self.body(feature) + feature).flatten(1)
        filters = [
            layer(latent).view(-1, *shape)
            for layer, shape in zip(self.dec, self.shapes, strict=True)
        ]
        with torch.autocast(lr.device.type, enabled=False):
            return self._collapsed([f if f.dtype in _PLAIN else f.float() for f in filters])

    def _collapsed(self, filters: list[Tensor]) -> Tensor:
        """The answer of the linear network to a single grey pixel, for every image of the batch."""
        count = len(filters[0])
        answer = filters[0].new_ones(1, 3 * count, 1, 1)
        for index, weight in enumerate(filters):
            edge = 0 if index else self.kernel_size - 1
            answer = conv2d(answer, weight.flatten(0, 1), padding=edge, groups=count)
        kernel = answer.view(count, 3, self.kernel_size, self.kernel_size).flip(2, 3)
        kernel = kernel.mean(dim=1, keepdim=True)
        total = kernel.sum(dim=(2, 3), keepdim=True)
        if self.training and float(total.detach().abs().min()) < _LEAST_SUM:
            raise DataError(
                "DCLS",
                found="an estimated kernel whose taps sum to 0",
                expected="another sum, by which they are divided",
                fix="Train with a smaller learning rate or with gradient_clip_val.",
            )
        return kernel / total


class Restorer(nn.Module):
    """Features of LR, deconvolved, and of LR as it is, refined side by side."""

    def __init__(
        self,
        scale: int,
        features: int,
        blocks: int,
        groups: int,
        kernel_size: int,
        skip: GroupSkip,
    ) -> None:
        super().__init__()
        self.conv_first = _conv(3, features)
        self.feature_block = nn.Sequential(
            *(ResidualBlock(features) for _ in range(_ESTIMATOR_BLOCKS))
        )
        self.head1 = _conv(features, features // 4)
        self.head2 = Deconvolution(features, kernel_size)
        self.body = nn.ModuleList(
            TwoPathGroup((DualBlock(features) for _ in range(blocks)), skip) for _ in range(groups)
        )
        self.fusion = _conv(features + features // 4, features)
        self.upscale = enlargement(scale, features)

    def forward(self, lr: Tensor, kernel: Tensor) -> Tensor:
        """(N, 3, h, w) and (N, 1, k, k) -> (N, 3, s*h, s*w) in [0, 1]."""
        first = self.conv_first(lr)
        feature = self.feature_block(first)
        x, y = self.head2(feature, kernel), self.head1(feature)
        for group in self.body:
            x, y = group(x, y)
        return self.upscale(self.fusion(torch.cat([y, x], dim=1)) + first).clamp(0, 1)


class Deconvolution(nn.Module):
    """Constrained least squares: takes a kernel back, held by a filter learnt for each channel."""

    def __init__(self, features: int, kernel_size: int) -> None:
        super().__init__()
        inner = features // 4
        self.edge = kernel_size
        self.reduce_feature = nn.Conv2d(features, inner, 1)
        self.grad_filter = nn.Sequential(
            nn.Conv2d(inner, inner, 3),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(inner, inner, 3),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(inner, inner, 3),
            nn.AdaptiveAvgPool2d(3),
            nn.Conv2d(inner, inner, 1),
        )
        self.expand_feature = nn.Conv2d(inner, features, 1)

    def forward(self, feature: Tensor, kernel: Tensor) -> Tensor:
        """(N, C, h, w) and (N, 1, k, k) -> (N, C, h, w)."""
        reduced = self.reduce_feature(feature)
        raw = self.grad_filter(reduced)
        with torch.autocast(feature.device.type, enabled=False):
            plain = reduced if reduced.dtype in _PLAIN else reduced.float()
            smoothness = raw.to(plain.dtype).exp()
            smoothness = smoothness - smoothness.mean(dim=(2, 3), keepdim=True)
            clear = self._solve(plain, kernel.to(plain.dtype), smoothness)
        return self.expand_feature(clear.to(reduced.dtype))

    def _solve(self, feature: Tensor, kernel: Tensor, smoothness: Tensor) -> Tensor:
        edge = self.edge
        padded = pad(feature, (edge,) * 4, mode="replicate")
        height, width = padded.shape[-2:]
        blur, smooth = (_transfer(one, height, width) for one in (kernel, smoothness))
        weight = blur.abs().square() + smooth.abs().square()
        found = irfft2(blur.conj() * rfft2(padded) / weight, s=(height, width))
        return found[..., edge : height - edge, edge : width - edge]


def _transfer(filters: Tensor, height: int, width: int) -> Tensor:
    """(N, C, k, k), their middle tap at the origin -> half of the spectrum at this size."""
    side = filters.shape[-1]
    placed = pad(filters, (0, width - side, 0, height - side))
    return rfft2(placed.roll((-(side // 2), -(side // 2)), dims=(2, 3)))


class DualBlock(nn.Module):
    """Two residual paths, the first of which also sees the second."""

    def __init__(self, features: int) -> None:
        super().__init__()
        wide, narrow = features, features // 4
        self.body1 = nn.Sequential(_conv(wide, wide), nn.LeakyReLU(SLOPE), _conv(wide, wide))
        self.body2 = nn.Sequential(
            _conv(narrow, narrow), nn.LeakyReLU(SLOPE), _conv(narrow, narrow)
        )
        self.CA_body1 = nn.Sequential(
            nn.LeakyReLU(SLOPE), _conv(wide + narrow, wide), ChannelAttention(wide)
        )
        self.CA_body2 = ChannelAttention(narrow)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, h, w) and (N, C/4, h, w) -> the same shapes."""
        second = self.body2(y)
        both = torch.cat([self.body1(x), second], dim=1)
        return x + self.CA_body1(both), y + self.CA_body2(second)


class ChannelAttention(nn.Module):
    """Weighs each channel by a number that follows from the means of all."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(1, width // 4)
        self.conv_du = nn.Sequential(
            nn.Conv2d(width, narrow, 1), nn.ReLU(), nn.Conv2d(narrow, width, 1), nn.Sigmoid()
        )

    def forward(self, feature: Tensor) -> Tensor:
        """(N, width, h, w) -> the same shape."""
        return feature * self.conv_du(feature.mean(dim=(2, 3), keepdim=True))


class ResidualBlock(nn.Module):
    """Two convolutions, added to their input; they start small."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv(width, width), _conv(width, width)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, a=0, mode="fan_in")
            with torch.no_grad():
                conv.weight.mul_(0.1)
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> the same shape."""
        return x + self.conv2(nn.functional.leaky_relu(self.conv1(x), SLOPE))


def _conv(incoming: int, outgoing: int) -> nn.Conv2d:
    return nn.Conv2d(incoming, outgoing, 3, padding=1)


def official_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments of the constructor that follow from the tensors of a released file.

    Raises:
        KeyError: if one of them is missing.
        ValueError: if the kernel has an unknown size.
    """
    features = state["Restorer.conv_first.weight"].shape[0]
    inner = features // 4
    rows = [state[f"Estimator.dec.{i}.weight"].shape[0] for i in range(4)]
    first, second = (round((n / inner / c) ** 0.5) for n, c in zip(rows, (3, inner), strict=False))
    size = next((k for k, sides in FILTERS.items() if sides[:2] == (first, second)), None)
    if size is None:
        raise ValueError(f"the table of filters with {first} and {second}")
    if "Restorer.upscale.4.weight" in state:
        scale = 4
    else:
        scale = round((state["Restorer.upscale.0.weight"].shape[0] / features) ** 0.5)
    return {
        "scale": scale,
        "kernel_size": size,
        "latent": state["Estimator.tail.4.weight"].shape[0],
        "blocks": len({n.split(".")[4] for n in state if n.startswith("Restorer.body.0.body.")}),
        "groups": len({n.split(".")[2] for n in state if n.startswith("Restorer.body.")}),
        "features": features,
    }
