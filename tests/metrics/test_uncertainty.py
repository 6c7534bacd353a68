"""Intervals of an uncertainty."""

import numpy as np

from blindsr.metrics.uncertainty import interval_coverage


def test_true_scales_cover_what_they_claim_and_small_ones_less():
    error = np.random.default_rng(0).laplace(0, 2.0, 40_000)
    zero = np.zeros_like(error)
    right = interval_coverage(error, zero, np.full_like(error, 2.0))
    small = interval_coverage(error, zero, np.full_like(error, 1.0))
    for level, share in right.items():
        assert abs(share - level) < 0.01
        assert small[level] < share
