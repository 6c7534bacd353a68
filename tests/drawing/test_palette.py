import numpy as np
import pytest

from blindsr.drawing.palette import blur_to_rgb, class_palette, seg_to_rgb
from blindsr.errors import DataError


def test_sigma_colours_are_a_fixed_scale():
    wide = blur_to_rgb(np.array([[0.0, 2.5, 5.0, 99.0, -1.0]]), 5)
    assert wide.dtype == np.uint8
    assert wide.shape == (1, 5, 3)
    np.testing.assert_array_equal(wide[0, 2], wide[0, 3])
    np.testing.assert_array_equal(wide[0, 0], wide[0, 4])
    # A map that only reaches 2.5 is not stretched to its own range.
    np.testing.assert_array_equal(blur_to_rgb(np.array([[0.0, 2.5]]), 5), wide[:, :2])
    brightness = blur_to_rgb(np.linspace(0, 5, 50)[None], 5)[0] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(brightness) > 0).all()


def test_palette_is_distinct_stable_and_never_black():
    palette = class_palette(40).astype(int)
    distance = np.abs(palette[:, None] - palette[None]).sum(-1) + 1000 * np.eye(40, dtype=int)
    assert distance.min() > 50
    assert palette.max(1).min() > 60
    np.testing.assert_array_equal(class_palette(19), class_palette(40)[:19])


def test_class_colours():
    seg = np.array([[0, 3, 255]], np.uint8)
    picture = seg_to_rgb(seg, 4)
    np.testing.assert_array_equal(picture[0, :2], class_palette(4)[[0, 3]])
    np.testing.assert_array_equal(picture[0, 2], (0, 0, 0))
    with pytest.raises(DataError, match=r"class 4, expected 0\.\.3 or 255"):
        seg_to_rgb(np.array([[4]]), 4)
    with pytest.raises(DataError, match=r"expected \(H, W\)"):
        seg_to_rgb(np.zeros((1, 2, 2), int), 4)
