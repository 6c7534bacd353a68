"""How far LR may be from what an estimated blur predicts: noise, and the error of sigma."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from blindsr.imaging.rows_on_disk import Picture

LEAST_WEIGHT = 1e-2
"""Smallest weight of the data step: smaller ones fit noise (prototype: 58 dB where the noise allows
47.8)."""


def measurement_variance(
    image: Picture, operator: Callable[[Picture], Tensor], moved: Callable[[Picture], Tensor]
) -> Tensor:
    """Variance of LR that the error of sigma causes: 2 b^2 (d A x / d sigma)^2, colours averaged.

    The derivative is one finite difference, to sigma one Laplace scale b away; 2 b^2 is the
    variance of a Laplace distribution.

    Args:
        image: (N, C, H, W) the present estimate of the picture.
        operator: A with the estimated sigma.
        moved: A with sigma + b.

    Returns:
        (N, 1, h, w).
    """
    return 2 * (moved(image) - operator(image)).square().mean(dim=1, keepdim=True)


def data_weight(variance: Tensor | float, rmse: float) -> Tensor | float:
    """Weight of the data step: variance of LR over that of the network's estimate.

    Args:
        variance: of LR, noise included.
        rmse: of the network's estimate at this step, measured on validation pictures.

    Returns:
        At least 0.01.
    """
    weight = variance / max(rmse, 1e-6) ** 2
    if isinstance(weight, Tensor):
        return weight.clamp_min(LEAST_WEIGHT)
    return max(weight, LEAST_WEIGHT)
