import errno
import os
import pickle

import pytest
from torch.utils.data import DataLoader, Dataset

from blindsr.errors import BlindSRError, DataError, FileError, missing_file, os_error


def test_message_is_one_line_with_all_parts():
    error = DataError("a.png", found="3\nchannels", expected="1", fix="Convert it.")
    assert str(error) == "a.png: 3 channels, expected 1. Convert it."


def test_errors_survive_the_trip_between_processes():
    error = FileError("x", found="nothing", expected="a file", fix="Make one.")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is FileError
    assert (str(copy), copy.fix) == (str(error), error.fix)


def test_missing_file_names_the_path():
    error = missing_file("x/y", "a model", "")
    assert "x/y: no such file or folder, expected a model" in str(error)


class Broken(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise DataError("0001.png", found="half a file", fix="Copy it again.")


def test_an_error_in_a_loader_worker_keeps_its_one_line():
    with pytest.raises(BlindSRError) as caught:
        next(iter(DataLoader(Broken(), num_workers=1)))
    assert str(caught.value) == "0001.png: half a file. Copy it again."


@pytest.mark.parametrize(
    ("number", "reason", "advice"),
    [
        (errno.ENOSPC, "no space left on device", "Free some space or choose another folder."),
        (errno.EDQUOT, "quota exceeded", "Free some space"),
        (errno.EFBIG, "file too large", "ulimit -f"),
        (errno.EMFILE, "too many open files", "ulimit -n"),
        (errno.EROFS, "read-only file system", "another disk"),
        (errno.EACCES, "permission denied", "permissions"),
        (errno.ELOOP, "symbolic links", "circle"),
        (errno.ENAMETOOLONG, "name too long", "shorter"),
        (errno.EIO, "/output error", "Check the disk"),
        (errno.ENOTDIR, "not a directory", "check the path"),
        (errno.ECHRNG, "channel number", "run the same line again"),  # rare: no advice of its own
    ],
)
def test_every_errno_is_one_line_with_what_to_do(number, reason, advice):
    line = str(os_error(OSError(number, os.strerror(number)), "out/a.png", "written"))
    assert line.startswith("out/a.png: cannot be written (")
    assert reason in line.lower()
    assert line.partition("). ")[2]
    assert advice in line
    assert "Errno" not in line


def test_an_error_without_errno_says_what_it_has():
    assert "a.tif: cannot be read (encoder error -2)" in str(
        os_error(OSError("encoder error -2"), "a.tif", "read")
    )
    assert "(OSError). Check the disk" in str(os_error(OSError(), "a.tif", "read"))


def test_the_errno_behind_a_library_s_error_counts():
    error = OSError("could not write")
    error.__cause__ = OSError(errno.ENOSPC, "full")
    assert "no space left on device" in str(os_error(error, "a", "written"))


def test_the_error_s_own_file_is_named_where_no_other_is_known(tmp_path):
    with pytest.raises(OSError, match="nowhere") as caught:
        (tmp_path / "nowhere").read_bytes()
    assert str(os_error(caught.value, None, "read")).startswith(f"{tmp_path / 'nowhere'}: cannot")


def test_names_that_no_system_takes_are_printable(tmp_path):
    with pytest.raises(ValueError, match="null") as caught:
        open(tmp_path / "a\0b")  # noqa: PTH123, SIM115 - never opens
    line = str(os_error(caught.value, "a\0b\udcff\x1b[2J", "read"))
    assert line.startswith(r"a\x00b\udcff\x1b[2J: cannot be read (embedded null")
    assert line.endswith("Check the path.")
    line.encode("utf-8")
