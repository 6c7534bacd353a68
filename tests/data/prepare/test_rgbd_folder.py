"""A BSR data set from anybody's pictures: every form of depth, labels or none, then training."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.helpers.folder_contents import contents
from tests.helpers.make_nyuv2 import frame

from blindsr.cli import app
from blindsr.cli.training.command import main as lightning
from blindsr.data import RGBDFolder, prepare_folder
from blindsr.data.files.depth_maps import CENTIMETRE, read_depth
from blindsr.data.files.manifest import read_manifest
from blindsr.errors import ConfigError, DataError, FileError
from blindsr.imaging.files import read_array
from blindsr.tasks import CMOSTask, RRDBSFTTask

COUNT, SIZE = 6, (66, 83)  # no multiples of 4


def write(folder: Path, name: str, array: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".npy"):
        np.save(folder / name, array)
    else:
        assert cv2.imwrite(str(folder / name), array)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Pictures, depth in millimetres with a hole, labels 0..2 and none."""
    for number in range(1, COUNT + 1):
        rgb, depth, labels = frame(number, SIZE)
        name = f"{number:02d}"
        write(tmp_path / "images", f"{name}.png", rgb[..., ::-1])
        stored = np.rint(1000 * depth).astype(np.uint16)
        stored[:6, :6] = 0
        write(tmp_path / "depth", f"{name}.png", stored)
        write(tmp_path / "labels", f"{name}.png", np.where(labels > 50, 1, 255).astype(np.uint8))
    return tmp_path


def prepare(source: Path, out: str = "out", **options: Any) -> Path:
    places = {"images": source / "images", "depth": source / "depth", "unit": 0.001}
    prepare_folder(**{**places, "out": source / out, "operator": "gather", **options})
    return source / out


def test_pictures_are_split_and_cut_to_whole_lr_pixels(source: Path) -> None:
    out = prepare(source)
    train, test = (sorted(p.stem for p in (out / s / "GT").iterdir()) for s in ("train", "test"))
    assert len(train) == COUNT - 1
    assert sorted(train + test) == [f"{n:02d}" for n in range(1, COUNT + 1)]
    rgb, _, _ = frame(int(test[0]), SIZE)
    np.testing.assert_array_equal(read_array(out / f"test/GT/{test[0]}.png"), rgb[:64, :80])
    assert read_array(out / f"test/Group1/LRx4/{test[0]}.png").shape == (16, 20, 3)
    assert not list(out.rglob("semseg"))
    manifest = read_manifest(out)
    assert manifest is not None
    assert manifest["counts"]["train"] == {"VA": 4, "IVA": 1}
    assert manifest["settings"]["metric_depth"] is True


def test_metres_are_kept_and_holes_filled(source: Path) -> None:
    out = prepare(source, test_share=0.5)
    for path in sorted(out.rglob("depth/*.png")):
        _, depth, _ = frame(int(path.stem), SIZE)
        stored = read_depth(path, CENTIMETRE)
        np.testing.assert_allclose(stored[6:], depth[6:64, :80], atol=0.006)
        assert abs(stored - depth[:64, :80]).max() < 2.0  # the hole: something of the scene


@pytest.mark.parametrize("suffix", [".npy", ".pfm", ".png"])
@pytest.mark.parametrize("kind", ["disparity", "inverse"])
def test_what_falls_with_distance_gives_the_same_blur(source: Path, kind: str, suffix: str) -> None:
    """Blur needs ratios alone: any factor on 1 / depth, at half the size or more."""
    for number in range(1, COUNT + 1):
        _, depth, _ = frame(number, SIZE)
        inverse = 3000 / depth
        inverse = np.rint(inverse).astype(np.uint16) if suffix == ".png" else inverse
        write(source / kind, f"{number:02d}{suffix}", inverse)
    # the hole of the millimetres is not in these: compare without it
    for path in (source / "depth").iterdir():
        _, depth, _ = frame(int(path.stem), SIZE)
        write(source / "depth", path.name, np.rint(1000 * depth).astype(np.uint16))
    one = prepare(source)
    other = prepare(source, f"out_{kind}", depth=source / kind, kind=kind, unit=None)
    for path in sorted(one.rglob("blur16/*.npy")):
        same = other / path.relative_to(one)
        assert np.median(abs(np.load(path).astype(float) - np.load(same))) < 0.06
    assert (read_manifest(other) or {})["settings"]["metric_depth"] is False


