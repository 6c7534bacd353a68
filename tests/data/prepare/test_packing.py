"""Shards of ``prepare shards``: any order, at once, killed; the bytes of one run."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.helpers.folder_contents import contents
from tests.helpers.one_line import one_line

from blindsr.cli import app
from blindsr.data import prepare_shards
from blindsr.data.bsr.shards import INDEX
from blindsr.data.files.manifest import MANIFEST
from blindsr.data.prepare import shard, shards
from blindsr.errors import DataError

pytest.importorskip("webdataset")


@pytest.fixture(autouse=True)
def _one_picture_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindsr.data.prepare.shards._MEGABYTE", 1)


@pytest.fixture
def whole(prepared: Path, tmp_path: Path) -> dict[str, bytes]:
    prepare_shards(prepared, tmp_path / "whole")
    files = contents(tmp_path / "whole")
    assert sorted(files) == [MANIFEST, INDEX, *(f"train-{n:06d}.tar" for n in range(5))]
    return files


def test_any_order(prepared: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    for number in (2, 3, 1):
        assert not (tmp_path / "out" / INDEX).exists()
        index = prepare_shards(prepared, tmp_path / "out", shard=f"{number}/3")
        assert (index is not None) == (number == 1)
    assert contents(tmp_path / "out") == whole
    for number in (1, 2):  # done: nothing changes
        before = (tmp_path / "out" / INDEX).stat().st_mtime_ns
        assert prepare_shards(prepared, tmp_path / "out", shard=f"{number}/3") == index
        assert (tmp_path / "out" / INDEX).stat().st_mtime_ns == before


def test_at_the_same_time_and_more_shards_than_files(
    prepared: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    parts = [f"{number}/7" for number in range(1, 8)]
    with ThreadPoolExecutor(len(parts)) as pool:
        found = pool.map(lambda part: prepare_shards(prepared, tmp_path / "out", shard=part), parts)
        assert any(index is not None for index in found)
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("shard", ["1/2", "1/1"])
def test_what_was_cut_goes_on(
    prepared: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shard: str,
) -> None:
    """Between a file and its record, too: that file alone is written again."""
    out, write, written = tmp_path / "out", shards._write_tar, []

    def cut(path: Path, *rest: object) -> object:
        written.append(path.name)
        entries = write(path, *rest)
        if len(written) == 2:
            raise KeyboardInterrupt
        return entries

    monkeypatch.setattr(shards, "_write_tar", cut)
    with pytest.raises(KeyboardInterrupt):
        prepare_shards(prepared, out, shard=shard)
    assert not (out / INDEX).exists()
    done, again = written
    prepare_shards(prepared, out)  # another N finds what is finished
    assert written.count(done) == 1
    assert written.count(again) == 2
    assert contents(out) == whole


def test_a_file_that_is_gone_is_written_again(
    prepared: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "whole/train-000003.tar").unlink()
    prepare_shards(prepared, tmp_path / "whole")
    assert contents(tmp_path / "whole") == whole


def test_other_pictures_and_settings_are_refused_or_replace(
    bsr: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "whole"
    line = one_line(lambda: prepare_shards(bsr, out, megabytes=10**6, shard="1/2"), out / MANIFEST)
    assert "made with megabytes = 256, expected 1000000" in line
    for path in (bsr / "train").rglob("0001.*"):
        path.unlink()
    with pytest.raises(DataError, match="made with pictures = 5, expected 4"):
        prepare_shards(bsr, out)
    assert contents(out) == whole
    write = shards._write_tar

    def looked(path: Path, *rest: object) -> object:
        assert not (path.parent / INDEX).exists()  # of files that are replaced
        return write(path, *rest)

    monkeypatch.setattr(shards, "_write_tar", looked)
    prepare_shards(bsr, out, overwrite=True)
    prepare_shards(bsr, tmp_path / "new")
    assert contents(out) == contents(tmp_path / "new")
    assert len(contents(out)) == len(whole) - 1


def test_command(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    line = ["prepare", "shards", str(prepared), "--out", out, "--shard"]
    assert app.main([*line, "2/2"]) == 0
    assert f"shard 2/2 of {out} is done, others are missing" in capsys.readouterr().out
    assert app.main([*line, "1/2"]) == 0
    assert f"5 pictures in 5 shards: set data.shards to {out}" in capsys.readouterr().out
    assert app.main([*line, "3/2"]) == 2
    assert "expected I/N with I from 1 to N" in capsys.readouterr().err


@pytest.mark.parametrize("fresh", [True, False])
def test_a_folder_that_another_shard_removes_while_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    folder, looked = tmp_path / "packed", os.scandir
    folder.mkdir()

    def beside(path: Path) -> Path:
        folder.rmdir()
        return path

    def scandir(path: Path) -> object:
        if folder.is_dir():
            folder.rmdir()
        return looked(path)

    monkeypatch.setattr(shard, "temporary_beside", beside)
    monkeypatch.setattr(shard.os, "scandir", scandir)
    assert shard.names_in(folder, fresh=fresh) == set()
    assert list(tmp_path.iterdir()) == []
