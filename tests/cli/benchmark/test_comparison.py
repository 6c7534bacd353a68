"""Means, spreads and verdicts with known numbers."""

import math

import numpy as np
import pytest

from blindsr.cli.benchmark.comparison import BETTER, DIFFERENT, SAME, UNKNOWN, WORSE, Runs, cells
from blindsr.metrics.picture_scores import PictureScores


def runs(scores, method="", names=None, classes=0):
    """Runs by seed of scores by group and metric."""
    found = {}
    for seed, groups in enumerate(scores):
        count = {group: len(next(iter(one.values()))) for group, one in groups.items()}
        called = names or {g: [f"picture {i}" for i in range(n)] for g, n in count.items()}
        found[seed] = PictureScores(called, {method: groups}, classes)
    return Runs(found, method)


def psnr(*seeds, name="psnr", group="test"):
    return runs([{group: {name: list(values)}} for values in seeds])


BASE = np.linspace(20, 30, 30)
NOISE = np.random.default_rng(0).normal(size=30)


@pytest.mark.parametrize(
    ("name", "gain", "expected"),
    [
        ("psnr", 0.5, BETTER),
        ("psnr", -0.5, WORSE),
        ("gmsd", 0.5, WORSE),
        ("gmsd", -0.5, BETTER),
        ("psnr", 0.0, SAME),
        ("texture", 0.5, DIFFERENT),
        ("no_metric", 0.5, DIFFERENT),
    ],
)
def test_better_and_worse_are_said_only_where_the_interval_excludes_zero(name, gain, expected):
    row = psnr(BASE + gain + 0.1 * (NOISE - NOISE.mean()), name=name)
    found = cells(row, psnr(BASE, name=name))["mean"][name]
    assert found.difference.mean == pytest.approx(gain, abs=1e-9)
    assert found.verdict == expected
    assert found.difference.sure == (expected != SAME)


def test_pairs_make_small_differences_sure_that_the_spread_of_pictures_would_hide():
    found = cells(psnr(BASE + 0.1), psnr(BASE))["mean"]["psnr"]
    assert found.verdict == BETTER
    assert found.difference == pytest.approx((0.1, 0.1, 0.1))


def test_the_mean_is_over_pictures_then_seeds_and_the_spread_over_seeds():
    found = cells(psnr([1.0, 3.0], [5.0, 7.0]), None)["mean"]["psnr"]
    assert found.seeds == (2, 6)
    assert found.mean == 4
    assert found.spread == pytest.approx(np.std([2, 6], ddof=1))
    assert found.difference is None
    assert cells(psnr([1.0]), None)["mean"]["psnr"].spread is None


def test_one_run_stands_beside_all_seeds_of_the_other():
    many, one = psnr(BASE, BASE + 1), psnr(BASE)
    assert cells(many, one)["mean"]["psnr"].difference.mean == pytest.approx(0.5)
    assert cells(one, many)["mean"]["psnr"].difference.mean == pytest.approx(-0.5)


def test_a_seed_that_failed_is_paired_with_none():
    row, reference = psnr(BASE + 1, BASE + 5), psnr(BASE, BASE, BASE)
    reference = Runs({seed: reference.pictures[seed] for seed in (0, 2)})
    row = Runs({**row.pictures, 2: row.pictures[0]})
    assert cells(row, reference)["mean"]["psnr"].difference.mean == pytest.approx(1.0)


def test_pictures_without_a_score_or_exact_in_one_of_the_two_are_no_pair():
    row, reference = BASE.copy() + 1, BASE.copy()
    row[0], reference[1], row[2] = math.nan, math.inf, math.inf
    reference[2] = math.inf
    found = cells(psnr(row), psnr(reference))["mean"]["psnr"]
    assert found.difference.mean == pytest.approx(1.0)
    assert found.pictures == 28
    assert cells(psnr([math.nan] * 3), None)["mean"] == {}


def test_one_picture_has_no_interval():
    found = cells(psnr([2.0]), psnr([1.0]))["mean"]["psnr"]
    assert found.verdict == UNKNOWN
    assert math.isnan(found.difference.low)


def test_groups_have_cells_and_the_mean_is_theirs():
    row = runs([{"A": {"psnr": [1.0, 1.0, 1.0]}, "B": {"psnr": [5.0]}}])
    found = cells(row, None)
    assert list(found) == ["A", "B", "mean"]
    assert found["mean"]["psnr"].mean == 3


def test_a_picture_of_several_groups_is_drawn_as_one():
    """Twice the same picture says no more than once: the interval must not shrink."""
    once = cells(psnr(BASE + NOISE), psnr(BASE))["mean"]["psnr"].difference
    row = runs([{g: {"psnr": list(BASE + NOISE)} for g in "AB"}])
    reference = runs([{g: {"psnr": list(BASE)} for g in "AB"}])
    twice = cells(row, reference)["mean"]["psnr"].difference
    assert twice == pytest.approx(once)


def matrix(hits, misses):
    """Counts of two classes: right ones of each, wrong ones of each."""
    return {0: hits[0], 3: hits[1], 1: misses[0], 2: misses[1]}


def test_miou_is_that_of_all_pixels_with_an_interval_over_pictures():
    counts = [matrix((6 + i % 3, 4), (2, 1)) for i in range(12)]
    worse = [matrix((4 + i % 3, 3), (4, 2)) for i in range(12)]
    row, reference = (runs([{"test": {"miou": c}}], classes=2) for c in (counts, worse))
    found = cells(row, reference)["mean"]["miou"]
    hits = sum(one[0] for one in counts)
    first, second = hits / (hits + 12 * 3), 48 / (48 + 12 * 3)
    assert found.mean == pytest.approx((first + second) / 2)
    assert found.verdict == BETTER
    assert found.difference.low < found.difference.mean < found.difference.high
    assert cells(row, row)["mean"]["miou"].verdict == SAME


def test_pictures_are_paired_by_name_not_by_order():
    names = {"test": [f"p{i}" for i in range(30)]}
    back = {"test": names["test"][::-1]}
    row = runs([{"test": {"psnr": list(BASE)}}], names=names)
    reference = runs([{"test": {"psnr": list(BASE[::-1])}}], names=back)
    assert cells(row, reference)["mean"]["psnr"].difference == pytest.approx((0, 0, 0))
