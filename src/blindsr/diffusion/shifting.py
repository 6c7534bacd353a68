"""Residual shifting: a diffusion between a picture and its enlarged LR in a handful of steps.

    x_t = x_0 + eta_t (y - x_0) + kappa sqrt(eta_t) noise,   t = 1..T

eta grows from nearly 0 to nearly 1, so sampling starts at LR with some noise, and the network
predicts x_0 (ResShift, Yue et al., NeurIPS 2023, in pixels and written anew).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from blindsr.errors import ConfigError

_LAST = 0.99  # eta of the last step
_FIRST_NOISE = 0.04  # standard deviation of the noise of the first step, as far as eta allows
_FIRST = 0.3  # largest square root of eta of the first step


class ResidualShift:
    """The schedule.

    Args:
        steps: T, evaluations of the network.
        kappa: standard deviation of the noise where eta is 1; 0 has no noise.
        power: how eta grows between the first and the last step; below 1 faster at first.

    Attributes:
        eta: eta of 0..T, ascending from 0.

    Raises:
        ConfigError: a number out of range.
    """

    def __init__(self, steps: int = 4, *, kappa: float = 0.25, power: float = 0.3) -> None:
        for name, value, good in (
            ("steps", steps, 1 <= steps <= 1000),
            ("kappa", kappa, 0 <= kappa < math.inf),
            ("power", power, 0 < power < math.inf),
        ):
            if not good:
                expected = {"steps": "1 to 1000", "kappa": "0 or more"}.get(name, "above 0")
                raise ConfigError(name, found=str(value), expected=expected)
        self.steps, self.kappa = steps, kappa
        first = min(_FIRST_NOISE / kappa, _FIRST) if kappa else _FIRST
        growth = math.sqrt(_LAST) / first
        places = [(t / max(steps - 1, 1)) ** power for t in range(steps - 1)]
        roots = [*(first * growth**place for place in places), math.sqrt(_LAST)]
        self.eta = (0.0, *(root**2 for root in roots))

    def add(self, x0: Tensor, y: Tensor, t: int | Tensor, noise: Tensor) -> Tensor:
        """x_t of a picture.

        Args:
            x0: (N, C, H, W) the picture.
            y: of the same shape, enlarged LR.
            t: 1..T, or (N,) of them.
            noise: of the same shape, standard normal.
        """
        eta = torch.as_tensor(self.eta, dtype=x0.dtype, device=x0.device)[t].view(-1, 1, 1, 1)
        return x0 + eta * (y - x0) + self.kappa * eta.sqrt() * noise

    def start(self, y: Tensor, noise: Tensor) -> Tensor:
        """Where sampling starts: x_T as if the picture were ``y``."""
        return y.add(noise, alpha=self.kappa * math.sqrt(self.eta[-1]))

    def posterior(self, x_t: Tensor, x0: Tensor, t: int, noise: Tensor) -> Tensor:
        """Draw x_{t-1} given x_t and x_0; x_0 itself for t = 1."""
        before, now = self.eta[t - 1], self.eta[t]
        drawn = (before / now) * x_t  # and added to in place: pictures are large
        drawn.add_(x0, alpha=(now - before) / now)
        return drawn.add_(noise, alpha=self.kappa * math.sqrt(before * (now - before) / now))
