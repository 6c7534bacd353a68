"""Right values from every kind of file, the same for training and upscaling."""

import os
import socket
import struct
import threading
import zlib
from io import BytesIO

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from blindsr.data.files.pictures import picture_size, read_picture
from blindsr.errors import FileError
from blindsr.imaging.decoding import memory
from blindsr.imaging.decoding.png import chunk
from blindsr.imaging.files import read_array, read_rgb, to_uint8
from blindsr.imaging.photo import read_photo

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (40, 56, 4), dtype=np.uint16)
EIGHT = (DEEP >> 8).astype(np.uint8)
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


def save_png(path, array, depth, colour_type, *extra):
    height, width = array.shape[:2]
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in array]
    elif depth < 8:
        bits = (array[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = [np.packbits(row.ravel()).tobytes() for row in bits]
    else:
        rows = [row.tobytes() for row in array]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        + chunk(b"IEND", b"")
    )


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


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("f.tif", "32 bit floats"),
        ("lab.tif", "a Lab picture"),
        ("i.tif", "16 bit signed"),
        ("u.tif", "32 bit integers"),
        ("a.jxl", "JPEG XL"),
        ("a.heic", "HEIC"),
        ("a.pfm", "floats"),
    ],
)
def test_kinds_that_are_not_supported_are_called_that(tmp_path, name, what):
    rgb = DEEP[..., :3]
    tifffile.imwrite(tmp_path / "f.tif", rgb.astype(np.float32), photometric="rgb")
    tifffile.imwrite(tmp_path / "lab.tif", rgb, photometric="cielab")
    tifffile.imwrite(tmp_path / "i.tif", rgb[..., 0].astype(np.int16), photometric="minisblack")
    tifffile.imwrite(tmp_path / "u.tif", rgb[..., 0].astype(np.uint32), photometric="minisblack")
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(99))
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    (tmp_path / "a.pfm").write_bytes(b"PF\n1 1\n-1.0\n" + bytes(12))
    for reader in (read_photo, read_rgb):
        with pytest.raises(FileError, match=f"{what}.*not supported") as caught:
            reader(tmp_path / name)
        assert "not an image" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_no_ordinary_file_stays_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.png"))
        cases = {"pipe.png": "a named pipe", "socket.png": "a socket"}
        for name, what in cases.items():
            with pytest.raises(FileError, match=f"{what}, expected an ordinary file"):
                read_photo(tmp_path / name)
    with pytest.raises(FileError, match="a device"):
        read_rgb("/dev/zero")


def test_more_pixels_than_memory_are_refused_before_decoding(tmp_path, monkeypatch):
    save_png(tmp_path / "a.png", EIGHT[..., :3], 8, 2)
    data = (tmp_path / "a.png").read_bytes()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(data[:8] + chunk(b"IHDR", header) + data[33:])
    tifffile.imwrite(tmp_path / "a.tif", EIGHT)
    Image.fromarray(EIGHT[..., :3]).save(tmp_path / "a.jpg")
    monkeypatch.setattr(memory, "free_memory", lambda: 10_000)
    for name in ("a.png", "a.tif", "a.jpg"):
        with pytest.raises(FileError, match=r"pixels, which need .* GB of memory"):
            read_photo(tmp_path / name)
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    for side in (0, 200_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        (tmp_path / "a.png").write_bytes(data[:8] + chunk(b"IHDR", header) + data[33:])
        with pytest.raises(FileError, match="pixels"):
            read_photo(tmp_path / "a.png")


def test_a_flipped_byte_of_a_deep_png_says_nothing_on_the_console(tmp_path, capfd):
    save_png(tmp_path / "a.png", DEEP[..., :3], 16, 2)
    data = bytearray((tmp_path / "a.png").read_bytes())
    for place in (20, 60, 200, len(data) - 30):
        damaged = data.copy()
        damaged[place] ^= 255
        (tmp_path / "a.png").write_bytes(damaged)
        with pytest.raises(FileError, match=r"damaged image|pixels"):
            read_photo(tmp_path / "a.png")
    assert capfd.readouterr().err == ""


def test_free_memory_is_known_here():
    free = memory.free_memory()
    assert free is None or free > 1_000_000


@pytest.mark.parametrize("error", [MemoryError, KeyError, RecursionError, AttributeError, OSError])
def test_whatever_a_decoder_raises_is_one_line(tmp_path, monkeypatch, error):
    Image.fromarray(EIGHT[..., :3]).save(tmp_path / "a.webp")

    def fail(*_):
        raise error("first\nsecond")

    monkeypatch.setattr("blindsr.imaging.decoding.decode.decode_pillow", fail)
    with pytest.raises(FileError) as caught:
        read_photo(tmp_path / "a.webp")
    assert "\n" not in str(caught.value)
    assert "a.webp" in str(caught.value)


def test_the_limit_of_pillow_is_not_touched_by_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in ("a.png", "a.jpg", "a.bmp", "a.gif", "a.tif"):
        Image.fromarray(EIGHT[..., :3]).save(tmp_path / name)
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            seen.add(Image.MAX_IMAGE_PIXELS)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for path in tmp_path.iterdir():
            assert read_photo(path).color.shape == (40, 56, 3)
    finally:
        stop.set()
        thread.join()
    assert seen == {100}


def test_big_endian_arrays_come_in_the_order_of_this_machine(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", DEEP[..., 0], byteorder=">", photometric="minisblack")
    assert read_array(tmp_path / "a.tif").dtype.isnative
    assert read_photo(tmp_path / "a.tif").color.dtype.isnative


def test_closed_formats_are_not_opened(tmp_path):
    buffer = BytesIO()
    Image.fromarray(EIGHT[..., :3]).save(buffer, "EPS")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    with pytest.raises(FileError, match="PostScript document"):
        read_photo(tmp_path / "a.png")
