"""Resizing by any factor in strips."""

import numpy as np
import pytest

from blindsr.imaging.any_factor import AnyFactor, outscaled
from blindsr.imaging.resize import downsample, phase, upsample

SIZE = (23, 31)


def smooth(points):
    """A picture that can be told anywhere."""
    y, x = points
    return np.sin(0.31 * y + 0.2)[:, None] + np.cos(0.23 * x - 0.4)[None, :]


def enlarged(scale, place):
    """What a perfect model with this phase makes of the picture, (s*H, s*W, 1)."""
    points = [(np.arange(scale * side) - place) / scale for side in SIZE]
    return smooth(points)[..., None].astype(np.float32)


def resized(picture, scale, place, factor, strip=7):
    tool = AnyFactor(SIZE, scale, place, factor)
    parts = [tool.add(picture[top : top + strip]) for top in range(0, len(picture), strip)]
    result = np.concatenate(parts)
    assert result.shape[:2] == tool.size
    return result


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.5, 2.0, 2.7, 3.0, 4.0, 5.3, 8.0])
@pytest.mark.parametrize("kind", ["sfold", "bicubic"])
def test_every_pixel_lies_where_the_phase_says(kind, factor):
    place = phase(kind, 4)
    result = resized(enlarged(4, place), 4, place, factor)
    own = place * (factor - 1) / 3
    true = smooth([(np.arange(side) - own) / factor for side in result.shape[:2]])
    inner = slice(int(3 * factor) + 3, -int(3 * factor) - 3)
    assert np.abs(result[..., 0] - true)[inner, inner].max() < 0.02


def test_the_scale_of_the_model_changes_nothing():
    picture = enlarged(4, 1.5)
    np.testing.assert_allclose(resized(picture, 4, 1.5, 4.0), picture, atol=1e-6)


def test_strips_of_any_height_give_the_same():
    picture = np.random.default_rng(0).random((4 * SIZE[0], 4 * SIZE[1], 3), np.float32)
    whole = resized(picture, 4, 1.5, 2.3, strip=1000)
    for strip in (1, 5, 64):
        np.testing.assert_array_equal(resized(picture, 4, 1.5, 2.3, strip), whole)


def test_a_whole_factor_is_the_antialiased_cubic():
    lr = np.random.default_rng(0).random((*SIZE, 3), np.float32)
    hr = upsample(lr, 4, phase=1.5)
    np.testing.assert_allclose(resized(hr, 4, 1.5, 2.0), downsample(hr, 2, "bicubic"), atol=1e-5)


def test_sizes_are_rounded_and_never_nothing():
    assert outscaled((3, 5), 1.5) == (5, 8)
    assert outscaled((3, 5), 0.1) == (1, 1)
