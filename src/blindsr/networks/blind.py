"""The blind pipeline: estimate blur and semantics of an LR image, then restore it with them."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from blindsr.errors import ConfigError
from blindsr.types import Estimate


class BlindSR(nn.Module):
    """A frozen estimator in front of a restorer (CMOS, stage 3).

    Frozen means: in evaluation mode whatever :meth:`train` is told, without gradient, and so
    without a change of its running statistics. Only the restorer is trained.

    Args:
        estimator: ``forward(lr) -> Estimate``, for instance :class:`blindsr.networks.CMOS`; its
            parameters stop requiring gradients.
        restorer: ``forward(lr, blur, seg) -> sr``, for instance :class:`blindsr.networks.RRDBSFT`.

    Raises:
        ConfigError: if the two differ in scale, or the restorer needs a map or a number of classes
            that the estimator does not give.
    """

    def __init__(self, estimator: nn.Module, restorer: nn.Module) -> None:
        super().__init__()
        _check_pair(estimator, restorer)
        self.estimator = estimator.requires_grad_(False).eval()
        self.restorer = restorer

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the restorer; the estimator stays in evaluation mode."""
        super().train(mode)
        self.estimator.eval()
        return self

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
        with torch.no_grad():
            estimate: Estimate = self.estimator(lr)
            logits = estimate.seg_logits
            seg = None if logits is None else logits.argmax(dim=1)  # (N, K, H, W) -> (N, H, W)
        return self.restorer(lr, estimate.blur, seg), estimate


def _check_pair(estimator: nn.Module, restorer: nn.Module) -> None:
    """Compare what both say of themselves; networks that say nothing are taken as they are."""
    scales = [getattr(network, "scale", None) for network in (estimator, restorer)]
    if None not in scales and scales[0] != scales[1]:
        raise ConfigError(
            "scale", found=f"an estimator of x{scales[0]}", expected=f"x{scales[1]} as the restorer"
        )
    tasks = getattr(estimator, "tasks", ("blur", "seg"))
    needs = {"blur": "use_blur", "seg": "use_semantics"}
    for task, option in needs.items():
        if getattr(restorer, option, False) and task not in tasks:
            raise ConfigError(
                "estimator",
                found=f"one that estimates {' and '.join(tasks)} alone",
                expected=f"one that estimates {task}, which the restorer needs",
                fix=f"Choose another estimator, or build the restorer with {option}=False.",
            )
    classes = [getattr(network, "num_classes", None) for network in (estimator, restorer)]
    named = getattr(restorer, "use_semantics", False) and getattr(restorer, "embed", "") == "onehot"
    if named and None not in classes and classes[0] != classes[1]:
        raise ConfigError(
            "num_classes",
            found=f"an estimator of {classes[0]} classes",
            expected=f"{classes[1]} as the restorer",
        )
