"""Cut, damaged, closed and unsupported files, and files that are no files: one line each."""

import os
import socket
import struct
import threading
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.helpers.deep_pictures import DEEP, EIGHT, save_png

from blindsr.errors import FileError
from blindsr.imaging.decoding import memory
from blindsr.imaging.decoding.png import chunk
from blindsr.imaging.files import read_rgb
from blindsr.imaging.photo import read_photo


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


def test_closed_formats_are_not_opened(tmp_path):
    buffer = BytesIO()
    Image.fromarray(EIGHT[..., :3]).save(buffer, "EPS")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    with pytest.raises(FileError, match="PostScript document"):
        read_photo(tmp_path / "a.png")
