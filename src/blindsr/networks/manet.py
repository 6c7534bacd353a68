"""MANet (ICCV 2021): a kernel for every LR pixel, and a restorer that is told kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, relu

from blindsr.degradation.kernel_basis import gaussian_basis, sigma_max_of
from blindsr.degradation.kernel_maps import kernel_map, sigma_of_kernels
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import sample, upsample
from blindsr.types import Estimate

from .blind import BlindSR
from .roles import EstimatorNetwork
from .rrdb_trunk import RRDBTrunk, Skip

STRIDE = 8
"""LR sides are padded to multiples of it; 2 would do, but official weights expect 8."""

_HALF = (torch.float16, torch.bfloat16)


class MANet(EstimatorNetwork):
    """Estimates the kernel of every LR pixel from its neighbourhood of 22 x 22 pixels.

    Args:
        scale: HR size over LR size; only the size of the sigma map depends on it.
        kernel_size: k, odd; sigma goes up to (k - 1) / 4.
        features: channels at LR size and at half of it, the first a multiple of 4.
        blocks: at each of the three levels.
        phase: of the data, where LR pixel 0 lies in HR pixels; places the sigma map.

    Raises:
        ConfigError: if a number is out of bounds.

    1,810,361 parameters by default.
    """

    estimates = ("blur", "kernels")
    gives_kernels = True
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"kernel_size": (3, 401)}
    # `forward` gives what the paper names, `estimate` what all estimators give
    __call__: Callable[..., Tensor]  # type: ignore[assignment]

    def __init__(
        self,
        scale: int = 4,
        kernel_size: int = 21,
        features: tuple[int, int] = (128, 256),
        blocks: int = 1,
        *,
        phase: float = 0.0,
    ) -> None:
        super().__init__()
        fine, coarse = features
        if fine < 4 or coarse < 4 or fine % 4 or coarse % 4:
            raise ConfigError(
                "features", found=f"{fine} and {coarse}", expected="two multiples of 4"
            )
        for name, value in (("scale", scale), ("blocks", blocks)):
            if value < 1:
                raise ConfigError(name, found=str(value), expected="at least 1")
        self.scale, self.phase = scale, phase
        self.kernel_size, self.sigma_max = kernel_size, sigma_max_of(kernel_size)
        body = [Block(coarse) for _ in range(blocks)]
        self.m_head = nn.Conv2d(3, fine, 3, padding=1)
        self.m_down1 = nn.Sequential(
            *(Block(fine) for _ in range(blocks)), nn.Conv2d(fine, coarse, 2, stride=2)
        )
        self.m_body = body[0] if blocks == 1 else nn.Sequential(*body)  # as released
        self.m_up1 = nn.Sequential(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2), *(Block(fine) for _ in range(blocks))
        )
        self.m_tail = nn.Conv2d(fine, kernel_size**2, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        """Estimate kernels.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1], any size.

        Returns:
            (N, k*k, h, w); channel i*k + j is the tap in row i and column j; taps sum to 1.

        Raises:
            DataError: if ``lr`` has another shape.
        """
        require_lr(lr)
        height, width = lr.shape[-2:]
        rest = (-width % STRIDE, -height % STRIDE)
        head = self.m_head(pad(lr, (0, rest[0], 0, rest[1]), mode="replicate"))
        coarse = self.m_down1(head)
        fine = self.m_up1(self.m_body(coarse) + coarse)
        # of channels innermost in memory a softmax would take four times as long
        taps = self.m_tail(fine + head)[..., :height, :width].contiguous()
        # half precision is too coarse for a hundredth of a thousandth
        return (taps.float() if taps.dtype in _HALF else taps).softmax(dim=1)

    def estimate(self, lr: Tensor) -> Estimate:
        """The kernels, and at HR size the sigma of those that are as wide."""
        return self.described(self(lr))

    def described(self, kernels: Tensor) -> Estimate:
        """(N, k*k, h, w) as :class:`~blindsr.types.Estimate`, with ``blur`` at HR size."""
        sigma = sigma_of_kernels(kernels, self.sigma_max)
        blur = upsample(sigma, self.scale, phase=self.phase, method="bilinear")
        return Estimate(blur=blur, kernels=kernels)


class MutualAffine(nn.Module):
    """Convolution of the two halves of the channels, each modulated by what the other one holds."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.fc0, self.fc1 = (
            nn.Sequential(nn.Conv2d(half, half // 2, 1), nn.ReLU(), nn.Conv2d(half // 2, width, 1))
            for _ in range(2)
        )
        self.conv0, self.conv1 = (nn.Conv2d(half, half, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h, w)."""
        first, second = x.chunk(2, dim=1)
        factor0, shift0 = self.fc0(second).chunk(2, dim=1)
        factor1, shift1 = self.fc1(first).chunk(2, dim=1)
        return torch.cat(
            [
                self.conv0(first * torch.sigmoid(factor0) + shift0),
                self.conv1(second * torch.sigmoid(factor1) + shift1),
            ],
            dim=1,
        )


class Block(nn.Module):
    """Residual block of two mutual affine convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.res = nn.Sequential(MutualAffine(width), nn.ReLU(), MutualAffine(width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h, w)."""
        return x + self.res[2](relu(self.res[0](x)))


class RRDBSFTPCA(RRDBTrunk):
    """Restorer that is told kernels, as their principal components.

    Args:
        code_length: C, principal components of the data's kernels.
        scale: s, HR size over LR size.
        kernel_size: k, odd; sigma goes up to (k - 1) / 4.
        blocks: number of blocks of the trunk.
        features: channels of the trunk.
        growth: growth of the dense blocks.
        residual: share of a block that is added to its input, see
            :class:`~blindsr.networks.RRDBSFT`.
        skip: ``"bicubic"`` adds the bicubically enlarged LR image; ``"none"`` as in the paper.
        phase: of the data, where LR pixel 0 lies in HR pixels: there a sigma map is read.

    Raises:
        ConfigError: if an option has an unknown value or is out of range.

    8,086,256 parameters by default.
    """

    needs = ("blur",)
    takes_kernels = True
    pca_matrix: Tensor
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"kernel_size": (3, 401)}

    def __init__(
        self,
        code_length: int = 15,
        scale: int = 4,
        kernel_size: int = 21,
        blocks: int = 10,
        *,
        features: int = 64,
        growth: int = 32,
        residual: float = 0.2,
        skip: Skip = "none",
        phase: float = 0.0,
    ) -> None:
        super().__init__()
        self.kernel_size, self.sigma_max = kernel_size, sigma_max_of(kernel_size)
        basis = torch.tensor(gaussian_basis(kernel_size, code_length), dtype=torch.float32)
        self.register_buffer("pca_matrix", basis[None, :, :, None, None])  # released shape
        self.build_trunk(
            code_length,
            scale=scale,
            features=features,
            growth=growth,
            blocks=blocks,
            residual=residual,
            skip=skip,
            phase=phase,
        )

    def forward(
        self,
        lr: Tensor,
        kernel: Tensor | None = None,
        seg: Tensor | None = None,
        *,
        blur: Tensor | None = None,
    ) -> Tensor:
        """Restore an LR image.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1].
            kernel: (N, k*k, h, w), a kernel for each LR pixel; (N, k, k), one per image; or a sigma
                map as ``blur``.
            seg: of no effect: this restorer knows no classes.
            blur: (N, 1, s*h, s*w) sigma in HR pixels, instead of ``kernel``.

        Returns:
            (N, 3, s*h, s*w), not clipped.

        Raises:
            DataError: if a shape is another, or no blur is told.
        """
        del seg
        require_lr(lr)
        return self.restore(lr, self.code(kernel if blur is None else blur, lr))

    def code(self, told: Tensor | None, lr: Tensor) -> Tensor:
        """What is known of the blur, see :meth:`forward` -> its code (N, C, h, w)."""
        k, s, (n, _, height, width) = self.kernel_size, self.scale, lr.shape
        forms = {
            (n, k * k, height, width): lambda x: x,
            (n, k, k): lambda x: x.reshape(n, k * k, 1, 1),
            (n, 1, s * height, s * width): self._rendered,
        }
        shape = None if told is None else tuple(told.shape)
        if told is None or shape not in forms:
            raise DataError(
                "kernel",
                found="none" if told is None else f"shape {shape}",
                expected=" or ".join(str(form) for form in forms) + " (the last one sigma)",
            )
        matrix = self.pca_matrix[0, :, :, :, 0].transpose(0, 1)[..., None]  # (C, k*k, 1, 1)
        # a code has few numbers, and half precision would lose kernels that hardly differ
        with torch.autocast(lr.device.type, enabled=False):
            code = conv2d(forms[shape](told).to(matrix.dtype), matrix)
        return code.expand(-1, -1, height, width)

    def _rendered(self, blur: Tensor) -> Tensor:
        sigma = sample(blur, self.scale, phase=self.phase).clamp(0, self.sigma_max)
        return kernel_map(sigma, self.sigma_max)


class MANetSR(BlindSR):
    """MANet, frozen, in front of the restorer that is told its kernels.

    Args:
        estimator: :class:`MANet`, or another that estimates kernels.
        restorer: :class:`RRDBSFTPCA`.
        options: see :class:`~blindsr.networks.BlindSR`.

    Raises:
        ConfigError: if the two differ in scale or in the size of kernels.
    """

    # kernels alone, as the paper names them; `estimate` and `restore` are those of all pipelines
    __call__: Callable[..., tuple[Tensor, Tensor]]  # type: ignore[assignment]

    # as above
    def forward(self, lr: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Restore an LR image.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1].

        Returns:
            SR image (N, 3, s*h, s*w), not clipped, and the kernels (N, k*k, h, w).
        """
        sr, estimate = super().forward(lr)
        assert estimate.kernels is not None
        return sr, estimate.kernels


def require_lr(lr: Tensor) -> None:
    """Refuse what is no batch of RGB images.

    Raises:
        DataError: names its shape.
    """
    if lr.ndim != 4 or lr.shape[1] != 3 or 0 in lr.shape:
        raise DataError("lr", found=f"shape {tuple(lr.shape)}", expected="(N, 3, h, w)")


def estimator_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments of :class:`MANet` that follow from a released file.

    Raises:
        KeyError: if a tensor is missing.
    """
    own = {n.removeprefix("kernel_estimation."): t for n, t in state.items()}
    down = {name.split(".")[1] for name in own if name.startswith("m_down1.")}
    last = max((int(one) for one in down if one.isdecimal()), default=1)
    coarse = own[f"m_down1.{last}.weight"].shape[0]
    return {
        "scale": _scale_of(state),
        "kernel_size": _side(own["m_tail.weight"].shape[0]),
        "features": [own["m_head.weight"].shape[0], coarse],
        "blocks": last,
    }


def restorer_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments of :class:`RRDBSFTPCA` that follow from a released file.

    Raises:
        KeyError: if a tensor is missing.
    """
    _, taps, code_length = state["pca_matrix"].shape[:3]
    return {
        "code_length": code_length,
        "scale": _scale_of(state),
        "kernel_size": _side(taps),
        "blocks": len({n.split(".")[1] for n in state if n.startswith("RRDB_trunk.")}),
        "features": state["conv_first.weight"].shape[0],
        "growth": state["RRDB_trunk.0.RDB1.conv1.weight"].shape[0],
    }


def pipeline_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Those of both parts, by role and with their kinds."""
    return {
        "estimator": {"kind": "manet", **estimator_settings(state)},
        "restorer": {"kind": "rrdb_sft_pca", **restorer_settings(state)},
    }


def _scale_of(state: Mapping[str, Tensor]) -> int:
    """Of the restorer in a file; an estimator alone does not tell, and 4 is the paper's."""
    last = state.get("upsampler.0.weight")
    return 4 if last is None else _side(last.shape[0] // 3)


def _side(taps: int) -> int:
    return round(taps**0.5)
