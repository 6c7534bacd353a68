"""Disparity that is changed by object and smoothly: bounds, objects, equal bytes, the manifest."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers.folder_contents import contents
from tests.helpers.make_cityscapes import make, street

from blindsr.cli import app
from blindsr.data import prepare_cityscapes
from blindsr.data.files.depth_maps import CENTIMETRE, read_depth
from blindsr.data.files.manifest import read_manifest
from blindsr.data.prepare.disparity_jitter import jitter, objects

FRAMES = {"train": 2, "val": 1, "test": 5}


def changed(number, amount, seed=0, name="a"):
    """True disparity, and how it was changed, (H, W) factors, and objects."""
    _, labels, disparity = street(number)
    disparity = disparity + 1  # the sky too has a factor then
    return jitter(disparity, labels, amount, seed, name) / disparity, objects(labels)


def test_objects_are_connected_regions_of_one_label():
    labels = np.array([[1, 1, 2], [2, 1, 2], [2, 2, 1]], np.uint8)
    found = objects(labels)
    assert found.dtype == np.int32
    assert sorted(np.unique(found)) == [0, 1, 2, 3]
    for number in range(4):
        assert len(np.unique(labels[found == number])) == 1
    assert found[0, 0] != found[2, 2]
    assert found[0, 2] != found[1, 0] == found[2, 1]


def test_each_object_and_the_smooth_part_stay_within_their_factors():
    for amount in (0.1, 0.5):
        factor, _ = changed(2, amount)
        assert factor.max() <= (1 + amount) ** 2 * (1 + 1e-6)
        assert factor.min() >= (1 + amount) ** -2 * (1 - 1e-6)
        assert factor.std() > 0.02
    sky = np.zeros((4, 5), np.float32)
    assert (jitter(sky, np.ones((4, 5), np.uint8), 0.5, 0, "a") == 0).all()


def test_within_an_object_the_change_is_smooth_and_across_edges_it_is_not():
    factor, found = changed(3, 0.5)
    same = found[:, 1:] == found[:, :-1]
    steps = np.abs(np.diff(np.log(factor), axis=1))
    assert steps[same].max() < 0.05
    assert steps[~same].max() > 0.1


def test_equal_seeds_and_names_give_equal_changes_and_others_do_not():
    first, _ = changed(4, 0.3)
    assert np.array_equal(first, changed(4, 0.3)[0])
    assert not np.array_equal(first, changed(4, 0.3, seed=1)[0])
    assert not np.array_equal(first, changed(4, 0.3, name="b")[0])


def test_a_set_with_changed_disparity_says_so_and_is_the_same_twice(tmp_path):
    root = make(tmp_path / "root", FRAMES)
    options = {"size": (48, 64), "operator": "gather", "workers": 0}
    prepare_cityscapes(root, tmp_path / "plain", **options)
    for name in ("one", "two"):
        prepare_cityscapes(root, tmp_path / name, disparity_jitter=0.5, **options)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert read_manifest(tmp_path / "one")["settings"]["disparity_jitter"] == 0.5
    assert "disparity_jitter" not in read_manifest(tmp_path / "plain")["settings"]
    paths = [next((tmp_path / n / "train" / "depth").iterdir()) for n in ("plain", "one")]
    plain, changed = (read_depth(path, CENTIMETRE) for path in paths)
    assert not np.allclose(plain, changed)


@pytest.mark.parametrize("amount", ["-0.1", "nan", "5"])
def test_amounts_that_are_none_are_one_line(tmp_path, capsys, amount):
    root = make(tmp_path / "root", FRAMES)
    words = ["prepare", "cityscapes", "--root", str(root), "--out", str(tmp_path / "out")]
    assert app.main([*words, f"--disparity-jitter={amount}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "expected 0 to 4" in error
    assert not (tmp_path / "out").exists()
