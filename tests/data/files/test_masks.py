import cv2
import numpy as np
import pytest

from blindsr.data.files.masks import (
    mask_from_sigma,
    read_mask,
    read_sigma_mask,
    resize_mask,
    without_specks,
)
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.files import write_png


def test_sharp_is_below_the_threshold():
    sigma = np.array([[0.0, 0.99], [1.0, 5.0]], np.float32)
    np.testing.assert_array_equal(mask_from_sigma(sigma), [[1, 1], [0, 0]])
    np.testing.assert_array_equal(mask_from_sigma(sigma, threshold=0.5), [[1, 0], [0, 0]])


@pytest.mark.parametrize("sigma", [np.zeros((2, 2, 1)), np.full((2, 2), np.nan)])
def test_bad_sigma(sigma):
    with pytest.raises(DataError, match="blur"):
        mask_from_sigma(sigma)


def test_bad_threshold():
    with pytest.raises(ConfigError, match="threshold: 0"):
        mask_from_sigma(np.zeros((2, 2)), threshold=0)


def test_specks_take_the_value_around_them():
    mask = np.ones((20, 20), np.uint8)
    mask[5:15, 5:15] = 0  # 100 pixels stay
    wanted = mask.copy()
    mask[8:10, 8:10] = 1  # a sharp speck in the blurred part
    mask[0:2, 0:3] = 0  # a blurred speck in the sharp part
    np.testing.assert_array_equal(without_specks(mask, 7), wanted)
    np.testing.assert_array_equal(without_specks(mask, 5)[:2, :3], 0)
    assert without_specks(mask, 0) is mask


def test_resize_takes_the_nearest_and_makes_no_grey():
    mask = (np.random.default_rng(0).random((31, 47)) > 0.5).astype(np.uint8)
    for size in ((13, 20), (31, 47), (90, 100)):
        assert resize_mask(mask, size).shape == size
        assert set(np.unique(resize_mask(mask, size))) == {0, 1}
    np.testing.assert_array_equal(resize_mask(mask, (93, 141)), np.kron(mask, np.ones((3, 3))))
    np.testing.assert_array_equal(
        resize_mask(np.kron(mask, np.ones((3, 3), np.uint8)), (31, 47)), mask
    )


def test_files_of_every_kind(tmp_path):
    wanted = np.zeros((16, 24), np.uint8)
    wanted[:, 12:] = 1
    grey = tmp_path / "grey.png"
    write_png(grey, wanted * np.uint8(255))
    colour = tmp_path / "colour.png"
    write_png(colour, np.repeat(wanted[..., None] * np.uint8(255), 3, axis=2))
    one_bit = tmp_path / "bit.png"
    cv2.imwrite(str(one_bit), wanted * np.uint8(255), [cv2.IMWRITE_PNG_BILEVEL, 1])
    soft = tmp_path / "soft.jpg"
    cv2.imwrite(str(soft), cv2.GaussianBlur(wanted * np.uint8(255), (5, 5), 0))
    for path in (grey, colour, one_bit, soft):
        np.testing.assert_array_equal(read_mask(path), wanted, err_msg=path.name)
    write_png(grey, np.zeros_like(wanted))
    assert not read_mask(grey).any()  # blurred everywhere is a mask


def test_a_file_of_zeros_and_ones_is_refused(tmp_path):
    write_png(tmp_path / "a.png", np.eye(8, dtype=np.uint8))
    with pytest.raises(DataError, match=r"a\.png: values up to 1 of 255, expected 0 \(blurred\)"):
        read_mask(tmp_path / "a.png")


def write_map(path, sigma, *, scale=4, reduced=1):
    text = {"steps_per_unit": "1000", "scale": str(scale), "input_reduced": str(reduced)}
    write_png(path, np.round(sigma * 1000).astype(np.uint16), text=text)


@pytest.mark.parametrize(("scale", "reduced"), [(4, 1), (4, 2), (4, 4), (2, 4)])
def test_estimated_maps_come_back_in_pixels_of_the_picture(scale, reduced, tmp_path):
    """Sigma is 3 px of the picture in the right half; the map counts in its own pixels."""
    ratio = scale / reduced
    height, width = 40, 64
    map_sigma = np.zeros((int(height * ratio), int(width * ratio)), np.float32)
    map_sigma[:, map_sigma.shape[1] // 2 :] = 3 * ratio
    path = tmp_path / "a_sigma.png"
    write_map(path, map_sigma, scale=scale, reduced=reduced)
    for lost in (0, reduced - 1):  # rows and columns that --reduce dropped
        size = (height + lost, width + lost)
        mask = read_sigma_mask(path, tmp_path / "a.png", size, threshold=2.9)
        assert mask.shape == size
        assert mask[:, :32].all()
        assert not mask[:, 32:].any()
        assert read_sigma_mask(path, tmp_path / "a.png", size, threshold=3.1).all()


def test_a_map_of_another_picture_or_without_metadata(tmp_path):
    path, picture = tmp_path / "a_sigma.png", tmp_path / "a.png"
    write_map(path, np.zeros((40, 80)))
    with pytest.raises(DataError, match=r"a_sigma\.png: \(40, 80\) pixels.*of .*a\.png"):
        read_sigma_mask(path, picture, (10, 21))
    write_png(path, np.zeros((40, 80), np.uint16))
    with pytest.raises(DataError, match=r"no metadata of a sigma map.*blindsr estimate"):
        read_sigma_mask(path, picture, (10, 20))
