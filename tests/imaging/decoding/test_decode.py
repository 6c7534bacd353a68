"""Right values from every kind of file, the same for training and upscaling."""

import struct
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.helpers.deep_pictures import DEEP, EIGHT, RNG, save_png

from blindsr.data.files.pictures import picture_size, read_picture
from blindsr.errors import FileError
from blindsr.imaging.decoding.png import chunk
from blindsr.imaging.files import read_array, read_rgb, to_uint8
from blindsr.imaging.photo import read_photo

RAMP12 = np.linspace(0, 4095, 40 * 56).astype(np.uint16).reshape(40, 56)


RAMP16 = np.linspace(0, 65535, 40 * 56).astype(np.uint16).reshape(40, 56)


def check(path, color, alpha=None, notes=()):
    """Both readers see these values, and the header tells their size."""
    photo = read_photo(path)
    assert photo.color.dtype == color.dtype
    np.testing.assert_array_equal(photo.color, color)
    if alpha is None:
        assert photo.alpha is None
    else:
        np.testing.assert_array_equal(photo.alpha, alpha)
    assert [word in " ".join(photo.notes) for word in notes] == [True] * len(notes)
    assert notes or not photo.notes
    rgb = color if color.ndim == 3 else np.repeat(color[..., None], 3, 2)
    np.testing.assert_allclose(read_rgb(path), rgb / np.iinfo(color.dtype).max, atol=1e-6)
    np.testing.assert_array_equal(read_picture(path), to_uint8(read_rgb(path)))
    assert picture_size(path) == color.shape[:2]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "tile": (16, 32)},
        {"planarconfig": "separate", "compression": "lzw", "predictor": True},
        {"byteorder": ">", "compression": "lzw"},
        {"byteorder": ">", "planarconfig": "separate"},
        {"tile": (16, 16), "compression": "zlib", "predictor": True, "bigtiff": True},
        {"rowsperstrip": 7, "compression": "packbits"},
        {"compression": "zstd"},
    ],
)
@pytest.mark.parametrize("array", [EIGHT, DEEP], ids=["8", "16"])
def test_tiff_layouts(tmp_path, options, array):
    color = array[..., :3]
    planes = np.moveaxis(color, -1, 0) if options.get("planarconfig") else color
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", **options)
    check(tmp_path / "a.tif", color)


