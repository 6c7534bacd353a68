"""What the readers of data sets meet on disks: one line each, with what to do, and no errno."""

import errno
import io
import os

import numpy as np
import pytest

from blindsr.data import HRFolder, NYUv2BSR, ReBlurSR
from blindsr.data.bsr.dataset import read_seg
from blindsr.data.files import notes
from blindsr.data.files.pairing import stems
from blindsr.data.files.pictures import PictureFiles, PictureStore, checked_pictures
from blindsr.data.files.sigma_maps import read_blur
from blindsr.data.pbasr.hr_files import find_hr, find_test_pictures
from blindsr.data.pbasr.reblursr_labels import FILES
from blindsr.data.pbasr.reblursr_labels import read_labels as read_kinds
from blindsr.errors import BlindSRError
from blindsr.imaging.files import write_png

CODES = (errno.EACCES, errno.EIO, errno.EMFILE, errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE)


def refused(read):
    with pytest.raises(BlindSRError) as caught:
        read()
    message = str(caught.value)
    assert "\n" not in message
    assert "rrno" not in message
    return message


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(2))
    return buffer.getvalue()


def forged(shape):
    head = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (117 - len(head)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head


ARRAYS = {
    "empty": (b"", "an empty file, expected a float16 .npy"),
    "cut": (npy(np.zeros((20, 20), np.float16))[:200], "cannot be read ("),
    "text": (b"<html>404</html>", "cannot be read ("),
    "pickle": (npy(np.array([{"a": 1}], object), allow_pickle=True), "cannot be read ("),
    "archive": (npz(), "an archive of arrays, expected a float16 .npy"),
    "huge": (forged("(999999999, 999999)"), "cannot be read ("),
    "negative": (forged("(-4, 4)"), "cannot be read ("),
    "words": (npy(np.array([["a"]])), "text, expected a float16 .npy"),
    "complex": (npy(np.ones((2, 2)) * 1j), "complex numbers, expected a float16 .npy"),
    "structure": (npy(np.zeros((2, 2), [("a", "u1")])), "a structure, expected a float16"),
    "axes": (npy(np.zeros(4, np.float16)), "(4,), expected (H, W) sigma"),
    "NaN": (npy(np.full((2, 2), np.nan, np.float16)), "sigma nan at row 0, column 0 (4 such pix"),
    "infinite": (npy(np.full((2, 2), np.inf)), "sigma inf at row 0, column 0"),
    "beyond float32": (npy(np.full((1, 2), 1e300)), "sigma 1e+300 at row 0, column 0"),
    "below 0": (npy(np.full((1, 1), -1.0)), "sigma -1.0 at row 0, column 0, expected finite"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_sigma_that_is_not_understood(case, tmp_path):
    data, expected = ARRAYS[case]
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    message = refused(lambda: read_blur(path, path))
    assert message.startswith(f"{path}: {expected}")
    assert message.endswith("Copy it again, or prepare it again")


@pytest.mark.parametrize("case", ["empty", "cut", "text", "pickle", "archive", "huge", "words"])
def test_labels_of_reblursr(case, tmp_path):
    path = tmp_path / FILES["type"]
    path.write_bytes(ARRAYS[case][0])
    assert str(path) in refused(lambda: read_kinds(tmp_path, "type", [["a"]]))


def test_classes_are_whole_numbers(tmp_path):
    from PIL import Image

    path = tmp_path / "seg.tif"
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(path)
    assert "expected" in refused(lambda: read_seg(path, 40, "zero_void"))


READERS = {
    "iterdir": lambda folder: stems(folder, what="pictures"),
    "scandir": lambda folder: find_hr([folder]),
    "stat": lambda folder: find_hr([folder]),
}


@pytest.mark.parametrize("number", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", READERS)
def test_a_folder_that_the_system_refuses(call, number, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), "x")

    write_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    with monkeypatch.context() as patch:
        owner = os if call == "scandir" else type(tmp_path)
        patch.setattr(owner, call, refuse)
        message = refused(lambda: READERS[call](tmp_path))
    assert message.startswith(f"{tmp_path}: cannot be read ({os.strerror(number).lower()[:5]}")
    assert message.count(". ") >= 1  # what to do


def module_of(kind, root):
    if kind == "hr":
        return lambda: HRFolder(folders=[root]).setup("fit")
    if kind == "test":
        return lambda: HRFolder(test={"a": root}).setup("test")
    if kind == "nyuv2":
        return lambda: NYUv2BSR(root=root).setup("fit")
    return lambda: ReBlurSR(root=root).setup("fit")


@pytest.mark.parametrize("kind", ["hr", "test", "nyuv2", "reblursr"])
@pytest.mark.parametrize("place", ["missing", "n" * 300, "file", "loop", "pipe", "nul\0"])
def test_places_where_no_data_set_is(kind, place, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    message = refused(module_of(kind, str(tmp_path / place)))
    assert str(tmp_path) in message


@pytest.mark.parametrize("number", [*CODES, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_cache_that_the_system_refuses(number, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    write_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "replace", refuse)
        message = refused(lambda: PictureStore(tmp_path / "cache").picture(tmp_path / "a.png"))
    assert "cache: cannot be written (" in message
    assert message.count(". ") == 1
    assert not list((tmp_path / "cache").iterdir())


def test_small_pictures_that_are_left_out_are_counted(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(notes, "_said", set())
    files = []
    for name, side in (("a", 4), ("b", 8), ("c", 4)):
        write_png(tmp_path / f"{name}.png", np.zeros((side, side), np.uint8))
        files.append(PictureFiles(name, tmp_path / f"{name}.png"))
    for _ in range(2):
        assert len(checked_pictures(files, smallest=8, skip_small=True)) == 1
    assert caplog.messages == [f"{tmp_path}: 2 of 3 pictures left out, smaller than 8 pixels"]


def test_names_that_are_no_utf8(tmp_path):
    """Such names are legal on Linux; the seed of a test picture's LR is made of its name."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    write_png(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
    os.rename(tmp_path / "a.png", path)  # noqa: PTH104 (bytes that are no UTF-8)
    data = HRFolder(test={"a": str(tmp_path)}, degradation="bsrgan", num_workers=0,
                    cache=str(tmp_path.parent / "cache"))  # fmt: skip
    data.setup("test")
    assert data.test_sets[0][0]["lr"].shape == (3, 16, 16)
    assert find_test_pictures(tmp_path)[0].name == "caf\udce9"
