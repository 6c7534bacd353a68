"""DAN (NeurIPS 2020; second version arXiv 2105.06878): restorer and estimator take turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from blindsr.degradation.kernel_basis import gaussian_basis, sigma_max_of
from blindsr.degradation.kernel_maps import kernel_map, sigma_of_kernels
from blindsr.errors import ConfigError
from blindsr.types import Estimate

from .blocks.two_paths import GroupSkip, TwoPathGroup
from .roles import JointNetwork

SLOPE = 0.2  # of LeakyReLU on its negative side
_PAPER_BLOCKS = {1: 40, 2: 10}
_REDUCTION = 16  # of channel attention
_ESTIMATOR_BLOCKS = 5


class DANOutput(NamedTuple):
    """What DAN finds in each of its turns, the last one best."""

    sr: list[Tensor]
    """(N, 3, s*h, s*w), not clipped."""
    code: list[Tensor]
    """(N, code_length), the kernel as the restorer is told it."""
    kernel: list[Tensor] | None
    """(N, k*k) that sum to 1; ``None`` in version 1, which estimates codes alone."""


class DAN(JointNetwork):
    """One kernel per image: the restorer is told a kernel, the estimator looks at its result.

    The first kernel is a Dirac; in every turn the restorer restores with the kernel of the turn
    before, and the estimator compares LR with the SR image. No gradient flows from turn to turn.

    Args:
        version: 1 (NeurIPS 2020) estimates the code of the kernel, 2 all its taps.
        scale: HR size over LR size.
        kernel_size: k, odd; sigma of the data goes up to (k - 1) / 4.
        code_length: principal components of the data's kernels that the restorer is told.
        loops: turns.
        blocks: of the restorer, of version 2 in each group; ``None`` is 40 and 10.
        groups: of the restorer of version 2.
        features: channels of the restorer; the estimator has half of them.
        group_skip: of version 2: ``"double"`` as released, where a group returns twice its result,
            or ``"residual"``, its input plus its result, as the paper draws it.

    Raises:
        ConfigError: if a number is out of bounds.
    """

    encoder: Tensor
    init_kernel: Tensor
    init_ker_map: Tensor
    one_kernel: Tensor
    estimates = ("blur", "kernels")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "version": (1, 2),
        "kernel_size": (3, 401),
        "loops": (1, 64),
        "groups": (1, 64),
        "features": (2, 1024),
    }
    __call__: Callable[..., DANOutput]

    def __init__(
        self,
        version: int = 1,
        scale: int = 4,
        kernel_size: int = 21,
        code_length: int = 10,
        loops: int = 4,
        blocks: int | None = None,
        groups: int = 5,
        *,
        features: int = 64,
        group_skip: GroupSkip = "double",
    ) -> None:
        super().__init__()
        if version not in _PAPER_BLOCKS:
            raise ConfigError("version", found=str(version), expected="1 or 2")
        blocks = _PAPER_BLOCKS[version] if blocks is None else blocks
        for name, value in (("scale", scale), ("loops", loops), ("blocks", blocks)):
            if value < 1:
                raise ConfigError(name, found=str(value), expected="at least 1")
        self.version, self.scale, self.loops = version, scale, loops
        self.features = features
        self.group_skip, self.sigma_max = group_skip, sigma_max_of(kernel_size)
        basis = torch.tensor(gaussian_basis(kernel_size, code_length), dtype=torch.float32)
        centre = kernel_size // 2
        dirac = torch.zeros(1, kernel_size, kernel_size)
        dirac[0, centre, centre] = 1
        self.register_buffer("encoder", basis[None])
        self.register_buffer("init_kernel", dirac)
        self.register_buffer("init_ker_map", basis[None, centre * kernel_size + centre].clone())
        one = kernel_map(torch.full((1, 1, 1, 1), self.sigma_max / 2, device="cpu"), self.sigma_max)
        self.register_buffer("one_kernel", one.flatten(1), persistent=False)
        # The released names of tensors.
        self.Restorer: nn.Module
        self.Estimator: nn.Module
        if version == 1:
            self.Restorer = Restorer(scale, features, code_length, blocks)
            self.Estimator = Estimator(scale, features // 2, code_length)
        else:
            self.Restorer = PairedRestorer(scale, features, code_length, blocks, groups, group_skip)
            self.Estimator = PairedEstimator(scale, features // 2, kernel_size, group_skip)

    def forward(self, lr: Tensor) -> DANOutput:
        """Restore an LR image and estimate its kernel, turn by turn.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1], any size.
        """
        images, codes, kernels = [], [], []
        code = self.init_ker_map.expand(len(lr), -1)
        for _ in range(self.loops):
            sr = self.Restorer(lr, code.detach())
            code = self.Estimator(sr.detach(), lr)
            if self.version == 2:
                kernels.append(code)
                code = code.to(self.encoder.dtype) @ self.encoder[0]
            images.append(sr)
            codes.append(code)
        return DANOutput(images, codes, kernels or None)

    def restore(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """SR of the last turn; its kernel, the same in every pixel, and the sigma of that."""
        found = self(lr)
        return found.sr[-1], self.described(found, lr)

    def described(self, found: DANOutput, lr: Tensor) -> Estimate:
        """The last kernel as :class:`~blindsr.types.Estimate`.

        Args:
            found: for ``lr``.
            lr: (N, 3, h, w).

        Returns:
            ``blur`` (N, 1, s*h, s*w), one value per image, and ``kernels`` (N, k*k, h, w).
        """
        height, width = lr.shape[-2:]
        kernel = self.kernel_of(found)[:, :, None, None]
        blur = sigma_of_kernels(kernel, self.sigma_max)
        return Estimate(
            blur=blur.expand(-1, -1, self.scale * height, self.scale * width),
            kernels=kernel.expand(-1, -1, height, width),
        )

    def kernel_of(self, found: DANOutput) -> Tensor:
        """(N, k*k) of the last turn.

        The components of a code are differences of kernels and sum to 0. What all kernels of the
        data have beside these differences is taken from one of them, so that version 1, which
        tells codes alone, gives back kernels that sum to 1.
        """
        if found.kernel is not None:
            return found.kernel[-1]
        encoder = self.encoder[0]
        code = found.code[-1].to(encoder.dtype)
        return self.one_kernel + (code - self.one_kernel @ encoder) @ encoder.T


class Restorer(nn.Module):
    """Of version 1: residual blocks that see the code as a constant map."""

    def __init__(self, scale: int, features: int, code_length: int, blocks: int) -> None:
        super().__init__()
        self.head = _conv(3, features)
        self.body = nn.ModuleList(ConditionedBlock(features, code_length) for _ in range(blocks))
        self.fusion = _conv(features, features)
        self.upscale = enlargement(scale, features)

    def forward(self, lr: Tensor, code: Tensor) -> Tensor:
        """(N, 3, h, w) and (N, code_length) -> (N, 3, s*h, s*w)."""
        condition = code[:, :, None, None].expand(-1, -1, *lr.shape[-2:])
        feature = self.head(lr)
        for block in self.body:
            feature = block(feature, condition)
        return self.upscale(self.fusion(feature))


class Estimator(nn.Module):
    """Of version 1: compares LR with SR and tells a code."""

    def __init__(self, scale: int, width: int, code_length: int) -> None:
        super().__init__()
        self.head_LR = nn.Conv2d(3, width, 1)
        self.head_HR = nn.Conv2d(3, width, 9, stride=scale, padding=4)
        self.body = nn.ModuleList(ConditionedBlock(width, width) for _ in range(_ESTIMATOR_BLOCKS))
        self.out = _conv(width, code_length)

    def forward(self, sr: Tensor, lr: Tensor) -> Tensor:
        """(N, 3, s*h, s*w) and (N, 3, h, w) -> (N, code_length)."""
        feature, condition = self.head_LR(lr), self.head_HR(sr)
        for block in self.body:
            feature = block(feature, condition)
        return self.out(feature).mean(dim=(2, 3))


class ConditionedBlock(nn.Module):
    """Residual block whose convolutions also see a condition; channels are weighed at its end."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        both = width + condition
        self.body = nn.Sequential(
            _conv(both, both), nn.LeakyReLU(SLOPE), _conv(both, width), ChannelAttention(width)
        )

    def forward(self, feature: Tensor, condition: Tensor) -> Tensor:
        """(N, width, h, w) and (N, condition, h, w) -> (N, width, h, w)."""
        return feature + self.body(torch.cat([feature, condition], dim=1))


