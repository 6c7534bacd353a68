import cv2
import numpy as np
import pytest
from PIL import Image

from blindsr.errors import DataError, FileError
from blindsr.imaging.files import (
    atomic_path,
    read_array,
    read_png_text,
    read_rgb,
    to_uint8,
    write_png,
)


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_png_round_trip_is_exact(tmp_path, dtype, shape):
    array = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    write_png(tmp_path / "new" / "a.png", array)
    back = read_array(tmp_path / "new" / "a.png")
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, array)


def test_colour_order_is_rgb(tmp_path):
    write_png(tmp_path / "red.png", np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert Image.open(tmp_path / "red.png").getpixel((0, 0)) == (255, 0, 0)
    np.testing.assert_array_equal(read_rgb(tmp_path / "red.png")[0, 0], (1, 0, 0))


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp", "bmp"])
def test_read_rgb_of_8_bit_formats(tmp_path, colours, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(colours).save(tmp_path / f"a.{suffix}", **options)
    image = read_rgb(tmp_path / f"a.{suffix}")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(to_uint8(image), colours)


def test_read_rgb_of_jpeg(tmp_path):
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    Image.fromarray(flat).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_rgb(tmp_path / "a.jpg") * 255 - flat).max() < 3


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_colour_is_not_cut_to_8(tmp_path, suffix):
    array = np.random.default_rng(2).integers(0, 65536, (5, 6, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / f"a{suffix}"), array[..., ::-1])
    np.testing.assert_allclose(read_rgb(tmp_path / f"a{suffix}"), array / 65535, atol=1e-7)
    np.testing.assert_array_equal(read_array(tmp_path / f"a{suffix}"), array)


def test_grey_alpha_and_palette_become_colour(tmp_path, colours):
    grey = colours[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(
        to_uint8(read_rgb(tmp_path / "grey.png")), np.repeat(grey[..., None], 3, 2)
    )
    write_png(tmp_path / "grey16.png", grey.astype(np.uint16) * 257)
    np.testing.assert_allclose(read_rgb(tmp_path / "grey16.png")[..., 1], grey / 255, atol=1e-7)
    rgba = np.dstack([colours, np.full(grey.shape, 7, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(to_uint8(read_rgb(tmp_path / "alpha.png")), colours)
    assert read_array(tmp_path / "alpha.png").shape == (12, 17, 4)
    palette = Image.fromarray((grey % 4).astype(np.uint8), mode=None).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    palette.save(tmp_path / "palette.png", transparency=b"\0\x80\xff\xff")
    expected = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]])[grey % 4]
    np.testing.assert_array_equal(to_uint8(read_rgb(tmp_path / "palette.png")), expected)
    np.testing.assert_array_equal(read_array(tmp_path / "palette.png"), grey % 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_8_and_16_bit_alike(tmp_path, colours, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(colours).save(tmp_path / "a.png", exif=exif)
    upright = to_uint8(read_rgb(tmp_path / "a.png"))
    assert upright.shape == ((12, 17, 3) if orientation < 5 else (17, 12, 3))
    sixteen = colours.astype(np.uint16) * 257
    data = cv2.imencode(".png", sixteen[..., ::-1])[1].tobytes()
    eight = (tmp_path / "a.png").read_bytes()
    start = eight.index(b"eXIf") - 4
    chunk = eight[start : start + 12 + int.from_bytes(eight[start : start + 4], "big")]
    (tmp_path / "b.png").write_bytes(data[:33] + chunk + data[33:])
    np.testing.assert_array_equal(to_uint8(read_rgb(tmp_path / "b.png")), upright)


def test_text_survives(tmp_path):
    text = {"unit": "HR pixels", "quantity": "σ of a Gaussian", "empty": ""}
    write_png(tmp_path / "a.png", np.zeros((3, 4), np.uint16), text=text)
    assert read_png_text(tmp_path / "a.png") == text
    assert read_array(tmp_path / "a.png").shape == (3, 4)
    write_png(tmp_path / "b.png", np.zeros((3, 4), np.uint8))
    assert read_png_text(tmp_path / "b.png") == {}


def test_bad_files_are_one_line_errors(tmp_path, colours):
    with pytest.raises(FileError, match=r"none\.png.*no such file"):
        read_rgb(tmp_path / "none.png")
    with pytest.raises(FileError, match="no such file"):
        read_array(tmp_path)
    (tmp_path / "text.png").write_text("not an image at all")
    with pytest.raises(FileError, match=r"text\.png: not an image"):
        read_rgb(tmp_path / "text.png")
    Image.fromarray(colours).save(tmp_path / "a.jpg")
    with pytest.raises(FileError, match="expected a PNG"):
        read_png_text(tmp_path / "a.jpg")
    Image.fromarray(colours[..., 0].astype(np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(FileError, match="8 or 16 bit"):
        read_rgb(tmp_path / "float.tiff")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "deep.png"])
@pytest.mark.parametrize("reader", [read_rgb, read_array])
def test_truncated_files_are_refused(tmp_path, name, reader):
    dtype = np.uint16 if name == "deep.png" else np.uint8
    array = np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=dtype)
    cv2.imwrite(str(tmp_path / name), array)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(FileError) as caught:
        reader(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_write_png_refuses_what_it_cannot_hold(tmp_path):
    for array in (np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.uint8), np.zeros(2, "u1")):
        with pytest.raises(DataError, match="uint8 or uint16"):
            write_png(tmp_path / "a.png", array)
    assert list(tmp_path.iterdir()) == []


def test_atomic_path_replaces_on_success_and_cleans_up_on_failure(tmp_path):
    target = tmp_path / "folder" / "a.txt"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".txt"
        temporary.write_text("first")
        assert not target.exists()

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_text("second")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]
    assert target.read_text() == "first"


def test_to_uint8_clips_and_rounds():
    values = np.array([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 7.0])
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 0, 1, 255, 255])
