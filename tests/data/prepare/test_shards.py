"""Shards of one preparation: any order, at once, killed, missing; the bytes of one run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.conftest import REPOSITORY
from tests.helpers import make_cityscapes
from tests.helpers.folder_contents import contents
from tests.helpers.make_nyuv2 import frame

from blindsr.cli import app
from blindsr.data import prepare_cityscapes, prepare_folder, prepare_nyuv2
from blindsr.data.files.manifest import MANIFEST, PARTIAL, read_manifest, write_json
from blindsr.data.prepare import claim
from blindsr.data.prepare.shard import Shard
from blindsr.errors import ConfigError, DataError

JOB = REPOSITORY / "experiments/launch/prepare.sbatch"
PICTURES = 7
Prepare = Callable[..., Any]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with depth in millimetres."""
    root = tmp_path_factory.mktemp("own")
    for folder in ("images", "depth"):
        (root / folder).mkdir()
    for number in range(PICTURES):
        rgb, depth, _ = frame(1 + number, (48, 64))
        cv2.imwrite(str(root / f"images/{number}.png"), rgb)
        cv2.imwrite(str(root / f"depth/{number}.png"), np.rint(1000 * depth).astype(np.uint16))
    return root


@pytest.fixture
def prepare(own: Path) -> Prepare:
    def run(out: Path, **options: Any) -> Any:
        places = (own / "images", own / "depth", out)
        return prepare_folder(*places, **{"unit": 0.001, "operator": "gather", **options})

    return run


