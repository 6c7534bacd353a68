"""Cityscapes-BSR from the official packages: layout, labels, disparity, counts, promises."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.helpers.folder_contents import contents
from tests.helpers.make_cityscapes import FRAMES, LABELS, make, street

from blindsr.cli import app
from blindsr.data import CityscapesBSR, prepare_cityscapes
from blindsr.data.files.depth_maps import CENTIMETRE, read_depth
from blindsr.data.files.manifest import MANIFEST, read_manifest
from blindsr.data.prepare.cityscapes_files import TRAIN_IDS, CityscapesFiles, CityscapesFrame
from blindsr.data.prepare.disparity import decode_cityscapes, match, read_disparity
from blindsr.data.prepare.folder import Part, counts, planned
from blindsr.data.prepare.holes import fill_holes
from blindsr.degradation.defocus import sigma_from_depth
from blindsr.errors import ConfigError, DataError, FileError
from blindsr.imaging.files import read_array

SIZE = (48, 64)
FIRST = "aachen_000000_000019"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("cityscapes"))


@pytest.fixture(scope="module")
def prepared(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared") / "out"
    prepare_cityscapes(root, out, size=SIZE)
    return out


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One frame of each part, and what is prepared of them."""
    folder = tmp_path_factory.mktemp("few")
    root = make(folder / "root", {"train": 1, "val": 1, "test": 1})
    prepare_cityscapes(root, folder / "prepared", size=SIZE)
    return folder


def frame(root: Path, **options: Any) -> CityscapesFrame:
    base = {"files": CityscapesFiles(FIRST, *(None,) * 5), "size": SIZE, "fit": "resize"}
    left = root / f"leftImg8bit/train/aachen/{FIRST}_leftImg8bit.png"
    files = base["files"]._replace(left=left, **options.pop("files", {}))
    return CityscapesFrame(**{**base, "files": files, **options})


def official(root: Path) -> Path:
    return root / f"disparity/train/aachen/{FIRST}_disparity.png"


def test_layout_of_the_released_data_set(prepared: Path) -> None:
    found = contents(prepared)
    assert found.pop(MANIFEST)
    parts = {"train": FRAMES["train"], "val": FRAMES["val"]}
    for split, count in parts.items():
        for folder in ("GT", "LRx4", "blur", "blur16", "semseg", "depth"):
            names = [name for name in found if name.startswith(f"{split}/{folder}/")]
            assert len(names) == count
            for name in names:
                del found[name]
    for folder in (
        "GT",
        "depth",
        *(f"Group{g}/{f}" for g in range(1, 6) for f in ("LRx4", "blur")),
    ):
        names = [name for name in found if name.startswith(f"test/{folder}/")]
        assert len(names) == FRAMES["test"]
    assert not [name for name in found if "semseg" in name]  # no labels of the test frames


