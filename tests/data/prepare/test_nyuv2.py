import errno
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from tests.helpers.folder_contents import contents

from blindsr.data.files.depth_maps import encode_depth
from blindsr.data.files.manifest import MANIFEST, PARTIAL, read_manifest
from blindsr.data.files.sigma_maps import decode_blur, encode_blur, read_blur
from blindsr.data.prepare.folder import counts, planned
from blindsr.data.prepare.nyuv2 import nyuv2_parts, prepare_nyuv2
from blindsr.data.prepare.nyuv2_file import NYUv2File, NYUv2Split
from blindsr.degradation.paired import degrade
from blindsr.errors import ConfigError, DataError, FileError
from blindsr.imaging.files import read_array, read_rgb


def test_layout_of_the_released_data_set(prepared):
    train, test = ["0001", "0003", "0004", "0006", "0007"], ["0002", "0005"]
    expected = {"manifest.json"}
    expected |= {f"train/{f}/{n}.png" for f in ("GT", "LRx4", "blur", "semseg") for n in train}
    expected |= {f"train/blur16/{n}.npy" for n in train}
    expected |= {f"val/{f}/{n}.png" for f in ("GT", "semseg", "depth") for n in test}
    expected |= {f"train/depth/{n}.png" for n in train}
    for group in range(1, 6):
        expected |= {f"val/Group{group}/{f}/{n}.png" for f in ("LRx4", "blur") for n in test}
        expected |= {f"val/Group{group}/blur16/{n}.npy" for n in test}
    assert contents(prepared).keys() == expected


def test_pictures_are_those_of_the_source(prepared, sources):
    with NYUv2File(sources[0]) as source:
        frame = source.read(6)
    np.testing.assert_array_equal(read_array(prepared / "train/GT/0006.png"), frame.rgb)
    seg = read_array(prepared / "train/semseg/0006.png")
    assert seg.dtype == np.uint8
    assert seg.shape == (48, 64)
    np.testing.assert_array_equal(seg, (frame.labels > 0) * ((frame.labels - 1) % 40 + 1))


def test_depth_in_millimetres(prepared, sources, tmp_path):
    with NYUv2File(sources[0]) as source:
        frame = source.read(3)
    stored = read_array(prepared / "train/depth/0003.png")
    assert stored.dtype == np.uint16
    np.testing.assert_allclose(stored, 1000 * frame.depth, atol=0.501)
    np.testing.assert_array_equal(
        encode_depth(np.array([[0.0001, 1.2345678, 100]], np.float32)), [[1, 1235, 65535]]
    )
    prepare_nyuv2(*sources, tmp_path / "without", keep_depth=False, operator="gather")
    assert not list(tmp_path.rglob("depth"))


def test_blur_png_by_the_rule_of_the_released_loader(prepared):
    stored = cv2.imread(str(prepared / "train/blur/0003.png"), cv2.IMREAD_UNCHANGED)
    assert stored.shape == (48, 64, 3)
    assert (stored == stored[..., :1]).all()
    sigma = stored[:, :, 1] / 10.0
    exact = np.load(prepared / "train/blur16/0003.npy")
    assert exact.dtype == np.float16
    assert abs(sigma - exact).max() <= 0.053  # half a tenth, and half a float16 step
    assert 0 <= exact.min() < exact.max() <= 5.0


def test_lr_is_the_degraded_picture(prepared, sources):
    manifest = read_manifest(prepared)
    with NYUv2File(sources[0]) as source:
        frame = source.read(1)
    sigma = np.load(prepared / "train/blur16/0001.npy").astype(np.float32)
    assert manifest["train"]["0001"]["kind"] in ("VA", "IVA")
    lr = degrade(
        frame.rgb.astype(np.float32) / 255, sigma, scale=4, sigma_max=5.0,
        operator="layered", depth=frame.depth,
    )  # fmt: skip
    stored = read_rgb(prepared / "train/LRx4/0001.png")
    assert stored.shape == (12, 16, 3)
    np.testing.assert_allclose(stored, lr, atol=1.01 / 255)  # float16 sigma: a grey level at most


def test_manifest(prepared):
    manifest = json.loads((prepared / MANIFEST).read_text())
    settings = manifest["settings"]
    assert settings["scale"] == 4
    assert settings["phase"] == 0.0
    assert settings["operator"] == "layered"
    assert settings["window"] == 21
    assert settings["train_frames"] == [1, 3, 4, 6, 7]
    assert manifest["counts"]["train"] == {"VA": 4, "IVA": 1}
    assert manifest["counts"]["val/Group5"] == {"VA": 1, "IVA": 1}
    for split in (manifest["train"], *manifest["val"].values()):
        for draw in split.values():
            assert ("focus_rank" in draw) == (draw["kind"] == "VA")
            assert ("sigma" in draw) == (draw["kind"] == "IVA")
    assert not (prepared / PARTIAL).exists()


