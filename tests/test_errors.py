import pickle

import pytest
from torch.utils.data import DataLoader, Dataset

from blindsr.errors import BlindSRError, DataError, FileError, missing_file


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