class ChannelAttention(nn.Module):
    """Weighs each channel by a number that follows from the means of all."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(1, width // _REDUCTION)
        self.body = nn.Sequential(
            nn.Conv2d(width, narrow, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(narrow, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, feature: Tensor) -> Tensor:
        """(N, width, h, w) -> the same shape."""
        return feature * self.body(feature.mean(dim=(2, 3), keepdim=True))


class PairedRestorer(nn.Module):
    """Of version 2: groups of paired blocks on LR and on the code, which stays 1x1."""

    def __init__(
        self,
        scale: int,
        features: int,
        code_length: int,
        blocks: int,
        groups: int,
        skip: GroupSkip,
    ) -> None:
        super().__init__()
        self.head1 = _conv(3, features)
        self.head2 = nn.Conv2d(code_length, features, 1)
        self.body = nn.ModuleList(
            TwoPathGroup((PairedBlock(features, 1) for _ in range(blocks)), skip)
            for _ in range(groups)
        )
        self.fusion = _conv(features, features)
        self.upscale = enlargement(scale, features)

    def forward(self, lr: Tensor, code: Tensor) -> Tensor:
        """(N, 3, h, w) and (N, code_length) -> (N, 3, s*h, s*w)."""
        x, y = self.head1(lr), self.head2(code[:, :, None, None])
        for group in self.body:
            x, y = group(x, y)
        return self.upscale(self.fusion(x))


class PairedEstimator(nn.Module):
    """Of version 2: compares LR with SR and tells all taps of the kernel."""

    def __init__(self, scale: int, width: int, kernel_size: int, skip: GroupSkip) -> None:
        super().__init__()
        side = 4 * scale + 1
        # in sequences of one, as the released names of tensors have it
        self.head_LR = nn.Sequential(nn.Conv2d(3, width, 5, padding=2))
        self.head_HR = nn.Sequential(nn.Conv2d(3, width, side, stride=scale, padding=2 * scale))
        self.body = TwoPathGroup((PairedBlock(width, 3) for _ in range(_ESTIMATOR_BLOCKS)), skip)
        self.tail = nn.Sequential(
            _conv(width, 2 * width),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(2 * width, kernel_size**2, 1),
            nn.Softmax(dim=1),
        )

    def forward(self, sr: Tensor, lr: Tensor) -> Tensor:
        """(N, 3, s*h, s*w) and (N, 3, h, w) -> (N, k*k) that sum to 1."""
        x, _ = self.body(self.head_LR(lr), self.head_HR(sr))
        return self.tail(x).flatten(1)


class PairedBlock(nn.Module):
    """Two residual paths, the first of which is modulated by the second."""

    def __init__(self, width: int, second_side: int) -> None:
        super().__init__()
        self.body1 = nn.Sequential(_conv(width, width), nn.LeakyReLU(SLOPE), _conv(width, width))
        self.body2 = nn.Sequential(
            _conv(width, width, second_side),
            nn.LeakyReLU(SLOPE),
            _conv(width, width, second_side),
        )

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(N, width, h, w) and a feature of its size, or of size 1x1 -> the same shapes."""
        change = self.body2(y)
        return x + self.body1(x) * change, y + change


