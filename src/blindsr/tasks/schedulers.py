"""Learning rate by optimiser step, as factors for ``torch.optim.lr_scheduler.LambdaLR``."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class WarmupCosine:
    """Linear warm-up, then cosine annealing; the factor in force after ``step`` optimiser steps.

    During warm-up the factor is ``step / warmup_steps``. Annealing begins from the last warm-up
    value, so the full learning rate itself is never used: that is what the released CMOS schedule
    does (its first annealing step is taken at ``step == warmup_steps``), kept because it costs
    nothing. With ``restart`` the rate jumps back to the full one at the end of each period; the
    released NYUv2 run therefore ends at 1.76e-5 and not at its minimum.

    Args:
        warmup_steps: steps of linear warm-up; 0 for none.
        period: steps of one annealing from the peak to ``floor``.
        floor: lowest factor, the minimal over the base learning rate.
        restart: begin again at 1 after each period; otherwise stay at ``floor``.
    """

    warmup_steps: int
    period: int
    floor: float = 0.0
    restart: bool = False

    def __call__(self, step: int) -> float:
        """Factor on the base learning rate after ``step`` optimiser steps."""
        if step < self.warmup_steps:
            return step / self.warmup_steps
        peak = (self.warmup_steps - 1) / self.warmup_steps if self.warmup_steps else 1.0
        elapsed = step - max(self.warmup_steps - 1, 0)
        if elapsed > self.period:
            if not self.restart:
                return self.floor
            peak, elapsed = 1.0, (elapsed - self.period - 1) % (self.period + 1)
        return (
            self.floor + (peak - self.floor) * (1 + math.cos(math.pi * elapsed / self.period)) / 2
        )
