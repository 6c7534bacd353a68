"""The blind pipeline: estimate blur and classes of an LR image, then restore it with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from blindsr.errors import ConfigError
from blindsr.imaging.resize import upsample
from blindsr.types import Estimate

from .roles import EstimatorNetwork, RestorerNetwork, Role

_OPTIONS = {"blur": "use_blur", "seg": "use_semantics"}
"""Map -> argument of RRDBSFT that switches its use off."""


class BlindSR(nn.Module):
    """An estimator in front of a restorer (CMOS, stage 3).

    The estimator stays in evaluation mode, so its running statistics never change, and its weights
    require no gradient: only the restorer is trained, unless a task lets the estimator learn.

    Args:
        estimator: ``forward(lr) -> Estimate``, for instance :class:`blindsr.networks.CMOS`; its
            parameters stop requiring gradients. Of an estimator of scale 1 the maps are brought to
            HR size and HR pixels, see :func:`at_hr`.
        restorer: ``forward(lr, blur, seg) -> sr``, for instance :class:`blindsr.networks.RRDBSFT`.
        phase: of the data, where LR pixel 0 lies in HR pixels; matters to an estimator of scale 1.
        told_max: sigma, in HR pixels, at which the map for the restorer is clipped: an estimator
            that was trained separately may see wider blur than the restorer learnt to remove.

    Raises:
        ConfigError: if the two differ in scale, or the restorer needs a map or a number of classes
            that the estimator does not give.
    """

    role: ClassVar[Role] = "pipeline"
    estimator: EstimatorNetwork
    restorer: RestorerNetwork
    __call__: Callable[..., tuple[Tensor, Estimate]]

    def __init__(
        self,
        estimator: EstimatorNetwork,
        restorer: RestorerNetwork,
        *,
        phase: float = 0.0,
        told_max: float | None = None,
    ) -> None:
        super().__init__()
        _check_pair(estimator, restorer)
        self.estimator = estimator.requires_grad_(False).eval()
        self.restorer = restorer
        self.phase, self.told_max = phase, told_max
        self.enlarges = needs_enlarging(estimator, restorer)
        self.tells_kernels = not self.enlarges and tells_kernels(estimator, restorer)

    def with_parts(self, estimator: EstimatorNetwork, restorer: RestorerNetwork) -> BlindSR:
        """The same pipeline of two other networks, in evaluation mode."""
        return BlindSR(estimator, restorer, phase=self.phase, told_max=self.told_max).eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the restorer; the estimator stays in evaluation mode."""
        super().train(mode)
        self.estimator.eval()
        return self

    def estimate(self, lr: Tensor) -> Estimate:
        """Maps of an LR image at HR size and in HR pixels, without gradient."""
        with torch.no_grad():
            return self.at_hr(self.estimator.estimate(lr))

    def at_hr(self, estimate: Estimate) -> Estimate:
        """Maps of the estimator at HR size and in HR pixels."""
        return at_hr(estimate, self.restorer.scale, self.phase) if self.enlarges else estimate

    def forward(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """Restore an LR image without knowing its blur.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1].

        Returns:
            SR image (N, 3, s*h, s*w), not clipped, and the maps it was restored with: sigma as
            estimated, classes as the arg-max of the logits.

        Raises:
            DataError: if the estimator or the restorer cannot take the image.
        """
        estimate = self.estimate(lr)
        logits = estimate.seg_logits
        seg = None if logits is None else logits.argmax(dim=1)  # (N, K, H, W) -> (N, H, W)
        return self.restore(lr, estimate, seg), estimate

    def restore(self, lr: Tensor, estimate: Estimate, seg: Tensor | None) -> Tensor:
        """As :meth:`forward`, with an estimate at HR size and classes ``seg`` (N, H, W).

        A restorer that takes kernels is told those of the estimate, if it has some.
        """
        if self.tells_kernels and estimate.kernels is not None:
            return self.restorer(lr, estimate.kernels)
        needs = getattr(self.restorer, "needs", ())  # restorers without the attribute take two maps
        unsure = {"blur_scale": estimate.blur_scale} if "blur_scale" in needs else {}
        blur = estimate.blur
        if blur is not None and self.told_max is not None:
            blur = blur.clamp(max=self.told_max)
        return self.restorer(lr, blur, seg, **unsure)


def needs_enlarging(estimator: nn.Module, restorer: nn.Module) -> bool:
    """Whether an estimator of scale 1 feeds a restorer of a larger scale."""
    scales = [getattr(network, "scale", None) for network in (estimator, restorer)]
    return scales[0] == 1 and scales[1] not in (None, 1)


def tells_kernels(estimator: nn.Module, restorer: nn.Module) -> bool:
    """Whether an estimator of kernels in HR pixels feeds a restorer that takes them."""
    return all(
        getattr(network, name, False)
        for network, name in ((estimator, "gives_kernels"), (restorer, "takes_kernels"))
    )


def at_hr(estimate: Estimate, scale: int, phase: float) -> Estimate:
    """Maps at LR size and in LR pixels -> maps at HR size and in HR pixels.

    Lengths are multiplied by ``scale``; all maps but the kernels, which stay at LR size, are
    enlarged bilinearly.

    Args:
        estimate: of an estimator of scale 1, maps (N, ., h, w).
        scale: HR size over LR size.
        phase: where LR pixel 0 lies in HR pixels, see :func:`blindsr.imaging.resize.phase`.
    """

    def enlarged(map_: Tensor | None, factor: int = 1) -> Tensor | None:
        if map_ is None:
            return None
        return factor * upsample(map_, scale, phase=phase, method="bilinear")

    return Estimate(
        enlarged(estimate.blur, scale),
        enlarged(estimate.seg_logits),
        enlarged(estimate.aux_blur, scale),
        enlarged(estimate.aux_seg_logits),
        enlarged(estimate.blur_scale, scale),
        estimate.kernels,
    )


def _check_pair(estimator: nn.Module, restorer: nn.Module) -> None:
    """Compare scale, maps and class count, where the networks have these attributes."""
    scales = [getattr(network, "scale", None) for network in (estimator, restorer)]
    if None not in scales and scales[0] not in (1, scales[1]):
        raise ConfigError(
            "scale", found=f"an estimator of x{scales[0]}", expected=f"x{scales[1]} as the restorer"
        )
    sides = [getattr(network, "kernel_size", None) for network in (estimator, restorer)]
    if tells_kernels(estimator, restorer) and sides[0] != sides[1]:
        raise ConfigError(
            "kernel_size",
            found=f"an estimator of {sides[0]} x {sides[0]} kernels",
            expected=f"{sides[1]} x {sides[1]} as the restorer",
        )
    given = getattr(estimator, "estimates", None)
    for name in getattr(restorer, "needs", ()):
        if given is not None and name not in given:
            raise ConfigError(
                "estimator",
                found=f"one that estimates {' and '.join(given)} alone",
                expected=f"one that estimates {name}, which the restorer needs",
                fix="Choose another estimator"
                + (f", or RRDBSFT with {_OPTIONS[name]}=False." if name in _OPTIONS else "."),
            )
    classes = [getattr(network, "num_classes", 0) for network in (estimator, restorer)]
    if 0 not in classes and classes[0] != classes[1]:
        raise ConfigError(
            "num_classes",
            found=f"an estimator of {classes[0]} classes",
            expected=f"{classes[1]} as the restorer",
        )
