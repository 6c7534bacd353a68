import h5py
import numpy as np
import pytest
import scipy.io

from blindsr.data.bsr.nyuv2 import NYUV2_CLASSES
from blindsr.data.prepare.nyuv2_file import (
    NYUv2File,
    read_class_mapping,
    read_splits,
    seg_from_labels,
)
from blindsr.errors import DataError, FileError


@pytest.fixture
def mat(make_nyuv2, tmp_path):
    return make_nyuv2.make(tmp_path)[0]


def test_frames_are_counted_from_one_and_axes_turned(sources, make_nyuv2):
    with NYUv2File(sources[0]) as source:
        assert len(source) == 7
        assert source.size == (48, 64)
        for number in (1, 7):
            expected = make_nyuv2.frame(number, (48, 64))
            for found, wanted in zip(source.read(number), expected, strict=True):
                assert found.dtype == wanted.dtype
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("number", [0, 8])
def test_number_out_of_range(sources, number):
    with (
        NYUv2File(sources[0]) as source,
        pytest.raises(DataError, match=rf"frame {number}.*1\.\.7"),
    ):
        source.read(number)


@pytest.mark.parametrize("value", [np.nan, 0.0, -1.0, np.inf])
def test_bad_depth_names_frame_and_pixel(mat, value):
    with h5py.File(mat, "a") as file:
        file["depths"][2, 10, 5] = value  # frame 3, column 10, row 5
    with NYUv2File(mat) as source:
        source.read(2)
        with pytest.raises(DataError, match=r"frame 3: depth .* at row 5, column 10") as caught:
            source.read(3)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        NYUv2File(tmp_path / "none.mat")


def test_not_hdf5(tmp_path):
    path = tmp_path / "page.mat"
    path.write_text("<html>404</html>")
    with pytest.raises(FileError, match="cannot be read") as caught:
        NYUv2File(path)
    assert "\n" not in str(caught.value)


def test_truncated_file(mat):
    mat.write_bytes(mat.read_bytes()[: mat.stat().st_size // 2])
    with pytest.raises(FileError, match="truncated"):
        NYUv2File(mat)


def test_missing_variable(mat):
    with h5py.File(mat, "a") as file:
        del file["depths"]
    with pytest.raises(DataError, match="no variable 'depths'"):
        NYUv2File(mat)


@pytest.mark.parametrize("shape", [(7, 48, 64), (6, 64, 48), (7, 64)])
def test_wrong_shape(mat, shape):
    with h5py.File(mat, "a") as file:
        del file["labels"]
        file["labels"] = np.zeros(shape, np.uint16)
    with pytest.raises(DataError, match="labels"):
        NYUv2File(mat)


def test_splits(sources, tmp_path):
    assert read_splits(sources[1], 7) == ((1, 3, 4, 6, 7), (2, 5))
    with pytest.raises(DataError, match=r"frame 7, expected 1\.\.6"):
        read_splits(sources[1], 6)
    twice = tmp_path / "twice.mat"
    scipy.io.savemat(twice, {"trainNdxs": [[1], [2]], "testNdxs": [[2]]})
    with pytest.raises(DataError, match="frame 2 twice"):
        read_splits(twice, 7)
    with pytest.raises(DataError, match="no variable 'trainNdxs'"):
        read_splits(sources[2], 7)
    with pytest.raises(FileError, match="no such file"):
        read_splits(tmp_path / "none.mat", 7)
    (tmp_path / "text.mat").write_text("not MATLAB, but long enough to have a header" * 9)
    with pytest.raises(FileError, match="cannot be read"):
        read_splits(tmp_path / "text.mat", 7)


def test_class_mapping(sources, tmp_path):
    mapping = read_class_mapping(sources[2])
    assert mapping[0] == 0
    assert mapping[1] == 1
    assert mapping[40] == 40
    assert mapping[41] == 1
    np.testing.assert_array_equal(seg_from_labels(np.array([[0, 2]]), mapping, "x"), [[0, 2]])
    with pytest.raises(DataError, match=r"frame 9: label 61"):
        seg_from_labels(np.array([[61]]), mapping, "frame 9")
    scipy.io.savemat(tmp_path / "bad.mat", {"mapClass": [[1, 41]]})
    with pytest.raises(DataError, match=r"mapClass.*1\.\.40"):
        read_class_mapping(tmp_path / "bad.mat")


def test_real_files(shared):
    folder = shared / "data" / "nyuv2"
    split = read_splits(folder / "splits.mat", 1449)
    assert [len(part) for part in split] == [795, 654]
    assert split.train[:3] == (3, 4, 5)
    assert split.test[:4] == (1, 2, 9, 14)
    mapping = read_class_mapping(folder / "classMapping40.mat")
    assert mapping.shape == (895,)
    assert (mapping == 40).sum() == 707
    names = scipy.io.loadmat(folder / "classMapping40.mat")["className"].ravel()
    assert tuple(str(name[0]) for name in names) == NYUV2_CLASSES
    with NYUv2File(folder / "nyu_depth_v2_labeled.mat") as source:
        rgb, depth, labels = source.read(1)
    assert rgb.shape == (480, 640, 3)
    assert (rgb[:3] == 255).all()  # the white frame of the official pictures is above, not left
    assert 0.7 < depth.min() < depth.max() < 10
    assert labels.max() > 0
    with pytest.raises(DataError, match="frame 6"):
        read_splits(folder / "splits.mat", 5)
