"""Pictures by rows: what is read is what was written or made, and nothing of it stays."""

import gc

import pytest
import torch

from blindsr.errors import FileError
from blindsr.imaging import rows_on_disk
from blindsr.imaging.rows_on_disk import Rows, RowsOnDisk, bands, mapped, rows_of, stored

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def made(image):
    return Rows(image.shape, lambda rows: image[:, :, rows])


def test_rows_come_back_as_they_were_written_in_any_order(folder):
    image = torch.rand(1, 3, 10, 7)
    kept = RowsOnDisk(image.shape, CPU)
    for rows in (slice(6, 10), slice(0, 6)):
        kept.write(rows, image[:, :, rows])
    for rows in (slice(0, 10), slice(5, 7), slice(9, 10)):
        assert torch.equal(kept.rows(rows), image[:, :, rows])
    assert not any(folder.iterdir())  # it has no name: nothing stays, however a process ends


def test_functions_of_pixels_are_computed_where_they_are_read(monkeypatch):
    monkeypatch.setattr(rows_on_disk, "_BAND", 1)
    monkeypatch.setattr(rows_on_disk, "_STEP", 4)
    image, other = torch.rand(1, 3, 19, 5), torch.rand(1, 1, 19, 5)
    seen = []

    def blended(one, two):
        seen.append(one.shape[2])
        return one.mean(dim=1, keepdim=True) * two

    lazy = mapped(blended, made(image), other)
    assert lazy.shape == other.shape
    kept = stored(lazy)
    assert max(seen) <= 8  # rows
    assert isinstance(kept, RowsOnDisk)
    assert stored(kept) is kept
    assert torch.equal(rows_of(kept, slice(0, 19)), blended(image, other))
    assert torch.equal(lazy.rows(slice(0, 19)), blended(image, other))  # more than a band
    assert [(r.start, r.stop) for r in bands(kept)][-1] == (16, 19)


def test_tensors_stay_tensors():
    image = torch.rand(2, 3, 4, 5)
    assert torch.equal(mapped(torch.sqrt, image), image.sqrt())
    assert stored(image) is image
    assert torch.equal(rows_of(image, slice(1, 3)), image[:, :, 1:3])


def test_files_are_closed_with_their_pictures():
    kept = stored(made(torch.rand(1, 1, 4, 4)))
    file = kept._file
    del kept
    gc.collect()
    assert file.closed


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    with pytest.raises(FileError, match="none: cannot be written"):
        RowsOnDisk((1, 1, 1, 1), CPU)


def test_a_full_disk_is_one_line(monkeypatch):
    kept = RowsOnDisk((1, 1, 2, 2), CPU)

    class Full:
        def seek(self, place):
            pass

        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "_file", Full())
    with pytest.raises(FileError, match="no space left on device"):
        kept.write(slice(0, 2), torch.zeros(1, 1, 2, 2))