def test_invariant_pictures_are_flat_and_varying_ones_reach_both_ends(prepared):
    for name, draw in read_manifest(prepared)["train"].items():
        sigma = read_blur(prepared / f"train/blur/{name}.png")
        if draw["kind"] == "IVA":
            assert (sigma == np.float32(draw["sigma"])).all()
        else:
            assert sigma.min() == 0
            assert sigma.max() == 5


def test_same_bytes_with_two_workers(prepared, sources, tmp_path):
    steps = []
    prepare_nyuv2(*sources, tmp_path / "two", workers=2, progress=lambda *at: steps.append(at))
    assert contents(tmp_path / "two") == contents(prepared)
    assert steps == [(done, 7) for done in range(8)]


def test_goes_on_after_an_interruption(prepared, sources, tmp_path):
    out = tmp_path / "out"

    def interrupt(done, _total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_nyuv2(*sources, out, progress=interrupt)
    with pytest.raises(DataError, match="interrupted"):
        read_manifest(out)
    finished = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert finished
    prepare_nyuv2(*sources, out)
    assert contents(out) == contents(prepared)
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())


KILLED = """
import sys
from blindsr.data.prepare.nyuv2 import prepare_nyuv2
if __name__ == "__main__":
    *sources, out, workers = sys.argv[1:]
    prepare_nyuv2(*sources, out, workers=int(workers))
"""


def kill_midway(script, sources, out, *, workers, files):
    """Start a preparation, SIGKILL it when ``files`` GT pictures are there."""
    words = [sys.executable, script, *sources, out, str(workers)]
    with subprocess.Popen([str(word) for word in words]) as process:
        deadline = time.monotonic() + 120
        while len(list(out.glob("train/GT/0*.png"))) < files:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()


def test_goes_on_after_being_killed(make_nyuv2, tmp_path):
    sources = make_nyuv2.make(tmp_path / "source", train=tuple(range(6, 22)), size=(64, 80))
    whole, out = tmp_path / "whole", tmp_path / "out"
    prepare_nyuv2(*sources, whole)
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    kill_midway(script, sources, out, workers=2, files=4)
    assert not (out / MANIFEST).exists()
    (out / "train/GT/.0003.0123456789ab.png").write_bytes(b"half")
    prepare_nyuv2(*sources, out)
    assert contents(out) == contents(whole)


def test_killed_while_the_first_file_was_written(sources, prepared, tmp_path):
    (tmp_path / ".manifest.partial.0123456789ab.json").write_bytes(b"{")
    prepare_nyuv2(*sources, tmp_path)
    assert contents(tmp_path) == contents(prepared)


