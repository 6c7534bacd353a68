"""Source files of NYUv2 that are damaged, mixed up or made by somebody else: one line each."""

import os
import random
import shutil

import h5py
import numpy as np
import pytest
import scipy.io

from blindsr.cli import app
from blindsr.data.prepare.nyuv2_file import NYUv2File, read_class_mapping, read_splits
from blindsr.errors import BlindSRError, DataError, FileError

FRAMES = {"images": (2, 3, 12, 8), "depths": (2, 12, 8), "labels": (2, 12, 8)}
GOOD = {
    "images": np.full(FRAMES["images"], 9, np.uint8),
    "depths": np.full(FRAMES["depths"], 2, np.float32),
    "labels": np.full(FRAMES["labels"], 1, np.uint16),
}


def write_mat(path, **changes):
    with h5py.File(path, "w") as file:
        for name, array in (GOOD | changes).items():
            if array is not None:
                file[name] = array
    return path


def changed(name, value, dtype):
    array = GOOD[name].astype(dtype)
    array[1, 5, 3] = value
    return {name: array}


def refused(read):
    with pytest.raises(BlindSRError) as caught:
        read()
    message = str(caught.value)
    assert "\n" not in message
    return message


WRONG_VARIABLES = {
    "no variable": ({"depths": None}, "no variable 'depths', expected images, depths and labels"),
    "object": (
        {"labels": np.full(FRAMES["labels"], "cell", h5py.string_dtype())},
        "[labels]: objects (cells or structures), expected whole numbers",
    ),
    "text": ({"depths": np.full(FRAMES["depths"], b"text")}, "[depths]: text, expected metres"),
    "structure": (
        {"labels": np.zeros(FRAMES["labels"], [("a", "u1"), ("b", "u1")])},
        "[labels]: a structure",
    ),
    "complex": ({"depths": GOOD["depths"] * 1j}, "[depths]: complex numbers, expected metres"),
    "logical": ({"labels": GOOD["labels"] > 0}, "[labels]: values of type bool"),
    "integer depths": (
        {"depths": GOOD["depths"].astype(np.uint16)},
        "[depths]: values of type uint16, expected metres as floats",
    ),
    "float images": (
        {"images": GOOD["images"].astype(np.float32)},
        "[images]: values of type float32, expected 8 bit colours",
    ),
    "16 bit images": (
        {"images": GOOD["images"].astype(np.uint16)},
        "[images]: values of type uint16, expected 8 bit colours",
    ),
    "signed images": ({"images": GOOD["images"].astype(np.int8)}, "[images]: values of type int8"),
    "axes": ({"labels": GOOD["labels"][0]}, "[labels]: shape (12, 8), expected 3 axes"),
    "scalar": ({"depths": np.float32(1)}, "[depths]: shape (), expected 3 axes"),
    "null": ({"depths": h5py.Empty("f4")}, "[depths]: shape (), expected 3 axes"),
    "colours": ({"images": GOOD["images"][:, :2]}, "images (2, 2, 12, 8), depths (2, 12, 8)"),
    "count": ({"depths": GOOD["depths"][:1]}, "depths (1, 12, 8), labels (2, 12, 8), expected (N"),
    "one swapped": ({"labels": np.zeros((2, 8, 12), np.uint8)}, "labels (2, 8, 12), expected (N"),
    "all swapped": (
        {name: array.swapaxes(-1, -2) for name, array in GOOD.items()},
        "frames 8 wide and 12 high, expected wide ones, as (N, 3, W, H): these axes are swapped",
    ),
    "no frames": (
        {name: array[:0] for name, array in GOOD.items()},
        "0 frames of 12 x 8 pixels, expected one or more",
    ),
    "no pixels": (
        {name: array[..., :0] for name, array in GOOD.items()},
        "2 frames of 12 x 0 pixels",
    ),
}


@pytest.mark.parametrize("case", WRONG_VARIABLES)
def test_a_variable_that_is_not_understood(case, tmp_path):
    changes, expected = WRONG_VARIABLES[case]
    path = write_mat(tmp_path / "x.mat", **changes)
    message = refused(lambda: NYUv2File(path))
    assert message.startswith(str(path))
    assert expected in message
    assert "Give the labelled file" in message


def test_matlab_class_says_what_numbers_mean(tmp_path):
    path = write_mat(tmp_path / "x.mat")
    with h5py.File(path, "a") as file:
        file["labels"].attrs["MATLAB_class"] = np.bytes_("char")
    assert "[labels]: a variable of class char" in refused(lambda: NYUv2File(path))


