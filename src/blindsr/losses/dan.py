"""Losses of DAN: images and kernels of its turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from blindsr.errors import ConfigError

Supervise = Literal["last", "all"]


def dan_losses(
    images: Sequence[Tensor],
    kernels: Sequence[Tensor],
    hr: Tensor,
    target: Tensor | None,
    *,
    supervise: Supervise = "last",
    counts: Tensor | None = None,
) -> dict[str, Tensor]:
    """Mean absolute errors of SR and of the kernel, summed over turns.

    Args:
        images: (N, 3, H, W) of each turn.
        kernels: what each turn says of the kernel, (N, K): its code (version 1) or its taps.
        hr: (N, 3, H, W).
        target: (N, K), or ``None`` to learn nothing about kernels.
        supervise: ``"last"`` turn, as the released code does, or ``"all"``, as the paper says.
        counts: (N,) 1 for an image that counts and 0 for others; ``None`` for all.

    Returns:
        ``sr`` and, with a target, ``kernel``; their sum is the loss. 0 where no image counts.

    Raises:
        ConfigError: for another ``supervise``.
    """
    if supervise not in ("last", "all"):
        raise ConfigError("supervise", found=repr(supervise), expected="'last' or 'all'")
    turns = slice(-1, None) if supervise == "last" else slice(None)
    pairs = [("sr", images[turns], hr)]
    if target is not None:
        pairs.append(("kernel", kernels[turns], target))
    return {
        name: sum(
            (_mean_error(one, truth, counts) for one in found[1:]),
            _mean_error(found[0], truth, counts),
        )
        for name, found, truth in pairs
    }


def _mean_error(found: Tensor, truth: Tensor, counts: Tensor | None) -> Tensor:
    error = (found.float() if found.dtype != truth.dtype else found).sub(truth).abs()
    if counts is None:
        return error.mean()
    by_image = error.flatten(1).mean(dim=1)
    return (by_image * counts).sum() / counts.sum().clamp_min(1)