def test_labels_are_train_ids_in_three_channels(prepared: Path) -> None:
    seg = read_array(prepared / f"train/semseg/{FIRST}.png")
    assert seg.dtype == np.uint8
    assert seg.shape == (*SIZE, 3)
    _, labels, _ = street(1)
    expected = cv2.resize(labels, SIZE[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    for name, train_id in (("road", 0), ("building", 2), ("car", 13), ("sky", 10), ("ego", 255)):
        assert (seg[expected == LABELS[name]] == train_id).all()
    assert len(TRAIN_IDS) == 19
    assert sorted(TRAIN_IDS.values()) == list(range(19))


def test_blur_follows_the_ratio_of_disparities(prepared: Path) -> None:
    manifest = read_manifest(prepared)
    assert manifest is not None
    varying = [name for name, draw in manifest["train"].items() if draw["kind"] == "VA"]
    for name in varying:
        sigma = np.load(prepared / f"train/blur16/{name}.npy").astype(np.float32)
        number = 1 + int(name.split("_")[1])
        depth = frame_of(number)
        expected = sigma_from_depth(
            depth, sigma_max=15.0, focus_rank=manifest["train"][name]["focus_rank"]
        )
        inside = np.s_[:, 8:]  # the hole on the left is filled, not known
        assert np.median(abs(sigma - expected)[inside]) < 0.1
        assert sigma.max() == 15


def frame_of(number: int) -> np.ndarray:
    disparity = street(number)[2]
    small = cv2.resize(disparity, SIZE[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    with np.errstate(divide="ignore"):
        return np.float32(1) / small


def test_depth_in_metres_of_the_camera(prepared: Path) -> None:
    depth = read_depth(prepared / f"train/depth/{FIRST}.png", CENTIMETRE)
    _, _, disparity = street(1)
    small = cv2.resize(disparity, SIZE[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    # the tiny pictures are 128 wide, the camera speaks of 2048
    with np.errstate(divide="ignore"):
        expected = 0.2 * 2000 / (small * 2048 / 128)
    inside = np.s_[:, 8:]
    np.testing.assert_allclose(depth[inside], expected[inside], atol=0.0051)
    assert np.isinf(depth[:8, 8:]).all()  # sky


def test_without_a_camera_file_blur_is_the_same(few: Path, tmp_path: Path) -> None:
    shutil.copytree(few / "root", tmp_path / "root", ignore=shutil.ignore_patterns("camera"))
    prepare_cityscapes(tmp_path / "root", tmp_path / "out", size=SIZE)
    one, other = contents(few / "prepared"), contents(tmp_path / "out")
    differing = {name for name in one if one[name] != other[name]}
    assert all("/depth/" in name for name in differing)


def test_counts_of_the_full_set() -> None:
    class Named:
        labelled = True

        def __init__(self, number: int) -> None:
            self.name = str(number)

    sizes = {"train": (2975, 0), "val": (500, 0), "test": (1525, 5)}
    parts = [
        Part(split, split, groups, {i: Named(i) for i in range(1, count + 1)})  # type: ignore
        for split, (count, groups) in sizes.items()
    ]
    plans = {part.folder: planned(part, seed=0, sigma_max=15.0) for part in parts}
    groups = {f"test/Group{g}": {"VA": 1220, "IVA": 305} for g in range(1, 6)}
    expected = {"train": {"VA": 2380, "IVA": 595}, "val": {"VA": 400, "IVA": 100}}
    assert counts(plans) == expected | groups
    times = [
        sum(plan[name].kind == "IVA" for plan in plans["test"].values())
        for name in plans["test"]["Group1"]
    ]
    assert set(times) == {1}


def test_same_bytes_with_two_workers_and_after_an_interruption(
    root: Path, prepared: Path, tmp_path: Path
) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        prepare_cityscapes(root, out, size=SIZE, progress=interrupt)
    with pytest.raises(DataError, match="interrupted"):
        read_manifest(out)
    finished = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    prepare_cityscapes(root, out, size=SIZE, workers=2)
    assert contents(out) == contents(prepared)
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())


def test_another_preparation_is_removed_with_its_test_groups(
    root: Path, prepared: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(prepared, out)
    (out / "test/Group2/LRx4/stale.png").write_bytes(b"stale")
    with pytest.raises(DataError, match="fit = "):
        prepare_cityscapes(root, out, size=SIZE, fit="crop")
    prepare_cityscapes(root, out, size=SIZE, fit="crop", overwrite=True)
    assert contents(out).keys() == contents(prepared).keys()


def test_check_finds_no_fault(prepared: Path, tmp_path: Path, capsys: Any) -> None:
    assert app.main(["prepare", "check", str(prepared), "-o", str(tmp_path / "c.png")]) == 0
    printed = capsys.readouterr().out
    assert "train_ids" in printed
    assert "no faults" in printed


def test_check_misses_what_the_manifest_lists(prepared: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    shutil.copytree(prepared, out)
    for path in out.rglob("frankfurt_000001_000019.*"):
        path.unlink()
    for path in (out / "test").rglob("berlin_000002_000019.*"):
        path.unlink()
    assert app.main(["prepare", "check", str(out), "-o", str(tmp_path / "c.png")]) == 1
    printed = capsys.readouterr().out
    assert "val/GT/frankfurt_000001_000019.png" in printed
    assert "test/GT/berlin_000002_000019.png" in printed


def test_crop_keeps_the_shape_of_things(root: Path) -> None:
    """The middle 85 of 128 columns; squeezed, a column of the picture is narrower."""
    left, _, _ = street(1)
    files = {"disparity": official(root)}
    cut = frame(root, fit="crop", files=files).read()
    middle = cv2.resize(
        np.ascontiguousarray(left[:, 21:106]), SIZE[::-1], interpolation=cv2.INTER_AREA
    )
    np.testing.assert_array_equal(cut.rgb, middle)
    whole = frame(root, files=files).read()
    np.testing.assert_array_equal(
        whole.rgb, cv2.resize(left, SIZE[::-1], interpolation=cv2.INTER_AREA)
    )
    assert whole.seg is None


def test_the_official_form() -> None:
    stored = np.array([[0, 1, 257, 65535]], np.uint16)
    found = decode_cityscapes(stored, Path("x.png"))
    np.testing.assert_allclose(found, [[np.nan, 0, 1, 65534 / 256]])
    with pytest.raises(DataError, match="uint8"):
        decode_cityscapes(stored.astype(np.uint8), Path("x.png"))


@pytest.mark.parametrize("suffix", [".npy", ".png", ".pfm"])
def test_maps_of_ones_own(few: Path, tmp_path: Path, suffix: str) -> None:
    """At twice the size and in every format, they give what the official maps give."""
    root, prepared = few / "root", few / "prepared"
    maps = tmp_path / "maps"
    maps.mkdir()
    for path in sorted((root / "disparity").rglob("*.png")):
        stored = read_array(path)
        place = maps / (path.name.removesuffix("_disparity.png") + suffix)
        if suffix == ".png":
            cv2.imwrite(str(place), stored)
            continue
        found = decode_cityscapes(stored, path)
        twice = 2 * cv2.resize(found, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        if suffix == ".npy":
            np.save(place, twice)
        else:
            cv2.imwrite(str(place), np.where(np.isnan(twice), np.inf, twice))
    prepare_cityscapes(root, tmp_path / "out", size=SIZE, disparity=str(maps))
    name = "val/depth/frankfurt_000000_000019.png"
    one, other = (read_depth(folder / name, CENTIMETRE) for folder in (prepared, tmp_path / "out"))
    near = np.isfinite(one) & np.isfinite(other)
    assert np.median(abs(one[near] - other[near])) <= 0.02
    next(iter(sorted(maps.iterdir()))).unlink()
    with pytest.raises(FileError, match=rf"{FIRST}.npy.*a map"):
        prepare_cityscapes(root, tmp_path / "again", size=SIZE, disparity=str(maps))


def test_pairs_are_matched(root: Path) -> None:
    left, _, disparity = street(1)
    right = root / f"rightImg8bit/train/aachen/{FIRST}_rightImg8bit.png"
    found = match(left, np.ascontiguousarray(read_array(right)[..., :3]))
    known = ~np.isnan(found)
    assert known.mean() > 0.5
    assert np.mean(abs(found - disparity)[known] < 1.5) > 0.85
    depth = frame(root, files={"right": right}).read().depth
    assert not np.isnan(depth).any()


def test_holes_take_the_value_of_what_looks_alike() -> None:
    """Two surfaces that meet inside the hole, whose values are known at its outer sides only."""
    picture = np.full((48, 64, 3), 40, np.uint8)
    picture[:, 30:] = 200
    truth = np.where(picture[..., 0] > 100, 9.0, 3.0).astype(np.float32)
    known = np.ones((48, 64), bool)
    known[8:40, 16:46] = False
    filled = fill_holes(np.where(known, truth, -5), known, picture)
    np.testing.assert_array_equal(filled[known], truth[known])
    assert abs(filled - truth)[~known].max() < 0.5
    flat = np.full_like(picture, 90)
    smooth = fill_holes(np.where(known, truth, -5), known, flat)
    assert abs(smooth - truth)[~known].max() > 1.5  # without the edge nothing says where it lies


def test_no_known_disparity_at_all(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "none_disparity.png"
    cv2.imwrite(str(path), np.zeros((64, 128), np.uint16))
    with pytest.raises(DataError, match=r"none_disparity.png: no pixel of known disparity"):
        frame(root, files={"disparity": path}).read()


def test_read_disparity_refuses_what_is_no_map(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 5, 3), np.float32))
    with pytest.raises(DataError, match=r"\(4, 5, 3\).*disparity in pixels"):
        read_disparity(tmp_path / "x.npy")
    (tmp_path / "x.pfm").write_bytes(b"Pf\n")
    with pytest.raises(FileError, match=r"x\.pfm: cannot be read"):
        read_disparity(tmp_path / "x.pfm")


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("leftImg8bit/val", r"leftImg8bit.val.*the pictures of a split"),
        (f"gtFine/train/aachen/{FIRST}_gtFine_labelIds.png", "the partner of"),
        ("disparity/test", r"_disparity\.png.*the partner of"),
    ],
)
def test_missing_packages_are_named_before_anything_is_written(
    root: Path, tmp_path: Path, gone: str, words: str
) -> None:
    copy = tmp_path / "root"
    shutil.copytree(root, copy)
    path = copy / gone
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(FileError, match=words) as caught:
        prepare_cityscapes(copy, tmp_path / "out", size=SIZE)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"fit": "stretch"}, "fit: 'stretch'"), ({"size": (2, 64)}, "size: 2")],
)
def test_meaningless_options(
    root: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        prepare_cityscapes(root, tmp_path / "out", **options)


def test_command(root: Path, tmp_path: Path, capsys: Any) -> None:
    words = ["prepare", "cityscapes", "--root", str(root), "--out", str(tmp_path / "out")]
    assert app.main([*words, "--size", "64x48", "--workers", "0", "--operator", "gather"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "train 6 VA + 1 IVA, val 2 VA + 1 IVA, 5 test groups of 4 VA + 1 IVA" in printed
    assert app.main([*words, "--size", "64"]) == 2
    assert "no size such as 640x480" in capsys.readouterr().err


def test_data_module(prepared: Path) -> None:
    data = CityscapesBSR(str(prepared), batch_size=2)
    data.setup("fit")
    assert (len(data.train_set), len(data.val_set)) == (FRAMES["train"], FRAMES["val"])
    sample = data.val_set[0]
    assert {"lr", "hr", "blur", "seg"} <= set(sample)
    assert set(sample["seg"].unique().tolist()) <= {0, 2, 10, 13, 255}
    data.setup("test")
    assert len(data.test_sets) == 5
    assert "seg" not in data.test_sets[0][0]
    assert data.facts.sigma_max == 15
    assert data.facts.window_taps == 61
    anew = CityscapesBSR(str(prepared), on_the_fly=True)
    anew.setup("fit")
    assert float(anew.train_set[0]["blur"].max()) <= 15
    held = CityscapesBSR(str(prepared), validation="holdout", holdout=0.3)
    held.setup("fit")
    assert len(held.train_set) + len(held.val_set) == FRAMES["train"]
    with pytest.raises(ConfigError, match="19 for Cityscapes"):
        CityscapesBSR(str(prepared), num_classes=40)
    with pytest.raises(ConfigError, match="validation"):
        CityscapesBSR(str(prepared), validation="test")  # type: ignore[arg-type]
