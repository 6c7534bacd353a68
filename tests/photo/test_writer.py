"""Pictures written in strips and read back by other programs."""

import itertools
import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from blindsr.errors import ConfigError, DataError, FileError
from blindsr.imaging.photo import read_photo
from blindsr.imaging.temporary import spool
from blindsr.photo import background
from blindsr.photo.formats import FORMATS, JPEG, PNG, TIFF, WEBP, Layout, fit, format_of
from blindsr.photo.stream import Head
from blindsr.photo.tiff import TiffStream
from blindsr.photo.writer import open_writer

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def pixels(height, width, layout, seed=0):
    kind = np.uint8 if layout.bits == 8 else np.uint16
    shape = (height, width, layout.channels)
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)


def write(path, array, layout, heights=(3, 1, 7), **options):
    """Write in strips of changing heights."""
    size = {"width": array.shape[1], "height": array.shape[0]}
    with open_writer(path, **size, layout=layout, **options) as writer:
        top = 0
        for rows in itertools.cycle(heights):
            if top >= len(array):
                break
            writer.write(array[top : top + rows])
            top += rows


def opened(path):
    """A picture that is read and closed."""
    with Image.open(path) as image:
        image.load()
        return image


def decode_with_opencv(path):
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if array.ndim == 2:
        return array[..., None]
    return array[..., [2, 1, 0, 3][: array.shape[2]]]


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (37, 53), (5, 700)])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_equals_what_other_decoders_see(tmp_path, channels, bits, size):
    layout = Layout(channels, bits)
    array = pixels(*size, layout)
    write(tmp_path / "a.png", array, layout)
    if bits == 8:
        seen = np.asarray(opened(tmp_path / "a.png")).reshape(array.shape)
        np.testing.assert_array_equal(seen, array)
    expected = np.dstack([array[..., :1]] * 3 + [array[..., 1:]]) if channels == 2 else array
    np.testing.assert_array_equal(decode_with_opencv(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (900, 701)])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_equals_what_other_decoders_see(tmp_path, channels, bits, size):
    layout = Layout(channels, bits)
    array = pixels(*size, layout)
    write(tmp_path / "a.tif", array, layout, heights=(3, 250))
    if (channels, bits) != (4, 8):  # there OpenCV multiplies colours with alpha
        np.testing.assert_array_equal(decode_with_opencv(tmp_path / "a.tif"), array)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert not file.is_bigtiff
        np.testing.assert_array_equal(file.asarray().reshape(array.shape), array)
    if bits == 8:
        image = opened(tmp_path / "a.tif")
        np.testing.assert_array_equal(np.asarray(image).reshape(array.shape), array)


@pytest.mark.parametrize("channels", [1, 4])
def test_bigtiff_is_read_by_others(tmp_path, channels):
    array = pixels(70, 90, Layout(channels, 16))
    with (tmp_path / "a.tif").open("wb") as file:
        head = Head(width=90, height=70, channels=channels, bits=16, icc=SRGB)
        stream = TiffStream(file, head, big=True)
        stream.write(array)
        stream.close()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff
        assert file.pages[0].iccprofile == SRGB
        np.testing.assert_array_equal(file.asarray().reshape(array.shape), array)
    np.testing.assert_array_equal(decode_with_opencv(tmp_path / "a.tif"), array)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_spooled_formats_are_near_and_their_temporary_file_is_gone(tmp_path, suffix):
    ramp = np.linspace(0, 255, 40 * 50).reshape(40, 50)
    colours = np.dstack([ramp, ramp[::-1], np.full_like(ramp, 90)]).astype(np.uint8)
    layout = Layout(3, 8)
    write(tmp_path / f"a{suffix}", colours, layout, icc=SRGB)
    image = opened(tmp_path / f"a{suffix}")
    assert image.mode == "RGB"
    assert image.info["icc_profile"] == SRGB
    assert np.abs(np.asarray(image).astype(int) - colours).mean() < 2
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


def test_grey_jpeg_and_transparent_webp(tmp_path):
    grey = np.full((20, 24, 1), 77, np.uint8)
    write(tmp_path / "a.jpg", grey, Layout(1, 8))
    assert opened(tmp_path / "a.jpg").mode == "L"
    clear = np.dstack([np.full((20, 24, 3), 200, np.uint8), np.full((20, 24), 128, np.uint8)])
    write(tmp_path / "a.webp", clear, Layout(4, 8))
    np.testing.assert_array_equal(np.asarray(opened(tmp_path / "a.webp"))[..., 3], 128)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_a_profile_of_another_kind_is_left_out(tmp_path, suffix):
    grey_profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    write(tmp_path / f"a{suffix}", pixels(16, 16, Layout(3, 8)), Layout(3, 8), icc=grey_profile)
    assert not opened(tmp_path / f"a{suffix}").info.get("icc_profile")
    write(tmp_path / f"b{suffix}", pixels(16, 16, Layout(3, 8)), Layout(3, 8), icc=SRGB)
    assert opened(tmp_path / f"b{suffix}").info["icc_profile"] == SRGB


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_of_an_interrupted_file(tmp_path, suffix, error):
    old = tmp_path / f"a{suffix}"
    old.write_bytes(b"old")
    layout = Layout(3, 8)

    def stop():
        with open_writer(old, width=16, height=99, layout=layout) as writer:
            writer.write(pixels(40, 16, layout))
            raise error

    with pytest.raises(error):
        stop()
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    assert old.read_bytes() == b"old"