def test_zero_is_unknown_disparity_but_the_farthest_inverse_depth(source: Path) -> None:
    for number in range(1, COUNT + 1):
        values = np.full(SIZE, 500, np.uint16)
        values[:, :30] = 0
        values[:, 60:] = 700
        write(source / "maps", f"{number:02d}.png", values)
    far = prepare(source, "far", depth=source / "maps", kind="inverse", unit=None)
    filled = prepare(source, "filled", depth=source / "maps", kind="disparity", unit=None)
    name = next((far / "train/depth").iterdir()).name
    assert np.isinf(read_depth(far / "train/depth" / name, CENTIMETRE)[:, :28]).all()
    assert np.isfinite(read_depth(filled / "train/depth" / name, CENTIMETRE)).all()


def test_labels_become_the_semantic_map(source: Path, capsys: Any) -> None:
    out = prepare(source, labels=source / "labels", classes=2)
    data = RGBDFolder(str(out), batch_size=1, holdout=0.3)
    assert data.num_classes == 2
    data.setup("fit")
    assert set(data.train_set[0]["seg"].unique().tolist()) <= {1, 255}
    assert app.main(["prepare", "check", str(out)]) == 0
    assert "no faults" in capsys.readouterr().out
    with pytest.raises(DataError, match=r"class 1, expected 0\.\.0.*--classes 2"):
        prepare(source, "again", labels=source / "labels", classes=1)


def test_without_labels_the_semantic_branch_is_off_and_says_so(
    source: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    caplog.set_level(logging.INFO, logger="lightning.pytorch")  # another test may have quietened it
    prepare(source, "data/rgbd_folder")
    monkeypatch.chdir(source)
    words = [
        *("fit", "--model=CMOSTask", "--data=RGBDFolder", "--model.backbone=pyramid_small"),
        *("--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--data.batch_size=1"),
        *("--data.num_workers=0", "--trainer.limit_train_batches=1", "--data.holdout=0.4"),
    ]
    assert lightning(words) == 0
    assert "no classes: CMOS learns blur alone" in caplog.text
    assert CMOSTask(0, backbone="pyramid_small").network.num_classes == 0
    restorer = RRDBSFTTask(0, blocks=1)
    assert restorer.hparams["use_semantics"] is False


def test_a_network_with_classes_is_tested_without_labels(source: Path) -> None:
    """That is what the fix of the refused test says: set --data.num_classes."""
    out = prepare(source)
    data = RGBDFolder(str(out), num_classes=8, groups=[1])
    assert data.num_classes == 8
    data.setup("test")
    assert "seg" not in data.test_sets[0][0]
    with pytest.raises(ConfigError, match="no labels to learn them from"):
        data.setup("fit")
    labelled = prepare(source, "labelled", labels=source / "labels", classes=2)
    with pytest.raises(ConfigError, match="num_classes: 8, expected 2"):
        RGBDFolder(str(labelled), num_classes=8)


def test_equal_bytes_with_workers(source: Path) -> None:
    one, two = prepare(source), prepare(source, "two", workers=2)
    assert contents(one) == contents(two)


def test_command(source: Path, capsys: Any) -> None:
    words = ["prepare", "folder", "--images", str(source / "images"), "--workers", "0"]
    words += ["--depth", str(source / "depth"), "--out", str(source / "made"), "--unit", "0.001"]
    assert app.main(words) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "train 4 VA + 1 IVA, test 1 VA + 0 IVA" in printed


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        ("gone", {}, DataError, r"03\.png: no partner"),
        ("empty", {}, DataError, r"03\.png: no known depth"),
        ("shape", {}, DataError, r"03\.png: found 30x90 pixels|03\.png: 30x90 pixels"),
        ("text", {}, FileError, r"03\.png"),
        ("", {"kind": "metres"}, ConfigError, "kind: 'metres', expected one of depth"),
        ("", {"unit": 0.0}, ConfigError, "unit"),
        ("", {"test_share": 0.0}, ConfigError, "test_share"),
        ("", {"images": "nowhere"}, FileError, "nowhere"),
    ],
)
def test_what_cannot_be_prepared_says_why(
    source: Path, change: str, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    path = source / "depth" / "03.png"
    if change == "gone":
        path.unlink()
    elif change == "empty":
        write(path.parent, path.name, np.zeros(SIZE, np.uint16))
    elif change == "shape":
        write(path.parent, path.name, np.ones((90, 30), np.uint16))
    elif change == "text":
        path.write_text("no picture")
    with pytest.raises(error, match=words) as caught:
        prepare(source, **options)
    assert "\n" not in str(caught.value)
    assert not (source / "out" / "manifest.json").exists()
