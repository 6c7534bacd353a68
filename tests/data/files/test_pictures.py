import os

import cv2
import numpy as np
import pytest
from PIL import Image

from blindsr.data.files.pictures import (
    PictureFiles,
    PictureStore,
    checked_pictures,
    picture_size,
    read_picture,
)
from blindsr.errors import DataError, FileError
from blindsr.imaging.files import read_rgb, to_uint8, write_png


def noise(size=(20, 30, 3), dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, size, dtype, endpoint=True)


def pictures(folder):
    """One file of each kind that has its own way through the reader."""
    write_png(folder / "rgb.png", noise())
    write_png(folder / "grey.png", noise((20, 30)))
    write_png(folder / "deep.png", noise(dtype=np.uint16))
    Image.fromarray(noise()).save(folder / "a.jpg")
    turned = Image.fromarray(noise())
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=exif)
    Image.fromarray(noise((20, 30, 4))).save(folder / "alpha.png")
    Image.fromarray(noise()).quantize(16).save(folder / "palette.png")
    return sorted(folder.iterdir())


def test_pictures_and_sizes_are_those_of_read_rgb(tmp_path):
    for path in pictures(tmp_path):
        wanted = to_uint8(read_rgb(path))
        np.testing.assert_array_equal(read_picture(path), wanted, err_msg=path.name)
        assert picture_size(path) == wanted.shape[:2], path.name


def test_sizes_come_from_the_header(tmp_path):
    path = tmp_path / "a.png"
    write_png(path, noise())
    path.write_bytes(path.read_bytes()[:60])
    assert picture_size(path) == (20, 30)
    with pytest.raises(FileError, match=r"a\.png: damaged"):
        read_picture(path)
    path.write_text("no picture")
    with pytest.raises(FileError, match=r"a\.png: not an image"):
        picture_size(path)
    with pytest.raises(FileError, match=r"b\.png: no such file"):
        picture_size(tmp_path / "b.png")
    with pytest.raises(FileError, match=r"b\.png: no such file"):
        PictureStore(tmp_path / "cache").picture(tmp_path / "b.png")


def test_cache_decodes_once_and_notices_changes(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_png(path, noise())
    store = PictureStore(tmp_path / "cache")
    first = np.array(store.picture(path))
    np.testing.assert_array_equal(first, noise())
    with monkeypatch.context() as patch:
        patch.setattr("blindsr.data.files.pictures.read_picture", None)
        again = PictureStore(tmp_path / "cache").picture(path)  # another process, say
        assert isinstance(again, np.memmap)
        np.testing.assert_array_equal(again, first)
    write_png(path, 255 - noise())
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(store.picture(path), 255 - noise())


def test_masks_are_cached_apart_from_pictures(tmp_path):
    path = tmp_path / "a.png"
    write_png(path, noise((20, 30)))
    store = PictureStore(tmp_path / "cache")
    files = PictureFiles("a", path, mask=path)
    for _ in range(2):
        assert store.picture(path).shape == (20, 30, 3)
        mask = store.mask(files, (20, 30))
        np.testing.assert_array_equal(mask, noise((20, 30)) >= 128)
    assert store.mask(PictureFiles("a", path), (20, 30)) is None


def test_a_cache_that_cannot_be_written(tmp_path):
    write_png(tmp_path / "a.png", noise())
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"file: cannot be written .*set cache to null"):
        PictureStore(tmp_path / "file").picture(tmp_path / "a.png")


def test_a_damaged_cache_file(tmp_path):
    write_png(tmp_path / "a.png", noise())
    store = PictureStore(tmp_path / "cache")
    store.picture(tmp_path / "a.png")
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(b"")
    with pytest.raises(FileError, match=r"\.npy: damaged .*Delete it"):
        store.picture(tmp_path / "a.png")


def test_small_pictures_and_masks_of_another_size_are_found_by_their_headers(tmp_path):
    write_png(tmp_path / "a.png", noise())
    write_png(tmp_path / "b.png", noise((40, 40, 3)))
    files = [PictureFiles(name, tmp_path / f"{name}.png") for name in "ab"]
    assert checked_pictures(files, smallest=20) == files
    with pytest.raises(DataError, match=r"a\.png: 30 x 20 pixels, expected sides of 21 or more"):
        checked_pictures(files, smallest=21)
    assert checked_pictures(files, smallest=21, skip_small=True) == files[1:]
    with pytest.raises(DataError, match="no picture with sides of 50 pixels"):
        checked_pictures(files, smallest=50, skip_small=True)
    cv2.imwrite(str(tmp_path / "m.png"), np.zeros((40, 41), np.uint8))
    wrong = files[1]._replace(mask=tmp_path / "m.png")
    with pytest.raises(DataError, match=r"m\.png: 41 x 40 pixels, expected 40 x 40 as .*b\.png"):
        checked_pictures([wrong], smallest=20)
    with pytest.raises(DataError, match=r"m\.png: 41 x 40 pixels, expected 40 x 40 as .*b\.png"):
        PictureStore().mask(wrong, (40, 40))
