"""Conjugate gradients for (G + diag(weight)) z = b, G = A A', each picture for itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def solve_dual(
    gram: Callable[[Tensor], Tensor],
    right: Tensor,
    weight: Tensor,
    *,
    iterations: int,
    diagonal: float,
) -> Tensor:
    """Solve from zero, in unknowns scaled by s = (diagonal + weight)^-1/2 (Jacobi).

    With a constant weight these are plain conjugate gradients; where it varies by orders of
    magnitude the scaling keeps them fast, and an infinite weight is a zero of z.

    Args:
        gram: z -> A A' z, of the shape of ``right``.
        right: (N, C, h, w).
        weight: at least 0, broadcasts to ``right``; may be infinite.
        iterations: at least 1.
        diagonal: about the size of the diagonal of A A'.

    Returns:
        (N, C, h, w).
    """
    scale = (diagonal + weight).rsqrt()
    share = 1 - diagonal * scale.square()  # weight * scale^2, also where it is infinite
    solution = torch.zeros_like(right)
    residual = scale * right
    direction, before = residual, _dot(residual, residual)
    for _ in range(iterations):
        image = scale * gram(scale * direction) + share * direction
        step = _ratio(before, _dot(direction, image))
        solution = solution + step * direction
        residual = residual - step * image
        after = _dot(residual, residual)
        direction, before = residual + _ratio(after, before) * direction, after
    return scale * solution


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """(N, C, h, w) twice -> (N, 1, 1, 1)."""
    return (one * other).sum(dim=(1, 2, 3), keepdim=True)


def _ratio(over: Tensor, under: Tensor) -> Tensor:
    """Zero where nothing is left to solve; its gradient is finite there, too."""
    solved = under <= torch.finfo(under.dtype).tiny
    return torch.where(solved, 0, over / torch.where(solved, 1, under))
