"""Losses of KOALAnet: LR that its kernels make of HR, the kernels, and SR."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from blindsr.errors import ConfigError

KernelLoss = Literal["mean", "dense"]
RANGE = 2.0
"""The method works in [-1, 1]: differences of pictures in [0, 1] count twice."""


def kernel_losses(
    lr: Tensor,
    reblurred: Tensor,
    kernels: Tensor,
    target: Tensor,
    *,
    kernel_loss: KernelLoss = "mean",
    mask: int = 0,
) -> dict[str, Tensor]:
    """What the kernel network learns from.

    Args:
        lr: (N, 3, h, w) in [0, 1].
        reblurred: the same, made of HR by the kernels, see
            :func:`blindsr.degradation.koalanet.local_down`.
        kernels: (N, k*k, h, w) that sum to 1.
        target: the true ones, the same shape, or (N, k*k, 1, 1) for one kernel per image.
        kernel_loss: ``"mean"`` compares the means over the image (released), which leaves the
            single kernels free; ``"dense"`` compares every kernel.
        mask: LR pixels at the border that ``reblurred`` is not compared in.

    Returns:
        ``reblur`` and ``kernel``; the loss is their sum.

    Raises:
        ConfigError: for another ``kernel_loss``.
    """
    if kernel_loss not in ("mean", "dense"):
        raise ConfigError("kernel_loss", found=repr(kernel_loss), expected="'mean' or 'dense'")
    rows, columns = (slice(mask, side - mask) for side in lr.shape[-2:])
    difference = (lr - reblurred)[..., rows, columns]
    if kernel_loss == "mean":
        kernels, target = (k.mean(dim=(2, 3), keepdim=True) for k in (kernels, target))
    return {"reblur": RANGE * difference.abs().mean(), "kernel": (kernels - target).abs().mean()}


def sr_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute difference of (N, 3, H, W) in [0, 1], counted in [-1, 1]."""
    return RANGE * (sr - hr).abs().mean()
