"""Learning rate by optimiser step, as factors for ``torch.optim.lr_scheduler.LambdaLR``."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class WarmupCosine:
    """Linear warm-up, then cosine annealing; the factor in force after ``step`` optimiser steps.

    During warm-up the factor is ``step / warmup_steps``. Without ``restart`` it then falls once
    from 1 to ``floor`` and stays there.

    With ``restart`` it follows the released CMOS training to the letter. There the first annealing
    continues from the last warm-up value, so that the full learning rate is not reached before the
    first restart, one step after the end of the period; NYUv2 training therefore ends at 1.76e-5
    and not at its minimum.

    Args:
        warmup_steps: steps of linear warm-up; 0 for none.
        period: steps of one annealing from the peak to ``floor``.
        floor: lowest factor, the minimal over the base learning rate.
        restart: begin again at 1 after each period, as released.
    """

    warmup_steps: int
    period: int
    floor: float = 0.0
    restart: bool = False

    def __call__(self, step: int) -> float:
        """Factor on the base learning rate after ``step`` optimiser steps."""
        if step < self.warmup_steps:
            return step / self.warmup_steps
        if not self.restart:
            return self._anneal(1.0, min(step - self.warmup_steps, self.period))
        elapsed = step - max(self.warmup_steps - 1, 0)
        if elapsed <= self.period:
            peak = (self.warmup_steps - 1) / self.warmup_steps if self.warmup_steps else 1.0
            return self._anneal(peak, elapsed)
        return self._anneal(1.0, (elapsed - self.period - 1) % (self.period + 1))

    def _anneal(self, peak: float, elapsed: int) -> float:
        share = (1 + math.cos(math.pi * elapsed / self.period)) / 2
        return self.floor + (peak - self.floor) * share


@dataclass(frozen=True)
class Halving:
    """Linear warm-up, then a constant that is halved at given steps (stage 3 as released).

    Args:
        warmup_steps: steps of linear warm-up; 0 for none.
        steps: optimiser steps from which on the factor is half of what it was before.
        share: another share than half.
    """

    warmup_steps: int = 0
    steps: tuple[int, ...] = ()
    share: float = 0.5

    def __call__(self, step: int) -> float:
        """Factor on the base learning rate after ``step`` optimiser steps."""
        if step < self.warmup_steps:
            return step / self.warmup_steps
        return self.share ** sum(step >= milestone for milestone in self.steps)
