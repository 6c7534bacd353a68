"""A good folder passes; each planted fault is found, named and told apart."""

import json
import shutil

import numpy as np
import pytest

from blindsr.cli import app
from blindsr.data.check.folder import check_folder
from blindsr.data.check.picture import sharp_fits
from blindsr.data.files.sigma_maps import write_blur
from blindsr.data.scenes.render import render_scene
from blindsr.degradation.paired import degrade
from blindsr.errors import DataError, FileError
from blindsr.imaging.files import read_array, to_uint8, write_png

SIZE = (128, 160)


def write_picture(base, own, name, scene, *, downsampler="sfold", sigma_max=5.0):
    """One frame without a manifest's help: sharp on the left, blurred on the right."""
    frame = render_scene(0, scene, SIZE)
    sigma = np.zeros(SIZE, np.float32)
    sigma[:, 100:] = np.linspace(0.1, sigma_max, 60, dtype=np.float32).round(1)
    lr = degrade(
        frame.rgb.astype(np.float32) / 255, sigma, scale=4, sigma_max=sigma_max,
        downsampler=downsampler,
    )  # fmt: skip
    write_png(base / "GT" / f"{name}.png", frame.rgb)
    write_png(base / "semseg" / f"{name}.png", frame.seg + np.uint8(1))
    write_png(own / "LRx4" / f"{name}.png", to_uint8(lr))
    write_blur(own, name, sigma)


def make(root, **options):
    for number in range(4):
        write_picture(root / "train", root / "train", f"{number:04d}", number, **options)
    for group in (1, 2):
        for number in range(2):
            own = root / f"val/Group{group}"
            write_picture(root / "val", own, f"{number:04d}", 10 + number, **options)
    return root


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return make(tmp_path_factory.mktemp("check") / "bsr")


@pytest.fixture
def folder(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "bsr")


def faults(root, **options):
    return [str(fault) for fault in check_folder(root, **options).faults]


def test_clean_folders(clean, prepared):
    report = check_folder(clean, workers=2)
    assert report.faults == []
    assert (report.scale, report.sigma_max, report.sigma_max_source) == (4, 5.0, "inferred")
    assert [(part, len(pictures)) for part, pictures in report.parts] == [
        ("train", 4), ("val/Group1", 2), ("val/Group2", 2),
    ]  # fmt: skip
    assert report.best_downsampler == "sfold"
    assert report.fits["sfold"].share == 1.0
    assert report.fits["sfold"].pixels > 1000
    assert report.fits["bicubic"].share < 0.9
    steps = []
    report = check_folder(prepared, progress=lambda *at: steps.append(at))
    assert report.faults == []
    assert report.sigma_max_source == "manifest"
    assert steps == [(done, 7) for done in range(8)]


@pytest.mark.parametrize("downsampler", ["bicubic", "area"])
def test_downsampler_is_recognised(tmp_path, downsampler):
    report = check_folder(make(tmp_path, downsampler=downsampler))
    assert report.best_downsampler == downsampler
    assert report.faults == []


def test_layered_blur_reaches_into_sharp_regions_which_are_left_out():
    frame = render_scene(3, 1, SIZE)
    sigma = np.where(frame.depth < np.median(frame.depth), 4.0, 0.0).astype(np.float32)
    hr = frame.rgb.astype(np.float32) / 255
    lr = degrade(hr, sigma, scale=4, sigma_max=5.0, operator="layered", depth=frame.depth)
    stored = to_uint8(lr)
    fit = sharp_fits(frame.rgb, stored, sigma, scale=4, sigma_max=5.0)["sfold"]
    assert fit.pixels > 20
    assert fit.share == 1.0
    bare = (stored == frame.rgb[::4, ::4]).all(axis=-1)[(sigma == 0)[::4, ::4]]
    assert not bare.all()  # why they are left out


def sigma_png(folder, **changes):
    path = folder / "train/blur/0001.png"
    stored = read_array(path)
    for key, value in changes.items():
        stored[..., {"all": slice(None), "red": 0}[key]] = value
    write_png(path, stored)