def test_frames_that_would_fill_the_memory_are_refused_unread(tmp_path):
    path = write_mat(tmp_path / "x.mat", images=None, depths=None, labels=None)
    with h5py.File(path, "a") as file:
        shapes = ("images", (1, 3, 99999, 9999), "u1"), ("depths", (1, 99999, 9999), "f4")
        for name, shape, kind in (*shapes, ("labels", (1, 99999, 9999), "u2")):
            file.create_dataset(name, shape, kind, chunks=(1,) * (len(shape) - 2) + (99, 99))
    assert "1 frames of 99999 x 9999 pixels" in refused(lambda: NYUv2File(path))


def test_a_variable_of_another_file_is_not_followed(tmp_path):
    write_mat(tmp_path / "other.mat")
    path = write_mat(tmp_path / "x.mat", labels=None)
    with h5py.File(path, "a") as file:
        file["labels"] = h5py.ExternalLink("other.mat", "/labels")
    assert "no variable 'labels'" in refused(lambda: NYUv2File(path))


WRONG_VALUES = {
    "label wraps": (changed("labels", 65536, np.int32), "label 65536 at row 3, column 5"),
    "label wraps far": (changed("labels", 2**32 + 1, np.int64), "label 4294967297 at row 3"),
    "negative label": (changed("labels", -1, np.int16), "label -1 at row 3, column 5"),
    "half a label": (changed("labels", 1.5, np.float64), "label 1.5 at row 3, column 5"),
    "NaN label": (changed("labels", np.nan, np.float32), "label nan at row 3, column 5"),
    "infinite label": (changed("labels", np.inf, np.float32), "label inf at row 3"),
    "NaN depth": (changed("depths", np.nan, np.float64), "depth nan at row 3, column 5"),
    "infinite depth": (changed("depths", np.inf, np.float64), "depth inf at row 3, column 5"),
    "beyond float32": (changed("depths", 1e300, np.float64), "depth 1e+300 at row 3, column 5"),
    "negative depth": (changed("depths", -2, np.float32), "depth -2.0 at row 3, column 5"),
    "millimetres": (changed("depths", 2000, np.float32), "depth 2000.0 at row 3, column 5"),
}


@pytest.mark.parametrize("case", WRONG_VALUES)
def test_a_value_that_is_not_understood(case, tmp_path):
    changes, expected = WRONG_VALUES[case]
    with NYUv2File(write_mat(tmp_path / "x.mat", **changes)) as source:
        source.read(1)
        message = refused(lambda: source.read(2))
    assert f"x.mat frame 2: {expected}" in message
    assert "expected" in message


@pytest.mark.parametrize("kind", [np.float64, ">u4", np.int64, np.uint8])
def test_whole_labels_of_any_type_are_read(kind, tmp_path):
    with NYUv2File(write_mat(tmp_path / "x.mat", **changed("labels", 200, kind))) as source:
        labels = source.read(2).labels
    assert labels.dtype == np.uint16
    assert labels[3, 5] == 200


WRONG_SPLITS = {
    "fraction": ({"trainNdxs": [[1.0], [1.5]]}, "[trainNdxs]: frame 1.5, expected 1..6"),
    "NaN": ({"trainNdxs": [[1.0], [np.nan]]}, "[trainNdxs]: frame nan, expected 1..6"),
    "infinite": ({"testNdxs": [[np.inf]]}, "[testNdxs]: frame inf, expected 1..6"),
    "from zero": ({"trainNdxs": [[0], [1]]}, "[trainNdxs]: frame 0, expected 1..6"),
    "negative": ({"trainNdxs": [[-1]]}, "[trainNdxs]: frame -1, expected 1..6"),
    "beyond": ({"testNdxs": [[7]]}, "[testNdxs]: frame 7, expected 1..6"),
    "empty": ({"trainNdxs": np.zeros((0, 0))}, "[trainNdxs]: an empty list, expected one"),
    "no test": ({"testNdxs": np.zeros((0, 1))}, "[testNdxs]: an empty list, expected one"),
    "twice": ({"trainNdxs": [[1], [2], [1]]}, "[trainNdxs]: frame 1 twice, expected each"),
    "both": ({"testNdxs": [[2]]}, "[testNdxs]: frame 2 twice, in trainNdxs too, expected each"),
    "table": ({"trainNdxs": [[1, 2], [3, 4]]}, "[trainNdxs]: 2 x 2 values, expected a list"),
    "text": ({"trainNdxs": "1 2 3"}, "[trainNdxs]: text, expected a list of numbers"),
    "cells": ({"trainNdxs": np.array([1, "b"], object)}, "[trainNdxs]: a cell array, expected"),
    "structure": ({"trainNdxs": {"a": 1}}, "[trainNdxs]: a structure, expected a list"),
    "complex": ({"trainNdxs": [[1 + 2j]]}, "[trainNdxs]: complex numbers, expected a list"),
    "missing": ({"trainNdxs": None}, "no variable 'trainNdxs', expected trainNdxs, testNdxs"),
}