def test_killed_while_an_earlier_data_set_was_removed(bsr, sources, monkeypatch, prepared):
    def stop(path, missing_ok=False):
        if path.parent.name == "semseg":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    unlink = type(bsr).unlink
    with monkeypatch.context() as patch:
        patch.setattr(type(bsr), "unlink", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare_nyuv2(*sources, bsr, sigma_max=3.0, overwrite=True)
    with pytest.raises(DataError, match="interrupted"):
        read_manifest(bsr)
    assert (bsr / "train/semseg/0001.png").exists()
    (bsr / "train/semseg/0001.png").write_bytes(b"old")
    prepare_nyuv2(*sources, bsr)
    assert contents(bsr) == contents(prepared)


def test_full_disk(sources, prepared, tmp_path, monkeypatch):
    out, written = tmp_path / "out", []
    write_bytes = type(out).write_bytes

    def write(path, data):
        written.append(path)
        if len(written) > 11:
            write_bytes(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(type(out), "write_bytes", write)
        with pytest.raises(FileError) as caught:
            prepare_nyuv2(*sources, out)
    message = str(caught.value)
    assert message.startswith(f"{out}: the disk is full (")
    assert re.search(r"\([\d.]+ [kMG]B free\)", message)
    assert "\n" not in message
    assert not (out / MANIFEST).exists()
    half = contents(out)
    half.pop(PARTIAL)
    assert len(half) > 10
    assert half == {name: contents(prepared)[name] for name in half}  # whole files alone
    prepare_nyuv2(*sources, out)
    assert contents(out) == contents(prepared)


def test_folder_that_cannot_be_written(sources, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "write_text", refuse)
    with pytest.raises(FileError, match=r"out: cannot be written \(Permission denied\)"):
        prepare_nyuv2(*sources, tmp_path / "out")


def test_counts_of_the_full_set():
    split = NYUv2Split(tuple(range(1, 796)), tuple(range(796, 1450)))
    parts = nyuv2_parts(split, Path("no.mat"), np.zeros(1, np.uint8))
    plans = {p.folder: planned(p, seed=0, sigma_max=5.0) for p in parts}
    groups = {f"val/Group{group}": {"VA": 524, "IVA": 130} for group in range(1, 6)}
    assert counts(plans) == {"train": {"VA": 636, "IVA": 159}, **groups}
    times = [
        sum(plan[f"{number:04d}"].kind == "IVA" for plan in plans["val"].values())
        for number in range(796, 1450)
    ]
    assert (times.count(1), times.count(0)) == (650, 4)


def test_other_settings_are_refused_unless_overwritten(bsr, sources, prepared):
    with pytest.raises(DataError, match=r"made with sigma_max = 5\.0, expected 3\.0.*--overwrite"):
        prepare_nyuv2(*sources, bsr, sigma_max=3.0)
    assert contents(bsr) == contents(prepared)
    (bsr / "train" / "LRx4" / "9999.png").write_bytes(b"stale")
    prepare_nyuv2(*sources, bsr, sigma_max=3.0, downsampler="bicubic", overwrite=True)
    assert contents(bsr).keys() == contents(prepared).keys()
    assert read_manifest(bsr)["settings"]["phase"] == 1.5
    assert read_blur(bsr / "train/blur/0001.png").max() <= 3.0


def test_a_folder_of_other_things_is_refused(sources, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    (tmp_path / "train/GT").mkdir(parents=True)
    (tmp_path / "train/GT/0001.png").write_bytes(b"not ours: there is no manifest")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="folder that holds files"):
            prepare_nyuv2(*sources, tmp_path, overwrite=overwrite)
    assert contents(tmp_path).keys() == {"holiday.jpg", "train/GT/0001.png"}


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_frame_stops_with_its_name(sources, tmp_path, workers):
    mat = shutil.copy(sources[0], tmp_path / "bad.mat")
    with h5py.File(mat, "a") as file:
        file["depths"][3] = np.nan
    with pytest.raises(DataError, match=r"bad\.mat frame 4: depth nan"):
        prepare_nyuv2(mat, *sources[1:], tmp_path / "out", workers=workers)
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert not list((tmp_path / "out").rglob("*0004*"))


def test_size_that_scale_does_not_divide(sources, tmp_path):
    with pytest.raises(DataError, match=r"size \(48, 64\), expected n \* 5"):
        prepare_nyuv2(*sources, tmp_path / "out", scale=5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"downsampler": "lanczos"}, "downsampler: 'lanczos', expected one of sfold"),
        ({"operator": "magic"}, "operator: 'magic', expected one of gather"),
        ({"sigma_max": 0.0}, "sigma_max: 0.0"),
        ({"workers": -1}, "workers: -1"),
        ({"seed": -1}, "seed: -1"),
        ({"scale": 1}, "scale: 1"),
    ],
)
def test_meaningless_options(sources, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        prepare_nyuv2(*sources, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_missing_source_touches_nothing(sources, tmp_path):
    with pytest.raises(FileError, match="no such file"):
        prepare_nyuv2(sources[0], tmp_path / "none.mat", sources[2], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sigma_codec_rounds_halves_up():
    sigma = np.arange(0, 5.0001, 0.025, dtype=np.float32)[None]
    stored = encode_blur(sigma)
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored[0, :7, 1], [0, 0, 1, 1, 1, 1, 2])
    error = decode_blur(stored) - sigma
    np.testing.assert_allclose(np.unique(error.round(4)), [-0.025, 0, 0.025, 0.05], atol=1e-4)
    np.testing.assert_array_equal(decode_blur(stored[..., 0]), decode_blur(stored))


def test_damaged_sigma_sidecar(bsr):
    path = bsr / "train/blur16/0001.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileError, match=r"0001\.npy: cannot be read"):
        read_blur(bsr / "train/blur/0001.png", path)


def test_real_frames(shared, tmp_path):
    """On pixels in focus, away from blurred ones, the s-fold LR is GT[::4] to the bit."""
    folder = shared / "data" / "nyuv2"
    names = ("nyu_depth_v2_labeled.mat", "splits_mini.mat", "classMapping40.mat")
    prepare_nyuv2(*(folder / name for name in names), tmp_path / "out", operator="gather")
    checked = 0
    for path in sorted((tmp_path / "out/train/GT").iterdir()):
        hr, lr = read_array(path), read_array(tmp_path / "out/train/LRx4" / path.name)
        sharp = (np.load(tmp_path / f"out/train/blur16/{path.stem}.npy") == 0)[::4, ::4]
        np.testing.assert_array_equal(lr[sharp], hr[::4, ::4][sharp])
        assert lr.shape == (120, 160, 3)
        checked += int(sharp.sum())
    assert checked > 500
    seg = read_array(tmp_path / "out/train/semseg/0001.png")
    assert seg.max() <= 40
    assert len(np.unique(seg)) > 3
