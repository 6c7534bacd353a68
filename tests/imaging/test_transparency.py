"""What lies under alpha 0 does not show at the edge of what is seen."""

import numpy as np

from blindsr.imaging.resize import upsample
from blindsr.imaging.transparency import bled, is_neutral
from blindsr.photo.formats import Layout, to_samples


def disc(height, width, colour=(255, 255, 255)):
    rows, columns = np.mgrid[:height, :width]
    inside = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(height, width) / 3) ** 2
    alpha = (inside * 255).astype(np.uint8)
    return (inside[..., None] * np.array(colour)).astype(np.uint8), alpha


def test_a_white_disc_keeps_its_white_edge():
    color, alpha = disc(24, 32)
    for image, kept in ((color, False), (bled(color, alpha), True)):
        sr = np.clip(upsample(image / 255.0, 4, phase=1.5), 0, 1)
        opacity = np.clip(upsample(alpha / 255.0, 4, phase=1.5), 0, 1)[..., None]
        over_white = (sr * opacity + 1 - opacity) * 255
        assert (over_white.min() >= 250) == kept


def test_the_nearest_visible_colour_is_taken_and_the_visible_stay():
    rng = np.random.default_rng(0)
    for shape in ((30, 40, 3), (30, 40), (1500, 8, 3)):
        for kind in (np.uint8, np.uint16):
            color = rng.integers(0, np.iinfo(kind).max, shape, dtype=kind)
            alpha = (rng.random(shape[:2]) < 0.02).astype(kind)
            alpha[3, 5] = 1
            before = color.copy()
            result = bled(color, alpha)
            np.testing.assert_array_equal(color, before)
            np.testing.assert_array_equal(result[alpha > 0], color[alpha > 0])
            places = np.argwhere(alpha > 0)
            for row, column in ((3, 6), (29, 7), (0, 0)):
                distances = np.hypot(*(places - (row, column)).T)
                nearest = places[distances <= distances.min() * 1.03 + 0.01]
                assert any((result[row, column] == color[tuple(place)]).all() for place in nearest)


def test_nothing_is_copied_where_nothing_is_to_be_done():
    color = np.zeros((4, 5, 3), np.uint8)
    assert bled(color, None) is color
    assert bled(color, np.ones((4, 5), np.uint8)) is color
    np.testing.assert_array_equal(bled(color, np.zeros((4, 5), np.uint8)), color)


def test_far_colours_stay_and_bands_agree():
    color = np.zeros((2000, 6, 3), np.uint8)
    color[1000], color[:5] = 200, 7
    alpha = np.zeros((2000, 6), np.uint8)
    alpha[1000] = 255
    result = bled(color, alpha)
    assert (result[900:1100] == 200).all()
    assert (result[:5] == 7).all()


def test_grey_that_is_stored_as_colour_stays_grey():
    grey = np.random.default_rng(0).integers(0, 255, (700, 9, 1), dtype=np.uint8)
    assert is_neutral(np.repeat(grey, 3, 2))
    tinted = np.repeat(grey, 3, 2)
    tinted[600, 3, 1] ^= 1
    assert not is_neutral(tinted)
    assert not is_neutral(grey[..., 0])
    sr = np.random.default_rng(0).random((4, 5, 3), np.float32)
    for channels in (3, 4):
        samples = to_samples(sr, sr[..., 0], Layout(channels, 16), neutral=True)
        assert is_neutral(samples[..., :3])
        assert samples.shape == (4, 5, channels)
