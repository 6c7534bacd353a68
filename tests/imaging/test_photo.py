"""Photographs of every kind: what is read is what the file holds."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from blindsr.errors import FileError
from blindsr.imaging.decoding.png import chunk
from blindsr.imaging.photo import read_photo
from blindsr.photo.formats import Layout, to_samples

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (18, 23, 3), dtype=np.uint8)
GREY = RGB[..., 0]
ALPHA = RGB[..., 2]
DEEP = RNG.integers(0, 65536, (18, 23, 4), dtype=np.uint16)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def save_png16(path, array, colour_type, extra=b""):
    height, width = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_8_bit_colour_and_alpha(tmp_path, suffix):
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(RGB).save(tmp_path / f"a.{suffix}", **options)
    photo = read_photo(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(photo.color, RGB)
    assert (photo.alpha, photo.icc, photo.exif, photo.notes) == (None, None, None, ())
    assert (photo.bits, photo.grey) == (8, False)
    assert photo.format == suffix.upper()
    Image.fromarray(np.dstack([RGB, ALPHA])).save(tmp_path / f"b.{suffix}", **options)
    photo = read_photo(tmp_path / f"b.{suffix}")
    np.testing.assert_array_equal(photo.color, RGB)
    np.testing.assert_array_equal(photo.alpha, ALPHA)


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_stays_grey(tmp_path, mode):
    Image.fromarray(np.dstack([GREY, ALPHA])).convert(mode).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    assert photo.grey
    assert (photo.alpha is not None) == (mode == "LA")
    if mode != "1":
        np.testing.assert_array_equal(photo.color, GREY)
    rgb = photo.rgb()
    assert rgb.dtype == np.float32
    np.testing.assert_array_equal(rgb[..., 2] * 255, photo.color)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png(tmp_path, channels):
    parts = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]
    save_png16(tmp_path / "a.png", DEEP[..., parts], {1: 0, 2: 4, 3: 2, 4: 6}[channels])
    photo = read_photo(tmp_path / "a.png")
    assert photo.bits == 16
    assert photo.grey == (channels < 3)
    np.testing.assert_array_equal(photo.color, DEEP[..., 0] if channels < 3 else DEEP[..., :3])
    if channels in (2, 4):
        np.testing.assert_array_equal(photo.alpha, DEEP[..., 3])
    else:
        assert photo.alpha is None
    np.testing.assert_allclose(photo.rgb()[..., 0], DEEP[..., 0] / 65535, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "channels"),
    [
        ({"photometric": "minisblack"}, 1),
        ({"photometric": "minisblack", "byteorder": ">"}, 1),
        ({"photometric": "rgb", "compression": "zlib", "predictor": True}, 3),
        ({"photometric": "rgb", "extrasamples": ["unassalpha"]}, 4),
        ({"photometric": "rgb", "bigtiff": True}, 3),
    ],
)
def test_16_bit_tiff(tmp_path, options, channels):
    array = DEEP[..., 0] if channels == 1 else DEEP[..., :channels]
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    photo = read_photo(tmp_path / "a.tif")
    np.testing.assert_array_equal(photo.color, DEEP[..., 0] if channels == 1 else DEEP[..., :3])
    assert (photo.alpha is not None) == (channels == 4)


def test_white_is_zero_is_turned_around(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", DEEP[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").color, 65535 - DEEP[..., 0])
    tifffile.imwrite(tmp_path / "b.tif", GREY, photometric="miniswhite")
    np.testing.assert_array_equal(read_photo(tmp_path / "b.tif").color, 255 - GREY)


def test_a_palette_with_transparency_becomes_rgba(tmp_path):
    palette = Image.fromarray(GREY % 4).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    palette.save(tmp_path / "a.png")
    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]])[GREY % 4]
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.color, colours)
    assert photo.alpha is None
    palette.save(tmp_path / "b.png", transparency=b"\0\x80\xff\xff")
    photo = read_photo(tmp_path / "b.png")
    np.testing.assert_array_equal(photo.color, colours)
    np.testing.assert_array_equal(photo.alpha, np.array([0, 128, 255, 255])[GREY % 4])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_colour_and_alpha(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.dstack([RGB, ALPHA]))
    image.save(tmp_path / "a.png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(np.dstack([photo.color, photo.alpha]), expected)
    assert photo.exif is None  # there was nothing but the orientation
    save_png16(tmp_path / "b.png", DEEP, 6, chunk(b"eXIf", exif.tobytes()[6:]))
    deep = read_photo(tmp_path / "b.png")
    assert deep.color.shape == photo.color.shape
    image = Image.fromarray((DEEP[..., :3] >> 8).astype(np.uint8))
    image.save(tmp_path / "c.png", exif=exif)
    np.testing.assert_array_equal(deep.color >> 8, read_photo(tmp_path / "c.png").color)


def test_exif_is_kept_but_for_what_is_no_longer_true(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x8298] = "Maker", 6, "me"
    exif[0x8769] = {0x829A: 0.01, 0xA002: 23, 0x927C: b"secret", 0x9003: "2020:01:02 03:04:05"}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif, icc_profile=SRGB)
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.icc == SRGB
    assert photo.color.shape == (23, 18, 3)
    kept = Image.Exif()
    kept.load(b"Exif\0\0" + photo.exif)
    assert (kept[0x010F], kept[0x0112], kept[0x8298]) == ("Maker", 1, "me")
    inner = kept.get_ifd(0x8769)
    assert set(inner) == {0x829A, 0x9003}
    assert float(inner[0x829A]) == 0.01
    assert kept.get_ifd(0x8825)[1] == "N"


def test_cmyk_and_frames_are_said(tmp_path):
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.jpg", icc_profile=SRGB)
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.color.shape == RGB.shape
    assert photo.notes == ("CMYK converted without its profile",)
    assert photo.icc is None
    Image.fromarray(GREY).save(tmp_path / "c.png", icc_profile=SRGB)
    photo = read_photo(tmp_path / "c.png")
    assert photo.icc is None
    assert "colour profile dropped" in photo.notes[0]
    first, second = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    first.save(tmp_path / "b.tif", save_all=True, append_images=[second])
    photo = read_photo(tmp_path / "b.tif")
    np.testing.assert_array_equal(photo.color, RGB)
    assert photo.notes == ("the first of 2 frames",)


def test_more_pixels_than_pillow_likes(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(RGB).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").color.shape == RGB.shape
    assert Image.MAX_IMAGE_PIXELS == 100


def test_bad_files_are_one_line(tmp_path, capfd):
    (tmp_path / "a.png").write_text("no picture")
    cv2.imwrite(str(tmp_path / "b.png"), DEEP[..., :3])
    data = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(data[: len(data) // 2])
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / "c.tif")
    tifffile.imwrite(tmp_path / "d.tif", DEEP, photometric="separated")
    for name, part in {
        "none.png": "no such file",
        "a.png": "not an image",
        "b.png": "b.png",
        "c.tif": "8 or 16 bit",
        "d.tif": "d.tif",
    }.items():
        with pytest.raises(FileError, match=part) as caught:
            read_photo(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_samples_are_clipped_and_rounded():
    sr = np.array([[[-0.2, 0.5, 1.3], [1.0, 1.0, 1.0]]], np.float32)
    np.testing.assert_array_equal(
        to_samples(sr, None, Layout(3, 8)), [[[0, 128, 255], [255, 255, 255]]]
    )
    grey = to_samples(np.full((2, 2, 3), 0.25, np.float32), None, Layout(1, 16))
    np.testing.assert_array_equal(grey, np.full((2, 2, 1), 16384))
    both = to_samples(sr, np.array([[0.5, 7.0]], np.float32), Layout(2, 8))
    assert both.shape == (1, 2, 2)
    np.testing.assert_array_equal(both[0, :, 1], [128, 255])