def write_splits(path, changes, **options):
    content = {"trainNdxs": [[1], [2]], "testNdxs": [[5]]} | changes
    scipy.io.savemat(path, {k: v for k, v in content.items() if v is not None}, **options)
    return path


@pytest.mark.parametrize("case", WRONG_SPLITS)
def test_a_split_that_is_not_understood(case, tmp_path):
    changes, expected = WRONG_SPLITS[case]
    path = write_splits(tmp_path / "s.mat", changes)
    message = refused(lambda: read_splits(path, 6))
    assert message.startswith(str(path))
    assert expected in message
    assert message.endswith("belong together")


@pytest.mark.parametrize("compressed", [False, True])
def test_splits_as_matlab_and_scipy_write_them(tmp_path, compressed):
    changes = {"trainNdxs": [[1.0, 2.0, 6.0]], "names": np.array(["a", "b"], object), "s": {"a": 1}}
    path = write_splits(tmp_path / "s.mat", changes, do_compression=compressed)
    assert read_splits(path, 6) == ((1, 2, 6), (5,))


@pytest.mark.parametrize("value", [0, 41, -1, 1.5, np.nan, 65537])
def test_class_mapping_out_of_range(value, tmp_path):
    scipy.io.savemat(tmp_path / "c.mat", {"mapClass": np.array([[1, value]])})
    message = refused(lambda: read_class_mapping(tmp_path / "c.mat"))
    assert f"c.mat[mapClass]: class {value}" in message.replace(".0,", ",")
    assert "expected 1..40, whole numbers" in message


READERS = {
    0: NYUv2File,
    1: lambda path: read_splits(path, 7),
    2: read_class_mapping,
}
DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("<html>404 Not Found</html>" * 40),
    "zeros": lambda path: path.write_bytes(bytes(4096)),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "loop": lambda path: (path.unlink(), path.symlink_to(path)),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("which", READERS)
def test_a_source_that_is_no_matlab_file(which, damage, sources, tmp_path):
    path = shutil.copy(sources[which], tmp_path / "x.mat")
    DAMAGE[damage](path)
    assert refused(lambda: READERS[which](path)).startswith(f"{path}: ")


@pytest.mark.parametrize("which", READERS)
def test_the_other_sources_in_its_place(which, sources):
    for other in set(READERS) - {which}:
        assert refused(lambda path=sources[other]: READERS[which](path))


@pytest.mark.parametrize("which", READERS)
def test_cut_and_flipped_sources_never_end_in_a_traceback(which, sources, tmp_path):
    """SciPy's reader of v5 files ends the process with a segmentation fault on some of these."""
    whole, path = sources[which].read_bytes(), tmp_path / "x.mat"
    rng = random.Random(which)
    messages = []
    for case in range(150):
        data = bytearray(whole)
        if case % 3:
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(min(len(data), 2000))] = rng.randrange(256)
        else:
            data = data[: rng.randrange(len(data))]
        path.write_bytes(data)
        try:
            result = READERS[which](path)
            if which == 0:
                with result as source:
                    source.read(1)
        except (FileError, DataError) as error:
            messages.append(str(error))
    assert len(messages) >= 50
    assert not any("\n" in message for message in messages)


def test_the_command_ends_in_one_line_and_writes_nothing(sources, tmp_path, capsys):
    splits = write_splits(tmp_path / "s.mat", {"trainNdxs": [[1.5]]})
    words = ["prepare", "nyuv2", "--mat", sources[0], "--splits", splits]
    words += ["--classes", sources[2], "--out", tmp_path / "out", "--workers", "0"]
    assert app.main([str(word) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "s.mat[trainNdxs]: frame 1.5, expected 1..7, whole numbers" in error
    assert not (tmp_path / "out").exists()


def test_a_label_beyond_the_mapping_leaves_no_file_of_its_frame(sources, tmp_path, capsys):
    mat = shutil.copy(sources[0], tmp_path / "x.mat")
    with h5py.File(mat, "a") as file:
        file["labels"][3, 5, 3] = 61
    words = ["prepare", "nyuv2", "--mat", mat, "--splits", sources[1], "--operator", "gather"]
    words += ["--classes", sources[2], "--out", tmp_path / "out", "--workers", "0"]
    assert app.main([str(word) for word in words]) == 2
    assert "frame 4: label 61 at row 3, column 5, expected 0..60" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*0004*"))
