"""Checks of drawn numbers against the distribution they should come from, for fixed seeds."""

import numpy as np
from scipy import stats

LEAST_P = 1e-4  # a right sampler fails one check in ten thousand, and a fixed seed never again


def assert_probability(hits, trials, probability):
    p = stats.binomtest(int(hits), int(trials), probability).pvalue
    assert p > LEAST_P, f"{hits} of {trials} for a probability of {probability}"


def assert_shares(values, shares):
    """Values take the keys of ``shares`` with these probabilities, and no other."""
    counts = dict.fromkeys(shares, 0)
    for value in values:
        counts[value] += 1
    expected = np.array(list(shares.values())) * len(values)
    p = stats.chisquare(list(counts.values()), expected).pvalue
    assert p > LEAST_P, f"{counts} for {shares}"


def assert_integers(values, low, high):
    """Values are equally likely integers from low to high."""
    count = high - low + 1
    assert_shares(values, dict.fromkeys(range(low, high + 1), 1 / count))


def assert_uniform(values, low, high):
    values = np.asarray(values)
    assert values.min() >= low
    assert values.max() <= high
    p = stats.kstest(values, "uniform", args=(low, high - low)).pvalue
    assert p > LEAST_P, f"mean {values.mean()} for U({low}, {high})"


def of_kind(recipes, kind):
    return [step for recipe in recipes for step in recipe.steps if isinstance(step, kind)]