def enlargement(scale: int, features: int) -> nn.Sequential:
    """(N, features, h, w) -> (N, 3, s*h, s*w), without activations; at x4 in two steps of 2."""
    steps = (2, 2) if scale == 4 else (scale,)
    layers: list[nn.Module] = []
    for step in steps:
        layers += [_conv(features, features * step**2), nn.PixelShuffle(step)]
    return nn.Sequential(*layers, _conv(features, 3))


def _conv(incoming: int, outgoing: int, side: int = 3) -> nn.Conv2d:
    return nn.Conv2d(incoming, outgoing, side, padding=side // 2)


def official_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments of the constructor that follow from the tensors of a released file.

    Raises:
        KeyError: if one of them is missing.
    """
    version = 2 if "Restorer.head1.weight" in state else 1
    head = state["Restorer.head1.weight" if version == 2 else "Restorer.head.weight"]
    settings = {
        "version": version,
        "kernel_size": state["init_kernel"].shape[-1],
        "code_length": state["encoder"].shape[-1],
        "features": head.shape[0],
    }
    if "Restorer.upscale.4.weight" in state:
        scale = 4
    else:
        scale = round((state["Restorer.upscale.0.weight"].shape[0] / head.shape[0]) ** 0.5)
    body = "Restorer.body."
    if version == 2:
        settings["groups"], body = _count(state, body), "Restorer.body.0.body."
    return {**settings, "scale": scale, "blocks": _count(state, body)}


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered modules there are under a prefix."""
    names = (name.removeprefix(prefix) for name in state if name.startswith(prefix))
    return len({name.partition(".")[0] for name in names})
