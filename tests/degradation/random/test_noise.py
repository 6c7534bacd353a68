import numpy as np
import pytest

from blindsr.degradation.random.noise import (
    GaussianNoise,
    PoissonNoise,
    ScaledPoissonNoise,
    SpeckleNoise,
)


def flat(value, side=160):
    return np.full((side, side, 3), value, np.float32)


def moments(noise):
    pixels = noise.reshape(-1, 3).astype(np.float64)
    return pixels.mean(0), np.cov(pixels.T)


def test_colour_noise_is_independent_in_the_channels():
    noise = GaussianNoise(kind="colour", level=12.0, seed=3)(flat(0.5)) - flat(0.5)
    mean, covariance = moments(noise)
    np.testing.assert_allclose(mean, 0, atol=4 * 12 / 255 / 160)
    np.testing.assert_allclose(covariance / (12 / 255) ** 2, np.eye(3), atol=0.04)


def test_grey_noise_is_the_same_in_the_channels():
    noise = GaussianNoise(kind="grey", level=20.0, seed=3)(flat(0.5)) - flat(0.5)
    np.testing.assert_array_equal(noise[..., 0], noise[..., 2])
    assert noise.std() == pytest.approx(20 / 255, rel=0.03)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_correlated_noise_has_the_covariance_asked_for(rank):
    basis = np.random.default_rng(rank).random((3, rank)) * 0.5
    mixing = basis @ basis.T
    noise = GaussianNoise(kind="correlated", level=25.0, seed=1, mixing=tuple(mixing.ravel()))(
        flat(0.5)
    )
    _, covariance = moments(noise - flat(0.5))
    np.testing.assert_allclose(covariance / (25 / 255) ** 2, mixing, atol=0.03)


def test_speckle_scales_with_the_picture():
    for value in (0.2, 0.6):
        noise = SpeckleNoise(kind="colour", level=10.0, seed=2)(flat(value)) - flat(value)
        assert noise.std() == pytest.approx(value * 10 / 255, rel=0.02)
    black = SpeckleNoise(kind="grey", level=25.0, seed=2)(flat(0.0))
    np.testing.assert_array_equal(black, 0)


@pytest.mark.parametrize("photons", [100.0, 3000.0])
def test_photon_noise_has_the_variance_of_its_mean(photons):
    value = 102 / 255
    noise = PoissonNoise(photons=photons, grey=False, seed=4)(flat(value)) - flat(value)
    mean, covariance = moments(noise)
    np.testing.assert_allclose(mean, 0, atol=4 * np.sqrt(value / photons) / 160)
    np.testing.assert_allclose(covariance * photons / value, np.eye(3), atol=0.04)


def test_grey_photon_noise_follows_the_luma():
    image = flat(0.0)
    image[...] = np.array([51, 102, 204], np.float32) / 255
    luma = np.rint(0.299 * 51 + 0.587 * 102 + 0.114 * 204) / 255
    noise = PoissonNoise(photons=2000.0, grey=True, seed=4)(image) - image
    np.testing.assert_allclose(noise[..., 0], noise[..., 1], atol=1e-6)
    assert noise.var() == pytest.approx(luma / 2000, rel=0.04)
    other = ScaledPoissonNoise(strength=0.02, grey=True, seed=4)(image) - image
    assert other.std() > 0.01
    np.testing.assert_allclose(other[..., 1], other[..., 2], atol=1e-6)


def test_scaled_photon_noise_counts_the_levels_of_the_picture():
    """Two grey levels give two photons at white, 100 levels give 128."""
    image = np.tile(np.arange(100, 200, dtype=np.float32)[:, None, None] / 255, (1, 200, 3))
    noise = ScaledPoissonNoise(strength=0.7, grey=False, seed=5)(image) - image
    assert noise.var() == pytest.approx(0.7**2 * image.mean() / 128, rel=0.03)
    few = flat(102 / 255)
    few[:80] = 153 / 255
    noise = ScaledPoissonNoise(strength=0.1, grey=False, seed=5)(few) - few
    assert noise.var() == pytest.approx(0.1**2 * 0.5 / 2, rel=0.03)


def test_seed_decides_and_the_range_holds():
    image = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    before = image.copy()
    for noisy in (
        lambda seed: GaussianNoise(kind="colour", level=25.0, seed=seed)(image),
        lambda seed: GaussianNoise(kind="grey", level=25.0, seed=seed)(image),
        lambda seed: SpeckleNoise(kind="colour", level=25.0, seed=seed)(image),
        lambda seed: PoissonNoise(photons=100.0, grey=False, seed=seed)(image),
        lambda seed: ScaledPoissonNoise(strength=3.0, grey=True, seed=seed)(image),
    ):
        first = noisy(7)
        assert first.dtype == np.float32
        assert first.min() >= 0
        assert first.max() <= 1
        np.testing.assert_array_equal(first, noisy(7))
        assert (first != noisy(8)).mean() > 0.3
        np.testing.assert_array_equal(image, before)
