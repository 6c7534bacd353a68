import numpy as np
import pytest

from blindsr.errors import ConfigError, DataError
from blindsr.inference.pyramid_levels import Level, merge_levels, pyramid_factors, reduce_copy


def level(factor, value, size=(32, 48)):
    shape = tuple(-(-side // factor) for side in size)
    return Level(factor, np.broadcast_to(np.float32(value), shape))


@pytest.mark.parametrize(
    ("size", "levels", "first", "wanted"),
    [
        ((512, 900), None, 1, (1, 2, 4, 8)),
        ((511, 900), None, 1, (1, 2, 4)),
        ((40, 900), None, 1, (1,)),
        ((512, 900), 2, 1, (1, 2)),
        ((512, 900), 9, 1, (1, 2, 4, 8, 16, 32)),  # down to 16 pixels
        ((512, 900), None, 3, (3, 6)),
        ((10, 10), None, 4, (4,)),
    ],
)
def test_factors_follow_the_short_side(size, levels, first, wanted):
    assert pyramid_factors(size, levels, first=first) == wanted


@pytest.mark.parametrize(("first", "wanted"), [(0.0, 0.0), (0.3, 0.3), (0.6, 0.6), (-1, 0)])
def test_a_level_in_its_range_is_taken_as_it_is(first, wanted):
    merged = merge_levels([level(1, first), level(2, 1.9), level(4, 3.0)], 1)
    np.testing.assert_allclose(merged, wanted, atol=1e-6)


def test_a_saturated_level_gives_way_to_the_next():
    merged = merge_levels([level(1, 1.0), level(2, 1.9), level(4, 3.0)], 1)
    np.testing.assert_allclose(merged, 3.0)
    merged = merge_levels([level(1, 1.0), level(2, 1.1), level(4, 3.0)], 1)
    np.testing.assert_allclose(merged, 1.1)


def test_levels_blend_without_a_step():
    values = np.linspace(0.5, 1, 101, dtype=np.float32)
    merged = [merge_levels([level(1, v), level(2, 1.1)], 1)[0, 0] for v in values]
    assert np.all(np.diff(merged) > -1e-6)
    assert np.max(np.diff(merged)) < 0.03
    assert merge_levels([level(1, 0.75), level(2, 1.1)], 1)[0, 0] == pytest.approx(0.925)


def test_a_saturated_level_is_a_lower_bound():
    merged = merge_levels([level(1, 1.0), level(2, 0.0)], 1)
    np.testing.assert_allclose(merged, 0.6)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_coarse_levels_are_enlarged_in_the_right_phase(factor):
    rows, columns = np.mgrid[:48, :60].astype(np.float32)
    plane = 100 + rows + 2 * columns
    coarse = plane.reshape(48 // factor, factor, 60 // factor, factor).mean(axis=(1, 3))
    merged = merge_levels([Level(1, np.full((48, 60), 9, np.float32)), Level(factor, coarse)], 1)
    inner = slice(factor, -factor)
    np.testing.assert_allclose(merged[inner, inner], plane[inner, inner], atol=1e-3)


def test_odd_sizes_and_a_single_level():
    size = (37, 51)
    merged = merge_levels([level(f, 9.0, size) for f in (1, 2, 4)], 1)
    assert merged.shape == size
    assert merged.dtype == np.float32
    np.testing.assert_array_equal(merge_levels([level(3, 7.0)], 1), level(3, 7.0).blur)


@pytest.mark.parametrize("factors", [(), (0,), (1, 1), (2, 1), (2, 3)])
def test_factors_that_do_not_fit(factors):
    with pytest.raises(ConfigError, match=r"levels: .*expected factors such as \(1, 2, 4\)"):
        merge_levels([level(f, 1.0) if f else Level(0, np.ones((2, 2))) for f in factors], 1)


def test_maps_and_limits_that_do_not_fit():
    with pytest.raises(DataError, match=r"level 2: a map of shape \(16, 23\), expected \(16, 24\)"):
        merge_levels([level(1, 1.0), Level(2, np.ones((16, 23), np.float32))], 1)
    with pytest.raises(ConfigError, match="limit: 0"):
        merge_levels([level(1, 1.0)], 0)


def width(profile):
    """Standard deviation of a bump."""
    x = np.arange(len(profile))
    middle = (x * profile).sum() / profile.sum()
    return np.sqrt(((x - middle) ** 2 * profile).sum() / profile.sum())


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("blur", [0.4, 1.2])  # pixels of the copy
def test_reducing_adds_no_blur(factor, blur):
    x = np.arange(64 * factor)
    bump = np.exp(-((x - 31.3 * factor) ** 2) / (2 * (blur * factor) ** 2))
    image = np.broadcast_to((0.5 + 0.5 * bump)[None, :, None], (factor, len(x), 3))
    copy = reduce_copy(image, factor)
    assert copy.shape == (1, 64, 3)
    assert width(copy[0, :, 0].astype(np.float64) - 0.5) == pytest.approx(blur, rel=0.02)


def test_copies_keep_their_range_and_what_fills_no_block():
    image = np.random.default_rng(0).integers(0, 2, (21, 30, 3), dtype=np.uint8) * np.uint8(255)
    copy = reduce_copy(image, 4)
    assert copy.shape == (6, 8, 3)
    assert copy.dtype == np.float32
    assert 0 <= copy.min() < copy.max() <= 1
    deep = reduce_copy(image.astype(np.uint16) * 257, 4)
    np.testing.assert_allclose(deep, copy, atol=1e-6)
