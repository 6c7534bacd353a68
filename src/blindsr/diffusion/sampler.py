"""Sampling whose every estimate of the picture is made to explain LR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Literal, Protocol, TypeVar, get_args

from torch import Tensor

from blindsr.errors import ConfigError
from blindsr.imaging.rows_on_disk import Picture, mapped, stored

Constraint = Literal["every", "last", "none"]
"""At which steps the data step is taken."""


class ProximalOperator(Protocol):
    """What the sampler asks of an operator, see :mod:`blindsr.degradation.linear`."""

    def prox(
        self, image: Picture, lr: Tensor, weight: Tensor | float, iterations: int = 4
    ) -> Picture:
        """The picture nearest to ``image`` that explains ``lr``."""


class Schedule(Protocol):
    """A diffusion: of its state x_t the sampler knows nothing else."""

    steps: int

    def start(self, y: Tensor, noise: Tensor) -> Tensor:
        """x_T, made of the enlarged LR picture."""

    def posterior(self, x_t: Tensor, x0: Tensor, t: int, noise: Tensor) -> Tensor:
        """x_{t-1}, given x_t and the estimate x_0 of the picture."""


ScheduleT = TypeVar("ScheduleT", bound=Schedule)


class ConstrainedSampler(Generic[ScheduleT]):
    """Alternate between a network's estimate of the picture and the picture that explains LR.

        x_0 = denoise(x_t, t)
        x_0 <- argmin_x |A x - lr|^2 / weight + |x - x_0|^2      (the data step)
        x_{t-1} from the posterior of x_t and x_0

    It knows no network: ``denoise`` may run in tiles. The result is clipped to [0, 1] at the end.

    Args:
        schedule: of the diffusion, such as
            :class:`~blindsr.diffusion.shifting.ResidualShift`.
        constraint: take the data step at ``"every"`` step, at the ``"last"`` alone, which keeps
            nearly all of its gain for a fraction of the time, or at ``"none"``.
        iterations: conjugate gradients of one data step.

    Raises:
        ConfigError: an unknown constraint, or no iteration.
    """

    def __init__(
        self,
        schedule: ScheduleT,
        *,
        constraint: Constraint = "every",
        iterations: int = 4,
    ) -> None:
        if constraint not in get_args(Constraint):
            expected = " or ".join(repr(name) for name in get_args(Constraint))
            raise ConfigError("constraint", found=repr(constraint), expected=expected)
        if iterations < 1:
            raise ConfigError("iterations", found=str(iterations), expected="at least 1")
        self.schedule, self.iterations = schedule, iterations
        self.constraint: Constraint = constraint

    def sample(
        self,
        lr: Tensor,
        start: Picture,
        *,
        operator: ProximalOperator,
        denoise: Callable[[Picture, int], Picture],
        noise: Callable[[int], Picture],
        weight: Callable[[Picture, int], Tensor | float],
        strength: Tensor | float = 1.0,
    ) -> Picture:
        """Draw one picture.

        Args:
            lr: (N, C, h, w) measured.
            start: (N, C, H, W) its enlargement; where it is
                :class:`~blindsr.imaging.rows_on_disk.Rows`, all pictures of its size are.
            operator: that made ``lr``.
            denoise: x_t and t -> x_0.
            noise: t -> standard normal noise that broadcasts to ``start``; called for T..2, and
                for T + 1 to start with.
            weight: x_0 and t -> variance of the noise of ``lr`` over that of x_0, see
                :meth:`~blindsr.degradation.linear.operator.LinearOperator.prox`.
            strength: 0..1, how much of what differs from ``start`` is kept; may be a map
                (N, 1, H, W).

        Returns:
            (N, C, H, W) in [0, 1].
        """
        steps = self.schedule.steps
        x = stored(mapped(self.schedule.start, start, noise(steps + 1)))
        for t in range(steps, 0, -1):
            x0 = denoise(x, t)
            if self.constraint == "every" or (self.constraint == "last" and t == 1):
                x0 = stored(operator.prox(x0, lr, weight(x0, t), self.iterations))
            if not isinstance(strength, float) or strength != 1:
                x0 = start + strength * (x0 - start)
            x = x0 if t == 1 else stored(mapped(self._drawn(t), x, x0, noise(t)))
        return mapped(lambda image: image.clamp(0, 1), x)

    def _drawn(self, t: int) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        return lambda x, x0, noise: self.schedule.posterior(x, x0, t, noise)