@pytest.fixture(scope="module")
def whole(own: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "out"
    prepare_folder(own / "images", own / "depth", out, unit=0.001, operator="gather")
    return contents(out)


def words(own: Path, out: Path, *more: str) -> list[str]:
    places = ["--images", str(own / "images"), "--depth", str(own / "depth"), "--out", str(out)]
    return ["folder", *places, "--unit", "0.001", "--operator", "gather", *more]


def test_every_kind_in_any_order(sources: Any, own: Path, tmp_path: Path) -> None:
    root = make_cityscapes.make(tmp_path / "root")
    kinds: dict[str, Prepare] = {
        "nyuv2": lambda out, **o: prepare_nyuv2(*sources, out, **o),
        "cityscapes": lambda out, **o: prepare_cityscapes(root, out, size=(48, 64), **o),
        "folder": lambda out, **o: prepare_folder(own / "images", own / "depth", out, **o),
    }
    for kind, prepare in kinds.items():
        prepare(tmp_path / kind / "one", operator="gather")
        for number in (2, 3, 1):
            assert not (tmp_path / kind / "joined" / MANIFEST).exists()
            prepare(tmp_path / kind / "joined", operator="gather", shard=f"{number}/3")
        assert contents(tmp_path / kind / "joined") == contents(tmp_path / kind / "one")


def test_at_the_same_time_and_more_shards_than_pictures(
    prepare: Prepare, whole: dict[str, bytes], tmp_path: Path
) -> None:
    shards = [f"{number}/9" for number in range(1, 10)]
    with ThreadPoolExecutor(len(shards)) as pool:
        list(pool.map(lambda shard: prepare(tmp_path / "out", shard=shard), shards))
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("first", ["looked", "came in"])
def test_another_shard_comes_in_between_two_looks(
    prepare: Prepare,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
) -> None:
    looks, out = claim._holds_files, tmp_path / "out"

    def look(folder: Path) -> bool:
        monkeypatch.setattr(claim, "_holds_files", looks)
        before = looks(folder)
        prepare(out, shard="1/2")
        return before if first == "looked" else looks(folder)

    monkeypatch.setattr(claim, "_holds_files", look)
    prepare(out, shard="2/2")
    assert contents(out) == whole


def test_the_last_shard_completes_while_another_reads(
    prepare: Prepare, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partial manifest is gone when it is to be read."""
    out, read = tmp_path / "out", claim.read_json
    prepare(out, shard="1/2")

    def late(path: Path) -> dict[str, Any]:
        monkeypatch.setattr(claim, "read_json", read)
        prepare(out, shard="2/2")
        return read(path)

    monkeypatch.setattr(claim, "read_json", late)
    prepare(out, shard="1/2")
    assert contents(out) == whole


def test_other_numbers_of_shards_and_one_run_join(
    prepare: Prepare, whole: dict[str, bytes], tmp_path: Path
) -> None:
    prepare(tmp_path / "a", shard="1/2")
    prepare(tmp_path / "a", shard="2/4")
    prepare(tmp_path / "a", shard="4/4")
    prepare(tmp_path / "b", shard="3/5")
    prepare(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == whole


def test_a_shard_again_leaves_a_complete_set_complete(
    prepare: Prepare, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out, seen = tmp_path / "out", []
    prepare(out)

    def look(_done: int, _total: int) -> None:
        seen.append((out / MANIFEST).exists())

    prepare(out, shard="1/2", progress=look)
    assert all(seen)
    lost = next((out / "train/LRx4").iterdir())
    lost.unlink()
    for number in (1, 2):
        prepare(out, shard=f"{number}/2", progress=look)
    assert not all(seen)  # one of them had something to make
    assert contents(out) == whole


def test_settings_must_agree(prepare: Prepare, tmp_path: Path) -> None:
    prepare(tmp_path, shard="1/2", sigma_max=4.0)
    before = contents(tmp_path)
    with pytest.raises(DataError, match=r"made with sigma_max = 4\.0, expected 5\.0"):
        prepare(tmp_path, shard="2/2")
    with pytest.raises(ConfigError, match=r"overwrite with shard 2/2.*Remove the folder first"):
        prepare(tmp_path, shard="2/2", overwrite=True)
    assert contents(tmp_path) == before
    write_json(tmp_path / PARTIAL, {"settings": {}, "emptying": True})
    with pytest.raises(DataError, match=r"being replaced.*without --shard"):
        prepare(tmp_path, shard="2/2")


def test_half_files_of_another_machine_vanish(
    prepare: Prepare, whole: dict[str, bytes], tmp_path: Path
) -> None:
    prepare(tmp_path, shard="1/2")
    half = tmp_path / "train/GT/.blindsr.elsewhere.12.34.0123456789ab.png"
    half.write_bytes(b"half")
    prepare(tmp_path, shard="1/2")
    assert half.exists()  # its machine may be writing
    prepare(tmp_path, shard="2/2")
    assert contents(tmp_path) == whole


@pytest.mark.parametrize(
    "text", ["5/4", "0/4", "a/b", "1", "1/0", "-1/4", "1/4/4", "", "1/" + 30 * "9", "١/٢"]
)
def test_what_is_no_shard(text: str, own: Path, tmp_path: Path, capsys: Any) -> None:
    assert app.main(["prepare", *words(own, tmp_path / "out", f"--shard={text}")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"blindsr: error: shard: {text!r}, expected I/N")
    assert printed.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_parts_of_a_whole() -> None:
    parts = [Shard.read(f"{number}/3").of(range(8)) for number in (1, 2, 3)]
    assert parts == [[0, 3, 6], [1, 4, 7], [2, 5]]


def test_check_names_what_is_missing_in_one_line(own: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    check = ["prepare", "check", str(out), "-o", str(tmp_path / "sheet.png")]
    for number in (1, 4):
        line = words(own, out, "--shard", f"{number}/4", "--workers", "0")
        assert app.main(["prepare", *line]) == 0
        assert f"shard {number}/4 of BSR pictures in {out} is done" in capsys.readouterr().out
    assert app.main(check) == 1
    (line,) = (row for row in capsys.readouterr().out.splitlines() if PARTIAL in row)
    assert "shards 2/4, 3/4 not done, 4 of 7 frames missing" in line
    assert line.count("train/") + line.count("test/") == 4
    with pytest.raises(DataError, match=f"interrupted.*blindsr prepare check {out}"):
        read_manifest(out)
    for number in (2, 3):
        line = words(own, out, "--shard", f"{number}/4", "--workers", "0")
        assert app.main(["prepare", *line]) == 0
    assert "BSR pictures in" in capsys.readouterr().out.splitlines()[-1]
    assert app.main(check) == 0


def test_check_of_a_shard_that_was_killed(prepare: Prepare, tmp_path: Path, capsys: Any) -> None:
    prepare(tmp_path / "out", shard="1/2")
    prepare(tmp_path / "out", shard="2/2")
    (tmp_path / "out" / MANIFEST).unlink()
    prepare(tmp_path / "plan", shard="1/2")
    shutil.copy(tmp_path / "plan" / PARTIAL, tmp_path / "out" / PARTIAL)
    check = ["prepare", "check", str(tmp_path / "out"), "-o", str(tmp_path / "sheet.png")]
    assert app.main(check) == 1
    assert "an interrupted preparation, every frame is there" in capsys.readouterr().out
    next((tmp_path / "out/train/LRx4").iterdir()).unlink()
    app.main(check)
    assert "1 of 7 frames missing" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "out/train")
    shutil.rmtree(tmp_path / "out/test")
    assert app.main(check) == 2
    assert "an interrupted preparation" in capsys.readouterr().err


def tasks(folder: Path, program: str) -> dict[str, str]:
    """Environment in which ``blindsr`` is ``program``."""
    script = folder / "bin/blindsr"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n{program}\n")
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"}


def test_slurm_array(own: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    environment = tasks(tmp_path, "printf '%s\\n' \"$@\"")
    line = ["bash", str(JOB), *words(own, tmp_path / "with space", "--workers", "0")]
    for number in (3, 1, 2):
        given = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": "3"}
        done = subprocess.run(line, env=environment | given, capture_output=True, check=True)
        assert app.main(done.stdout.decode().splitlines()) == 0
    assert contents(tmp_path / "with space") == whole
    again = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1", "SHARDS": "3"}
    done = subprocess.run(line, env=environment | again, capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[-1] == "3/3"
    done = subprocess.run(line, env=environment, capture_output=True, check=False)
    assert done.returncode
    assert b"sbatch --array=1-N" in done.stderr


@pytest.mark.slow
def test_slurm_array_at_once_with_one_killed(
    own: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    environment = tasks(
        tmp_path, f'exec "{sys.executable}" -c "from blindsr.cli.app import run; run()" "$@"'
    )
    out = tmp_path / "out"

    def start(number: int) -> subprocess.Popen[bytes]:
        given = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": "2"}
        line = ["bash", str(JOB), *words(own, out, "--workers", "0")]
        return subprocess.Popen(line, env=environment | given)

    first, second = start(1), start(2)
    deadline = time.monotonic() + 120
    while not list(out.rglob("train/GT/*.png")):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.001)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.wait() == 0
    assert start(1).wait() == 0
    assert contents(out) == whole
