"""Scores of estimated blur: agreement with the truth, and whether the uncertainty is true."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

BINS = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 8.01)


class Agreement(NamedTuple):
    """Of all pixels together."""

    correlation: float
    slope: float
    """Of the estimate over the truth: 1 is right, 0 is one number everywhere."""
    error: float
    """Mean absolute error, pixels."""


def agreement(truth: np.ndarray, estimate: np.ndarray) -> Agreement:
    truth, estimate = truth.astype(np.float64).ravel(), estimate.astype(np.float64).ravel()
    error = float(np.abs(estimate - truth).mean())
    away, off = truth - truth.mean(), estimate - estimate.mean()
    spread = float((away**2).sum()), float((off**2).sum())
    if min(spread) <= 1e-12:
        return Agreement(0.0, 0.0, error)
    both = float((away * off).sum())
    return Agreement(both / float(np.sqrt(spread[0] * spread[1])), both / spread[0], error)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def by_part(
    truth: np.ndarray, estimate: np.ndarray, value: np.ndarray, limits: tuple[float, ...]
) -> list[tuple[float, float, float, float]]:
    """(share of pixels, mean truth, mean estimate, mean absolute error) between the limits."""
    found = []
    for low, high in itertools.pairwise(limits):
        inside = (value >= low) & (value < high)
        if not inside.any():
            found.append((0.0, float("nan"), float("nan"), float("nan")))
            continue
        right, said = truth[inside], estimate[inside]
        found.append(
            (
                float(inside.mean()),
                float(right.mean()),
                float(said.mean()),
                float(np.abs(said - right).mean()),
            )
        )
    return found
