"""Likelihood of an estimate that says how far off it may be."""

from __future__ import annotations

from torch import Tensor


def laplace_nll(estimate: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Mean of ``|x - t| / b + ln b``, b the estimated scale.

    Args:
        estimate: x, any shape.
        log_scale: ln b, of the same shape.
        target: t, of the same shape.

    Returns:
        A scalar; without the constant ln 2.
    """
    return ((estimate - target).abs() * (-log_scale).exp() + log_scale).mean()
