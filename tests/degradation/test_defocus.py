import numpy as np
import pytest

from blindsr.degradation import sample_focus_rank, sample_uniform_sigma, sigma_from_depth
from blindsr.errors import ConfigError, DataError


def lens(depth, z_focus, sigma_max, focal=50.0, width=640):
    """The generator with its lens: aperture set so that the worse end reaches the maximum."""
    c_max = 4 * sigma_max + 1
    pixels_per_mm = width / 36
    ends = [
        (pixels_per_mm / c_max) * focal**2 / (z_focus - focal) * abs(z - z_focus) / z
        for z in (depth.min(), depth.max())
    ]
    aperture = focal / max(ends)
    coc = pixels_per_mm * focal / (z_focus - focal) * aperture * np.abs(depth - z_focus) / depth
    coc = np.floor(coc * 10 + 0.5 + 1e-9) / 10
    return (np.maximum(coc, 1) - 1) / 4


@pytest.fixture(scope="module")
def depth():
    return np.random.default_rng(0).uniform(700, 9990, (40, 60))


@pytest.mark.parametrize("sigma_max", [5, 15])
@pytest.mark.parametrize("rank", [0.0, 0.18, 0.6, 1.0])
def test_closed_form_equals_the_lens(depth, sigma_max, rank):
    z_focus = np.sort(depth.ravel())[round(rank * (depth.size - 1))]
    sigma = sigma_from_depth(depth, sigma_max=sigma_max, focus_rank=rank)
    assert sigma.dtype == np.float32
    np.testing.assert_allclose(sigma, lens(depth, z_focus, sigma_max), atol=1e-4)
    same = sigma_from_depth(depth, sigma_max=sigma_max, focus_depth=float(z_focus))
    np.testing.assert_array_equal(sigma, same)


@pytest.mark.parametrize("sigma_max", [5, 15, 2.3, 0.7])
def test_every_map_reaches_exactly_sigma_max_and_zero(depth, sigma_max):
    for rank in np.linspace(0, 1, 11):
        sigma = sigma_from_depth(depth, sigma_max=sigma_max, focus_rank=rank)
        assert sigma.max() == np.float32(sigma_max)
        assert sigma.min() == 0


def test_sigma_lies_on_the_grid_of_a_tenth_of_a_pixel_of_coc(depth):
    steps = sigma_from_depth(depth, sigma_max=5, focus_rank=0.3) * 40
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


def test_the_unit_of_depth_does_not_matter(depth):
    first = sigma_from_depth(depth, sigma_max=5, focus_rank=0.3)
    np.testing.assert_array_equal(
        first, sigma_from_depth(depth / 1000, sigma_max=5, focus_rank=0.3)
    )


def test_by_hand():
    depth = np.array([[1.0, 2.0, 4.0, np.inf]])
    # Focus at 2: |1 - 2/z| = 1, 0, 0.5, 1 and the largest is 1, so c = 21, 0, 10.5, 21.
    expected = [[5.0, 0.0, 9.5 / 4, 5.0]]
    np.testing.assert_allclose(sigma_from_depth(depth, sigma_max=5, focus_depth=2), expected)


def test_infinite_depth_is_the_limit_of_far():
    near = np.linspace(1, 5, 20)[None]
    sky = np.concatenate([near, [[np.inf]]], axis=1)
    far = np.concatenate([near, [[1e12]]], axis=1)
    for options in ({"focus_rank": 0.2}, {"focus_rank": 1.0}, {"focus_depth": np.inf}):
        sigma = sigma_from_depth(sky, sigma_max=5, **options)
        assert np.isfinite(sigma).all()
        if options != {"focus_depth": np.inf}:
            np.testing.assert_array_equal(sigma, sigma_from_depth(far, sigma_max=5, **options))
    assert sigma[0, -1] == 0
    assert sigma[0, 0] == 5


def test_focus_by_pixel_and_by_distinct_depth_differ_where_depth_repeats():
    depth = np.array([[1.0] * 8 + [2.0, 3.0]])
    by_pixel = sigma_from_depth(depth, sigma_max=5, focus_rank=0.5)
    by_depth = sigma_from_depth(depth, sigma_max=5, focus_rank=0.5, focus_by="depth")
    assert (by_pixel == 0).sum() == 8
    np.testing.assert_array_equal(by_depth == 0, depth == 2)


def test_rank_counts_from_the_nearest():
    depth = np.arange(1.0, 12.0)[None]
    for rank in (0.0, 0.3, 1.0):
        sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=rank)
        assert sigma[0, round(10 * rank)] == 0
    assert sigma_from_depth(depth, sigma_max=5, focus_rank=0)[0, -1] == 5


def test_a_flat_scene_is_in_focus():
    sigma = sigma_from_depth(np.full((3, 3), 2.0), sigma_max=5, focus_rank=0.5)
    np.testing.assert_array_equal(sigma, 0)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, -np.inf])
def test_impossible_depth_is_refused(bad):
    depth = np.ones((2, 3))
    depth[1, 2] = bad
    with pytest.raises(DataError, match="1 of 6 pixels"):
        sigma_from_depth(depth, sigma_max=5, focus_rank=0.5)


def test_bad_arguments():
    depth = np.ones((2, 3))
    for options in (
        {},
        {"focus_rank": 0.5, "focus_depth": 1.0},
        {"focus_rank": 1.5},
        {"focus_rank": float("nan")},
        {"focus_depth": 0.0},
        {"focus_rank": 0.5, "focus_by": "value"},
    ):
        with pytest.raises(ConfigError, match="focus"):
            sigma_from_depth(depth, sigma_max=5, **options)
    with pytest.raises(ConfigError, match="sigma_max"):
        sigma_from_depth(depth, sigma_max=0, focus_rank=0.5)
    with pytest.raises(DataError, match="H, W"):
        sigma_from_depth(np.ones(3), sigma_max=5, focus_rank=0.5)


def test_focus_ranks_are_biased_to_the_near_third():
    rng = np.random.default_rng(0)
    ranks = np.array([sample_focus_rank(rng) for _ in range(20000)])
    assert ranks.min() >= 0
    assert ranks.max() <= 1
    # |N(0, 0.256)|: quantiles of the half-normal distribution.
    quantiles = np.quantile(ranks, [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(quantiles, [0.016, 0.082, 0.173, 0.294, 0.502], atol=0.012)


def test_uniform_sigmas_fill_the_range_in_tenths():
    rng = np.random.default_rng(0)
    draws = np.array([sample_uniform_sigma(rng, 5) for _ in range(5000)])
    np.testing.assert_allclose(draws * 10, np.rint(draws * 10), atol=1e-9)
    assert set(np.rint(draws * 10).astype(int)) == set(range(51))
    assert draws.mean() == pytest.approx(2.5, abs=0.08)
    assert max(sample_uniform_sigma(rng, 0.55) for _ in range(200)) <= 0.55


def test_draws_depend_on_the_generator_alone():
    for draw in (sample_focus_rank, lambda rng: sample_uniform_sigma(rng, 5)):
        first, second = ([draw(np.random.default_rng(7)) for _ in range(3)] for _ in range(2))
        assert first == second