PLANTED = {
    "missing": (
        lambda f: (f / "train/LRx4/0002.png").unlink(),
        "train/LRx4/0002.png: no such file, expected the partner of train/GT/0002.png",
    ),
    "missing sidecar": (
        lambda f: (f / "val/Group2/blur16/0001.npy").unlink(),
        "val/Group2/blur16/0001.npy: no such file",
    ),
    "extra": (
        lambda f: shutil.copy(f / "train/blur/0001.png", f / "train/blur/0009.png"),
        "train/blur/0009.png: no partner in GT",
    ),
    "empty folder": (
        lambda f: [path.unlink() for path in (f / "val/Group1/LRx4").iterdir()],
        "val/Group1/LRx4: no images",
    ),
    "other names and count": (
        lambda f: (
            (f / "train/semseg/0000.png").unlink(),
            [p.rename(p.with_name(f"x{p.name}")) for p in (f / "train/semseg").iterdir()],
        ),
        "train/semseg: 3 files of other names, expected 4, as in GT",
    ),
    "damaged": (
        lambda f: (f / "train/GT/0003.png").write_bytes(b"\x89PNG"),
        "train/GT/0003.png: not an image",
    ),
    "truncated": (
        lambda f: (f / "val/GT/0001.png").write_bytes((f / "val/GT/0001.png").read_bytes()[:900]),
        "val/GT/0001.png: damaged image",
    ),
    "LR size": (
        lambda f: write_png(f / "train/LRx4/0000.png", np.zeros((32, 32, 3), np.uint8)),
        "train/LRx4/0000.png: 32 x 32, expected 40 x 32 (GT 160 x 128 / 4)",
    ),
    "GT no multiple": (
        lambda f: write_png(f / "train/GT/0000.png", np.zeros((126, 160, 3), np.uint8)),
        "train/GT/0000.png: 160 x 126, expected sides that are multiples of 4",
    ),
    "grey": (
        lambda f: write_png(f / "train/LRx4/0000.png", np.zeros((32, 40), np.uint8)),
        "train/LRx4/0000.png: 1 channel of uint8, expected 8 bit colour",
    ),
    "label size": (
        lambda f: write_png(f / "val/semseg/0000.png", np.zeros((32, 40), np.uint8)),
        "val/semseg/0000.png: 40 x 32, expected 160 x 128, as GT",
    ),
    "label": (
        lambda f: write_png(f / "val/semseg/0000.png", np.full(SIZE, 41, np.uint8)),
        "val/semseg/0000.png: class 41, expected 0..40",
    ),
    "sigma range": (
        lambda f: sigma_png(f, all=51),
        "train/blur/0001.png: value 51, expected 0..50 (10 sigma_max)",
    ),
    "sigma channels": (
        lambda f: sigma_png(f, red=7),
        "train/blur/0001.png: channels that differ, expected three equal",
    ),
    "sigma grey": (
        lambda f: write_png(f / "train/blur/0001.png", np.zeros(SIZE, np.uint16)),
        "train/blur/0001.png: 1 channel of uint16, expected three channels",
    ),
    "sidecar disagrees": (
        lambda f: np.save(f / "train/blur16/0001.npy", np.full(SIZE, 1, np.float16)),
        "train/blur16/0001.npy: sigma off by 4.00, expected that of the PNG",
    ),
    "sidecar damaged": (
        lambda f: (f / "train/blur16/0001.npy").write_bytes(b"x"),
        "train/blur16/0001.npy: cannot be read",
    ),
    "swapped pictures": (
        lambda f: shutil.copy(f / "train/LRx4/0003.png", f / "train/LRx4/0001.png"),
        "train/LRx4/0001.png: another picture than in GT",
    ),
    "one picture sampled otherwise": (
        lambda f: write_picture(f / "train", f / "train", "0002", 2, downsampler="area"),
        "train/LRx4/0002.png: ",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_fault_is_found_and_named(folder, fault):
    plant, expected = PLANTED[fault]
    plant(folder)
    found = faults(folder)
    assert any(line.startswith(expected) for line in found), found
    planted_in = expected.split(":")[0]
    stem = planted_in.rsplit("/", 1)[-1].split(".")[0]
    assert all(stem in line for line in found), found  # nothing else is blamed


def test_train_ids_in_three_channels(folder):
    for path in folder.rglob("semseg/*.png"):
        labels = np.minimum(read_array(path), 18)
        labels[:5] = 255
        write_png(path, np.repeat(labels[..., None], 3, axis=2))
    report = check_folder(folder)
    assert report.faults == []
    assert report.seg_format == "train_ids"
    write_png(folder / "val/semseg/0001.png", np.full((*SIZE, 3), 33, np.uint8))
    assert faults(folder) == ["val/semseg/0001.png: class 33, expected 0..18 or 255 (train ids)"]


def test_authors_names_pair_in_order(folder):
    shutil.rmtree(folder / "train/blur16")
    for path in (folder / "train/blur").iterdir():
        path.rename(path.with_name(f"NYU_{path.stem}_f_50_fp_12_A_1.2.png"))
    assert faults(folder) == []
    sigma = read_array(folder / "train/blur/NYU_0001_f_50_fp_12_A_1.2.png")
    write_png(folder / "train/blur/NYU_0001_f_50_fp_12_A_1.2.png", sigma * 2)
    assert faults(folder, sigma_max=5.0) == [
        "train/blur/NYU_0001_f_50_fp_12_A_1.2.png: value 100, expected 0..50 (10 sigma_max)"
    ]


def test_manifest_is_held_against_the_folder(bsr):
    path = bsr / "manifest.json"
    manifest = json.loads(path.read_text())
    for lost in bsr.rglob("0003.*"):
        lost.unlink()
    name, draw = next(item for item in manifest["train"].items() if item[1]["kind"] == "IVA")
    if name != "0003":
        sigma = np.full((48, 64), (draw["sigma"] + 1.5) % 5, np.float32)
        write_blur(bsr / "train", name, sigma)
    found = faults(bsr)
    assert "train/GT/0003.png: no such file, expected a picture that manifest.json lists" in found
    assert any(f"train/blur/{name}.png: sigma" in line for line in found) or name == "0003"
    path.rename(bsr / "manifest.partial.json")
    assert faults(bsr)[0].startswith("manifest.partial.json: an interrupted preparation")
    (bsr / "manifest.partial.json").rename(path)
    path.write_text("{")
    assert faults(bsr)[0].startswith("manifest.json: cannot be read")


def test_downsampler_that_the_manifest_denies(folder):
    settings = {"scale": 4, "sigma_max": 5.0, "downsampler": "bicubic", "phase": 1.5}
    (folder / "manifest.json").write_text(json.dumps({"settings": settings}))
    assert faults(folder) == [
        "manifest.json: downsampler bicubic, expected sfold, which fits the pictures"
    ]


def test_depth_files(bsr):
    depth = read_array(bsr / "train/depth/0001.png")
    depth[0, 0] = 0
    write_png(bsr / "train/depth/0001.png", depth)
    assert faults(bsr) == ["train/depth/0001.png: 1 pixels of depth 0, expected 1..65535 mm"]


def test_no_such_folder(tmp_path):
    with pytest.raises(FileError, match="none: no such"):
        check_folder(tmp_path / "none")
    with pytest.raises(DataError, match="no train/GT"):
        check_folder(tmp_path)


def test_command_line(folder, tmp_path, capsys):
    assert app.main(["prepare", "check", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "no faults" in out
    assert "sfold 100.00 %" in out
    assert read_array(folder / "check.png").shape[2] == 3
    for number in range(4):
        for part in ("LRx4", "blur", "blur16", "semseg"):
            for path in (folder / "train" / part).glob(f"000{number}.*"):
                path.write_bytes(b"no image")
    for part in ("LRx4", "blur", "blur16"):
        for path in (folder / "val/Group1" / part).iterdir():
            path.write_bytes(b"no image")
    sheet = tmp_path / "sheet.png"
    assert app.main(["prepare", "check", str(folder), "-o", str(sheet), "--workers", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    named = [line for line in lines if ": not an image" in line or "cannot be read" in line]
    assert len(named) == 20
    assert "... and 2 more" in lines
    assert lines[-1] == "22 faults"
    red = read_array(sheet).astype(int)
    assert ((red[..., 0] > 150) & (red[..., 1] < 60) & (red[..., 2] < 60)).sum() > 100
    assert app.main(["prepare", "check", str(tmp_path / "none")]) == 2


def test_read_only_folder_needs_a_place_for_the_sheet(folder, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda *_: False)
    assert app.main(["prepare", "check", str(folder)]) == 0
    assert "no contact sheet" in capsys.readouterr().out
    assert not (folder / "check.png").exists()
