"""The fingerprint of data: the same for the same data, wherever they lie; another for others."""

import shutil

import numpy as np
import pytest
from tests.helpers.make_nyuv2 import make

from blindsr.cli.app import main
from blindsr.data import HRFolder, NYUv2BSR, PBaSRScenes, Scenes
from blindsr.imaging.files import write_png

SCENES = {"train_count": 4, "val_count": 2, "test_count": 2, "size": (64, 80)}


def of(data):
    data.setup("fit")
    return data.fingerprint()


def test_settings_of_scenes_count_and_those_of_loaders_do_not():
    first = of(Scenes(**SCENES))
    assert len(first) == 12
    assert int(first, 16) >= 0
    same = Scenes(**SCENES, batch_size=3, num_workers=1, eval_batch_size=2)
    assert of(same) == first
    others = [{"seed": 1}, {"train_count": 5}, {"sigma_max": 3.0}, {"downsampler": "bicubic"}]
    found = {of(Scenes(**SCENES | change)) for change in others}
    assert len(found | {first}) == 5


def test_two_streams_have_one_too():
    data = {"train_count": 2, "val_count": 1, "test_count": 1, "size": (64, 64), "crop": 32}
    assert of(PBaSRScenes(**data)) != of(PBaSRScenes(**data, seed=1))


@pytest.fixture
def photos(tmp_path):
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        write_png(tmp_path / "photos" / f"{number}.png", pixels)
    return tmp_path / "photos"


def test_a_folder_of_pictures_is_known_by_its_files(photos, tmp_path):
    def found(folder):
        return of(HRFolder([str(folder)], crop=32))

    first = found(photos)
    moved = tmp_path / "elsewhere" / "photos"
    shutil.copytree(photos, moved)
    assert found(moved) == first
    write_png(moved / "2.png", np.zeros((64, 64, 3), np.uint8))
    assert found(moved) != first
    (photos / "3.png").rename(photos / "4.png")
    assert found(photos) != first


def test_a_prepared_data_set_is_known_by_its_files(tmp_path):
    made = make(tmp_path / "source")
    names = ("--mat", "--splits", "--classes")
    words = [word for pair in zip(names, map(str, made), strict=True) for word in pair]
    root = tmp_path / "nyu"
    assert main(["prepare", "nyuv2", *words, "--out", str(root)]) == 0
    first = of(NYUv2BSR(root=str(root)))
    assert of(NYUv2BSR(root=str(root))) == first
    blurred = next(root.rglob("LRx4/*.png"))
    blurred.write_bytes(blurred.read_bytes() + b"0")
    assert of(NYUv2BSR(root=str(root))) != first
