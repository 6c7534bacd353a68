import numpy as np
import pytest

from blindsr.degradation import degrade, gather_blur, layered_blur, sigma_from_depth
from blindsr.errors import ConfigError, DataError
from blindsr.imaging import downsample


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    hr = rng.random((48, 64, 3)).astype(np.float32)
    depth = np.tile(np.linspace(4, 1, 48)[:, None], (1, 64))
    depth[20:36, 20:40] = 0.8
    return hr, sigma_from_depth(depth, sigma_max=5, focus_rank=0.5), depth


def test_is_blur_round_downsample_clip(scene):
    hr, sigma, _ = scene
    blurred = gather_blur(hr, sigma, sigma_max=5)
    stored = np.rint(np.clip(blurred, 0, 1) * 255).astype(np.uint8)
    lr = degrade(hr, sigma, scale=4, sigma_max=5)
    assert lr.dtype == np.float32
    np.testing.assert_array_equal(lr, stored[::4, ::4] / np.float32(255))
    unrounded = degrade(hr, sigma, scale=4, sigma_max=5, round_hr=False)
    np.testing.assert_array_equal(unrounded, blurred[::4, ::4])


def test_sharp_pixels_of_sfold_are_the_hr_pixels():
    hr = (np.random.default_rng(1).integers(0, 256, (16, 24, 3)) / np.float32(255)).astype("f4")
    lr = degrade(hr, np.zeros((16, 24), np.float32), scale=4, sigma_max=5)
    np.testing.assert_array_equal(lr, hr[::4, ::4])


@pytest.mark.parametrize("method", ["sfold", "bicubic", "area"])
def test_result_stays_in_range(method):
    hr = (np.indices((32, 32)).sum(0) // 8 % 2)[..., None].repeat(3, 2).astype(np.float32)
    sigma = np.zeros((32, 32), np.float32)
    lr = degrade(hr, sigma, scale=4, sigma_max=5, downsampler=method)
    assert lr.min() >= 0
    assert lr.max() <= 1
    np.testing.assert_allclose(lr, np.clip(downsample(hr, 4, method), 0, 1), atol=1e-7)


def test_operators_differ_at_edges_of_depth_only(scene):
    hr, sigma, depth = scene
    gather = degrade(hr, sigma, scale=4, sigma_max=5)
    layered = degrade(hr, sigma, scale=4, sigma_max=5, operator="layered", depth=depth)
    expected = layered_blur(hr, sigma, depth, sigma_max=5)[::4, ::4]
    np.testing.assert_allclose(layered, expected, atol=0.5 / 255 + 1e-6)
    assert np.abs(gather - layered).max() > 0.02


def test_nothing_is_random(scene):
    hr, sigma, _ = scene
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - the point is that it is not used
    first = degrade(hr, sigma, scale=4, sigma_max=5)
    np.testing.assert_array_equal(first, degrade(hr, sigma, scale=4, sigma_max=5))
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_bad_arguments(scene):
    hr, sigma, _ = scene
    with pytest.raises(ConfigError, match="depth"):
        degrade(hr, sigma, scale=4, sigma_max=5, operator="layered")
    with pytest.raises(ConfigError, match="gather or layered"):
        degrade(hr, sigma, scale=4, sigma_max=5, operator="scatter")
    with pytest.raises(DataError, match="multiples of 5"):
        degrade(hr, sigma, scale=5, sigma_max=5)