def test_rows_that_do_not_fit_are_refused(tmp_path):
    size = {"width": 16, "height": 8, "layout": Layout(3, 8)}
    rows = pixels(4, 16, Layout(3, 8))
    for wrong in (rows[:, :15], rows[..., :2], rows.astype(np.uint16), np.vstack([rows] * 3)):
        with (
            pytest.raises(DataError, match=r"a\.png.*8 rows of \(16, 3\), 8 bit"),
            open_writer(tmp_path / "a.png", **size) as writer,
        ):
            writer.write(wrong)
    with (
        pytest.raises(DataError, match="4 rows"),
        open_writer(tmp_path / "a.png", **size) as writer,
    ):
        writer.write(rows)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "width", "part"),
    [("a.webp", 16_384, "at most 16383 a side in WebP"), ("a.jpg", 65_501, "65500 a side in JPEG")],
)
def test_formats_have_limits(tmp_path, name, width, part):
    with (
        pytest.raises(DataError, match=part) as caught,
        open_writer(tmp_path / name, width=width, height=16, layout=Layout(3, 8)),
    ):
        pass
    assert "Choose PNG or TIFF" in str(caught.value)


def test_what_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(FileError, match="cannot be written"),
        open_writer(tmp_path / "file" / "a.png", width=1, height=1, layout=Layout(1, 8)),
    ):
        pass
    with pytest.raises(ConfigError, match=r"a\.gif: a suffix of no known format"):
        format_of("a.gif")


@pytest.mark.parametrize(
    ("suffix", "bits", "height"),
    [(".png", 8, 5_000), (".png", 16, 5_000), (".tif", 16, 15_000)],  # strips of TIFF have 4 MB
)
def test_memory_does_not_grow_with_the_picture(tmp_path, suffix, bits, height, monkeypatch):
    monkeypatch.setattr(background, "WAITING", 250_000)  # rows that wait are all that counts here
    layout = Layout(3, bits)
    rows = pixels(25, 600, layout)
    size = {"width": 600, "height": height}
    tracemalloc.start()
    try:
        with open_writer(tmp_path / f"a{suffix}", **size, layout=layout) as writer:
            for _ in range(height // len(rows)):
                writer.write(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    picture = height * 600 * 3 * bits // 8
    assert peak < picture / 8
    assert (tmp_path / f"a{suffix}").stat().st_size > picture / 10
    # One call with everything makes no copy of everything either.
    whole = np.broadcast_to(rows, (80, *rows.shape)).reshape(-1, *rows.shape[1:])
    tracemalloc.start()
    try:
        with open_writer(tmp_path / f"b{suffix}", width=600, height=2000, layout=layout) as writer:
            writer.write(whole)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_a_spool_vanishes(tmp_path):
    with spool(tmp_path / "a.png", (4, 5), np.float16) as array:
        array[2] = 3
        assert array.sum() == 15
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("mode", "form", "layout", "notes"),
    [
        ("LA", PNG, "8 bit grey + alpha", 0),
        ("LA", TIFF, "8 bit RGBA", 0),
        ("LA", JPEG, "8 bit grey", 1),
        ("LA", WEBP, "8 bit RGBA", 0),
        ("L", WEBP, "8 bit RGB", 0),
        ("L", TIFF, "8 bit grey", 0),
        ("RGBA", JPEG, "8 bit RGB", 1),
        ("P", PNG, "8 bit RGB", 0),
        ("I;16", PNG, "16 bit grey", 0),
        ("I;16", JPEG, "8 bit grey", 1),
    ],
)
def test_the_nearest_layout_is_chosen(tmp_path, mode, form, layout, notes):
    Image.new(mode, (16, 16)).save(tmp_path / "a.png")
    found, said = fit(read_photo(tmp_path / "a.png"), form)
    assert str(found) == layout
    assert len(said) == notes


def test_every_suffix_has_a_format():
    assert {form.name for form in FORMATS.values()} == {"PNG", "JPEG", "WebP", "TIFF"}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_text_resolution_and_a_long_profile(tmp_path, suffix):
    text = {"parameters": "a castle, steps 20", "Title": "Schloß 城", "long": "x" * 2_000_000}
    profile = SRGB + bytes(1_500_000)
    layout, array = Layout(3, 8), pixels(20, 30, Layout(3, 8))
    path = tmp_path / f"a{suffix}"
    write(path, array, layout, text=text, dpi=(300, 150.5), icc=profile)
    image = opened(path)  # what Pillow refuses would raise here
    assert image.size == (30, 20)
    assert image.info.get("icc_profile") == (None if suffix == ".png" else profile)
    if suffix == ".png":
        assert image.text == text
        assert read_photo(path).text == text
    if suffix != ".webp":
        np.testing.assert_allclose([float(v) for v in image.info["dpi"]], (300, 150.5), rtol=0.005)
        np.testing.assert_allclose(read_photo(path).dpi, (300, 150.5), rtol=0.005)


def test_what_a_format_does_not_get_is_said(tmp_path):
    exif = Image.Exif()
    exif[0x013B] = "me"
    profile = SRGB + bytes(1_500_000)
    Image.fromarray(pixels(20, 30, Layout(3, 8))).save(
        tmp_path / "a.tif", dpi=(300, 300), icc_profile=profile, exif=exif
    )
    photo = read_photo(tmp_path / "a.tif")
    assert photo.icc == profile
    photo = replace(photo, text={"Title": "a castle"})
    said = {form.name: " ".join(fit(photo, form)[1]) for form in (PNG, JPEG, WEBP, TIFF)}
    assert (
        said["PNG"]
        == "colour profile dropped, as it is one of 1.5 MB, which few programs read from PNG"
    )
    assert said["JPEG"] == "text dropped, as JPEG gets none"
    assert said["WebP"] == "resolution dropped, as WebP gets none text dropped, as WebP gets none"
    assert said["TIFF"] == "EXIF dropped, as TIFF gets none text dropped, as TIFF gets none"
