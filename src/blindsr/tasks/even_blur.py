"""Which images of a batch have one blur everywhere: some methods know no other."""

from __future__ import annotations

import torch
from torch import Tensor

INVARIANT = 0.05
"""Range of sigma, HR pixels, up to which the blur of an image counts as the same everywhere."""


def evenly_blurred(blur: Tensor) -> Tensor:
    """Sigma maps (N, 1, H, W) in HR pixels -> (N,) bool."""
    low, high = torch.aminmax(blur.flatten(1), dim=1)
    return high - low <= INVARIANT