@pytest.mark.parametrize("bits", [2, 4, 10, 12, 14])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_grey_tiff_of_odd_depths_fills_the_range(tmp_path, bits, photometric):
    peak = (1 << bits) - 1
    grey = (RAMP16.astype(int) * peak // 65535).astype(np.uint16 if bits > 8 else np.uint8)
    stored = peak - grey if photometric == "miniswhite" else grey
    options = {"photometric": photometric, "bitspersample": bits}
    tifffile.imwrite(tmp_path / "a.tif", stored, **options)
    kind = np.uint16 if bits > 8 else np.uint8
    white = int(np.iinfo(kind).max)
    check(tmp_path / "a.tif", np.rint(grey.astype(float) * white / peak).astype(kind))


@pytest.mark.parametrize("array", [EIGHT[..., 0], DEEP[..., 0], EIGHT[..., 0] > 99])
def test_white_is_zero_for_training_too(tmp_path, array):
    stored = ~array if array.dtype == bool else np.iinfo(array.dtype).max - array
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    check(tmp_path / "a.tif", array.astype(np.uint8) * 255 if array.dtype == bool else array)


@pytest.mark.parametrize("array", [EIGHT, DEEP], ids=["8", "16"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_of_tiff(tmp_path, array, channels):
    white = int(np.iinfo(array.dtype).max)
    color, alpha = array[..., : channels - 1], array[..., 3:].copy()
    color = color[..., 0] if channels == 2 else color
    alpha[:5] = 0
    photometric = "rgb" if channels == 4 else "minisblack"
    both = np.dstack([color, alpha])
    for name in ("unassalpha", "assocalpha", "unspecified"):
        options = {"photometric": photometric, "extrasamples": [name], "planarconfig": "contig"}
        stored = both
        if name == "assocalpha":
            times = np.rint(color.astype(float) * (alpha if channels == 4 else alpha[..., 0]))
            stored = np.dstack([np.rint(times / white).astype(array.dtype), alpha])
        tifffile.imwrite(tmp_path / f"{name}.tif", stored, **options)
    check(tmp_path / "unassalpha.tif", color, alpha[..., 0])
    check(tmp_path / "unspecified.tif", color, None, ["unspecified meaning"])
    photo = read_photo(tmp_path / "assocalpha.tif")
    np.testing.assert_array_equal(photo.alpha, alpha[..., 0])
    opaque = photo.alpha > white // 2
    assert np.abs(photo.color.astype(int) - color)[opaque].max() <= 1
    assert not photo.color[:5].any()


def test_associated_alpha_is_alike_at_8_and_16_bit(tmp_path):
    alpha = np.maximum(EIGHT[..., 3:], 1)
    premultiplied = np.dstack([EIGHT[..., :3].astype(int) * alpha // 255, alpha]).astype(np.uint8)
    for name, array in {"8": premultiplied, "16": premultiplied.astype(np.uint16) * 257}.items():
        tifffile.imwrite(
            tmp_path / f"{name}.tif", array, photometric="rgb", extrasamples=["assocalpha"]
        )
    eight, deep = read_photo(tmp_path / "8.tif"), read_photo(tmp_path / "16.tif")
    np.testing.assert_array_equal(deep.alpha, eight.alpha.astype(np.uint16) * 257)
    assert np.abs(np.rint(deep.color / 257) - eight.color).max() <= 1


@pytest.mark.parametrize("mode", ["P", "1", "CMYK", "L", "LA", "RGBA", "YCbCr"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_modes_of_pillow_in_tiff(tmp_path, mode, compression):
    smooth = cv2.resize(EIGHT[:5, :7, :3], (56, 40), interpolation=cv2.INTER_LINEAR)
    image = Image.fromarray(smooth).convert(mode)
    image.save(tmp_path / "a.tif", compression=compression)
    photo = read_photo(tmp_path / "a.tif")
    expected = np.asarray(image.convert("L" if mode in ("1", "L", "LA") else "RGB")).astype(int)
    assert np.abs(photo.color.astype(int) - expected).max() <= (2 if mode == "YCbCr" else 1)
    assert (photo.alpha is not None) == mode.endswith("A")


def test_a_thumbnail_that_comes_first_is_passed_over(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(EIGHT[:5, :7, :3], photometric="rgb", subfiletype=1)
        file.write(EIGHT[..., 0], photometric="minisblack", subfiletype=1)
        file.write(DEEP[..., :3], photometric="rgb")
    check(tmp_path / "a.tif", DEEP[..., :3])
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        file.write(EIGHT[:5, :7, :3], photometric="rgb", subfiletype=1, subifds=1)
        file.write(DEEP[..., :3], photometric="rgb")
    check(tmp_path / "b.tif", DEEP[..., :3])


def save_jp2(path, array, bits):
    path.write_bytes(imagecodecs.jpeg2k_encode(array, level=0, bitspersample=bits, reversible=True))


@pytest.mark.parametrize("shape", ["grey", "rgb", "rgba"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg_2000_of_every_depth(tmp_path, bits, shape):
    deep = (DEEP >> (16 - bits)).astype(np.uint8 if bits == 8 else np.uint16)
    array = {"grey": deep[..., 0], "rgb": deep[..., :3], "rgba": deep}[shape]
    save_jp2(tmp_path / "a.jp2", np.ascontiguousarray(array), bits)
    full = np.rint(array / ((1 << bits) - 1) * (255 if bits == 8 else 65535)).astype(array.dtype)
    check(
        tmp_path / "a.jp2",
        full[..., :3] if shape == "rgba" else full,
        full[..., 3] if shape == "rgba" else None,
    )


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_avif_of_more_than_8_bit(tmp_path, bits, channels):
    deep = np.ascontiguousarray((DEEP >> (16 - bits))[..., :channels])
    deep = deep[..., 0] if channels == 1 else deep
    data = imagecodecs.avif_encode(deep, level=100, bitspersample=bits)
    (tmp_path / "a.avif").write_bytes(data)
    full = np.rint(deep / ((1 << bits) - 1) * 65535).astype(np.uint16)
    if channels == 4:
        check(tmp_path / "a.avif", full[..., :3], full[..., 3])
    else:
        check(tmp_path / "a.avif", full)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_of_12_bit(tmp_path, channels):
    smooth = RAMP12 if channels == 1 else np.dstack([RAMP12, RAMP12 // 2, 4095 - RAMP12])
    data = imagecodecs.jpeg8_encode(smooth, level=98, bitspersample=12)
    (tmp_path / "a.jpg").write_bytes(data)
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.color.dtype == np.uint16
    assert np.abs(photo.color / 65535 - smooth / 4095).mean() < 0.002
    assert picture_size(tmp_path / "a.jpg") == (40, 56)


@pytest.mark.parametrize("peak", [1, 15, 100, 255, 1000, 4095, 65535])
@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_pgm_and_ppm_of_every_maximum(tmp_path, kind, peak):
    values = RNG.integers(0, peak, (6, 9, 3), endpoint=True)
    values = values if kind in (3, 6) else values[..., 0]
    head = f"P{kind}\n# a comment\n9 6\n{peak}\n".encode()
    raw = values.astype(">u2" if peak > 255 else np.uint8).tobytes()
    words = " ".join(map(str, values.ravel())).encode()
    (tmp_path / "a.ppm").write_bytes(head + (raw if kind > 3 else words))
    dtype = np.uint16 if peak > 255 else np.uint8
    white = np.iinfo(dtype).max
    check(tmp_path / "a.ppm", np.floor(values * white / peak + 0.5).astype(dtype))
    (tmp_path / "a.ppm").write_bytes(head + raw[:5])
    with pytest.raises(FileError, match="damaged image"):
        read_photo(tmp_path / "a.ppm")


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("colour_type", [0, 2])
def test_a_key_colour_of_png_is_transparent(tmp_path, depth, colour_type):
    if colour_type == 2 and depth < 8:
        pytest.skip("PNG has no such")
    peak = (1 << depth) - 1
    array = (DEEP[..., :3] >> (16 - depth)).astype(np.uint16 if depth == 16 else np.uint8)
    array = array if colour_type == 2 else array[..., 0]
    key = [int(value) for value in np.atleast_1d(array[3, 4])]
    save_png(
        tmp_path / "a.png",
        array,
        depth,
        colour_type,
        chunk(b"tRNS", struct.pack(f">{len(key)}H", *key)),
    )
    white = np.iinfo(array.dtype).max
    hit = (array == key).all(axis=2) if colour_type == 2 else array == key[0]
    full = (array.astype(int) * white // peak).astype(array.dtype)
    check(tmp_path / "a.png", full, np.where(hit, 0, white).astype(array.dtype))


def test_metadata_never_refuses_a_picture(tmp_path):
    long = zlib.compress(bytes(1_500_000))
    bomb = zlib.compress(bytes(40_000_000))
    broken = bytearray(chunk(b"tEXt", b"Title\0a castle"))
    broken[-1] ^= 255
    extras = [
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + long),
        chunk(b"zTXt", b"workflow\0\0" + bomb),
        chunk(b"zTXt", b"workflow\0\0garbage"),
        chunk(b"iCCP", b"profile\0\0" + bomb),
        chunk(b"iCCP", b"profile\0\0garbage"),
        chunk(b"iCCP", b"profile"),
        chunk(b"eXIf", b"garbage!"),
        chunk(b"eXIf", b""),
        chunk(b"pHYs", b"1"),
        chunk(b"tEXt", b""),
        chunk(b"iTXt", b"Title\0\0\0\0\0\xff\xfe"),
        chunk(b"gAMA", b""),
        chunk(b"cHRM", b"1"),
        chunk(b"tIME", b"?"),
        chunk(b"sRGB", b""),
        chunk(b"sBIT", b"????????????"),
        chunk(b"acTL", b""),
        bytes(broken),
    ]
    for extra in extras:
        for depth, array in {8: EIGHT[..., :3], 16: DEEP[..., :3]}.items():
            save_png(tmp_path / "a.png", array, depth, 2, extra)
            np.testing.assert_array_equal(read_photo(tmp_path / "a.png").color, array)
            assert read_rgb(tmp_path / "a.png").shape == array.shape
            assert read_array(tmp_path / "a.png").shape == array.shape
            assert picture_size(tmp_path / "a.png") == array.shape[:2]
    save_png(tmp_path / "a.png", EIGHT[..., :3], 8, 2, extras[0], extras[6], extras[4])
    photo = read_photo(tmp_path / "a.png")
    assert len(photo.text["workflow"]) == 0  # NUL has no place in a text
    assert photo.notes == ("not kept: damaged EXIF, a damaged colour profile",)


def test_text_and_resolution_of_png_are_known(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("parameters", "a castle, steps 20")
    info.add_itxt("Title", "Schloß 城", zip=True)
    info.add_text("Long", "x" * 5000, zip=True)
    info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6">')
    Image.fromarray(EIGHT[..., :3]).save(tmp_path / "a.png", pnginfo=info, dpi=(300, 150))
    photo = read_photo(tmp_path / "a.png")
    assert photo.text == {
        "parameters": "a castle, steps 20",
        "Title": "Schloß 城",
        "Long": "x" * 5000,
    }
    np.testing.assert_allclose(photo.dpi, (300, 150), rtol=1e-3)
    assert photo.notes == ("not kept: XMP",)
    assert photo.color.shape == (56, 40, 3)  # turned, as it says
    for suffix in ("jpg", "tif"):
        Image.fromarray(EIGHT[..., :3]).save(tmp_path / f"a.{suffix}", dpi=(300, 300))
        np.testing.assert_allclose(read_photo(tmp_path / f"a.{suffix}").dpi, (300, 300), rtol=1e-3)


def test_the_intact_first_page_of_a_cut_file_is_used(tmp_path):
    first, second = EIGHT[..., :3], 255 - EIGHT[..., :3]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(first, photometric="rgb")
        place = file._fh.tell()
        file.write(second, photometric="rgb")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: place + 100])
    check(tmp_path / "a.tif", first, None, ["first of"])
    (tmp_path / "a.tif").write_bytes(whole[:5000])
    with pytest.raises(FileError, match=r"a\.tif: damaged image"):
        read_photo(tmp_path / "a.tif")
    frames = [Image.fromarray(part).quantize(200) for part in (first, second, first)]
    frames[0].save(tmp_path / "b.gif", save_all=True, append_images=frames[1:])
    whole = (tmp_path / "b.gif").read_bytes()
    (tmp_path / "b.gif").write_bytes(whole[: len(whole) // 2])
    photo = read_photo(tmp_path / "b.gif")
    np.testing.assert_array_equal(photo.color, np.asarray(frames[0].convert("RGB")))
    assert "the first of" in photo.notes[0]
    for name in ("a.avif", "a.webp", "b.gif"):
        frames[0].convert("RGB").save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(FileError, match="damaged image"):
            read_photo(tmp_path / name)


def test_big_endian_arrays_come_in_the_order_of_this_machine(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", DEEP[..., 0], byteorder=">", photometric="minisblack")
    assert read_array(tmp_path / "a.tif").dtype.isnative
    assert read_photo(tmp_path / "a.tif").color.dtype.isnative
