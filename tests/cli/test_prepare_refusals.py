"""``blindsr prepare`` with nonsense options, places and disks: one line, status 2, nothing left."""

import errno
import os
import shutil
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from blindsr.cli import app
from blindsr.data.files.manifest import MANIFEST
from blindsr.data.prepare.nyuv2 import prepare_nyuv2
from blindsr.data.prepare.processes import make_frames
from blindsr.errors import FileError
from blindsr.imaging.files import read_png_text, write_png

HUGE = "9" * 30


@pytest.fixture(scope="module")
def bsr(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("bsr") / "bsr"
    prepare_nyuv2(*sources, out, operator="gather")
    return out


def run(capsys, *words):
    status = app.main(["prepare", *map(str, words)])
    return status, capsys.readouterr()


def prepare_words(sources, out, *options):
    names = ("--mat", "--splits", "--classes")
    pairs = [word for pair in zip(names, sources, strict=True) for word in pair]
    return ["nyuv2", *pairs, "--out", out, "--workers", "0", "--operator", "gather", *options]


def one_line(caught, status):
    assert status == 2
    assert caught.err.startswith("blindsr: error: ")
    assert caught.err.count("\n") == 1
    assert "errno" not in caught.err.lower()
    assert "Traceback" not in caught.err
    return caught.err


PREPARE = {
    "--sigma-max nan": "sigma_max: nan, expected above 0, at most 100",
    "--sigma-max inf": "sigma_max: inf, expected above 0, at most 100",
    "--sigma-max 0": "sigma_max: 0.0, expected",
    "--sigma-max -1": "sigma_max: -1.0, expected",
    "--sigma-max 1e9": "sigma_max: 1000000000.0, expected",
    "--sigma-max five": "argument --sigma-max: invalid float value: 'five'",
    "--workers -1": "workers: -1, expected a whole number 0..1024",
    f"--workers {HUGE}": f"workers: {HUGE}, expected a whole number 0..1024",
    "--workers 1.5": "argument --workers: invalid int value: '1.5'",
    "--seed -1": "seed: -1, expected a whole number 0..",
    f"--seed {HUGE}": f"seed: {HUGE}, expected a whole number 0..",
    "--operator magic": "operator: 'magic', expected one of",
    "--downsampler lanczos": "downsampler: 'lanczos', expected one of",
}


@pytest.mark.parametrize("options", PREPARE)
def test_options_of_nyuv2(options, sources, tmp_path, capsys):
    status, caught = run(capsys, *prepare_words(sources, tmp_path / "out", *options.split(" ")))
    assert PREPARE[options] in one_line(caught, status)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("order", "line"),
    [
        ((1, 0, 2), "splits.mat: the file for --splits, expected that for --mat"),
        ((0, 2, 1), "classMapping40.mat: the file for --classes, expected that for --splits"),
        ((2, 1, 0), "classMapping40.mat: the file for --classes, expected that for --mat"),
        ((1, 2, 0), "splits.mat: the file for --splits, expected that for --mat"),
    ],
)
def test_swapped_sources_are_told_as_swapped(order, line, sources, tmp_path, capsys):
    given = [sources[index] for index in order]
    status, caught = run(capsys, *prepare_words(given, tmp_path / "out"))
    assert line in one_line(caught, status)
    assert "swapped" in caught.err
    assert "Download" not in caught.err
    assert caught.out == ""


def test_another_file_is_not_told_to_be_downloaded_again(sources, tmp_path, capsys):
    other = tmp_path / "photo.png"
    write_png(other, np.zeros((8, 8, 3), np.uint8))
    status, caught = run(capsys, *prepare_words([other, *sources[1:]], tmp_path / "out"))
    assert "Give the labelled file" in one_line(caught, status)


CHECK = {
    "--scale 0": "scale: 0, expected a whole number 1..64",
    "--scale -4": "scale: -4, expected a whole number 1..64",
    f"--scale {HUGE}": f"scale: {HUGE}, expected a whole number 1..64",
    "--scale 4.5": "argument --scale: invalid int value: '4.5'",
    "--sigma-max nan": "sigma_max: nan, expected above 0, at most 100",
    "--sigma-max inf": "sigma_max: inf, expected",
    "--sigma-max 0": "sigma_max: 0.0, expected",
    "--sigma-max -3": "sigma_max: -3.0, expected",
    "--sigma-max 1e30": "sigma_max: 1e+30, expected",
    "--workers -1": "workers: -1, expected a whole number 0..1024",
    f"--workers {HUGE}": f"workers: {HUGE}, expected a whole number 0..1024",
    "-o sheet.jpg": "--out: sheet.jpg, expected a name that ends in .png",
}


@pytest.mark.parametrize("options", CHECK)
def test_options_of_check(options, bsr, capsys):
    status, caught = run(capsys, "check", bsr, *options.split(" "))
    assert CHECK[options] in one_line(caught, status)
    assert not (bsr / "check.png").exists()


@pytest.mark.parametrize("option", ["--mat", "--splits", "--classes", "--out"])
def test_an_unset_variable_of_the_shell_is_no_path(option, sources, tmp_path, capsys):
    words = prepare_words(sources, tmp_path / "out")
    words[words.index(option) + 1] = ""
    status, caught = run(capsys, *words)
    assert f"argument {option}: an empty path" in one_line(caught, status)


def test_a_sheet_replaces_sheets_alone(bsr, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    write_png(photo, np.full((4, 4, 3), 9, np.uint8))
    before = photo.read_bytes()
    status, caught = run(capsys, "check", bsr, "-o", photo)
    assert "photo.png: something else than an earlier contact sheet" in one_line(caught, status)
    assert photo.read_bytes() == before
    sheet = tmp_path / "sheet.png"
    for _ in range(2):
        assert run(capsys, "check", bsr, "-o", sheet)[0] == 0
    assert "blindsr" in read_png_text(sheet)


PLACES = {
    "file in the way": (lambda t: (t / "a").write_text("x"), "a/out", "is a file, not a folder"),
    "loop": (lambda t: (t / "a").symlink_to(t / "a"), "a/out", "symbolic links lead in a circle"),
    "name too long": (lambda _: None, "n" * 300, "Give a shorter name or folder"),
    "dangling link": (lambda t: (t / "out").symlink_to(t / "no"), "out", "remove it first"),
    "file": (lambda t: (t / "out").write_text("x"), "out", "a file, expected a folder"),
    "pipe": (lambda t: os.mkfifo(t / "out"), "out", "a file, expected a folder"),
}


@pytest.mark.parametrize("case", PLACES)
def test_places_where_no_data_set_can_be(case, sources, tmp_path, capsys):
    make, name, expected = PLACES[case]
    make(tmp_path)
    before = sorted(tmp_path.iterdir())
    status, caught = run(capsys, *prepare_words(sources, tmp_path / name))
    assert expected in one_line(caught, status)
    assert sorted(tmp_path.iterdir()) == before


SHEETS = {
    "folder": (lambda t: (t / "s.png").mkdir(), "s.png", "something else than an earlier"),
    "file in the way": (lambda t: (t / "a").write_text("x"), "a/s.png", "is a file, not a folder"),
    "loop": (lambda t: (t / "a").symlink_to(t / "a"), "a/s.png", "lead in a circle"),
    "name too long": (lambda _: None, "n" * 300 + ".png", "Give a shorter name"),
    "pipe": (lambda t: os.mkfifo(t / "s.png"), "s.png", "something else than an earlier"),
}


@pytest.mark.parametrize("case", SHEETS)
def test_places_where_no_sheet_can_be(case, bsr, tmp_path, capsys):
    make, name, expected = SHEETS[case]
    make(tmp_path)
    before = sorted(tmp_path.iterdir())
    status, caught = run(capsys, "check", bsr, "-o", tmp_path / name)
    assert expected in one_line(caught, status)
    assert sorted(tmp_path.iterdir()) == before


DISKS = {
    errno.ENOSPC: "the disk is full (",
    errno.EDQUOT: "the disk is full (",
    errno.EFBIG: "Raise the limit on the size of files",
    errno.EMFILE: "Raise the limit on open files",
    errno.EROFS: "Give another --out, or change its permissions",
    errno.EACCES: "Give another --out, or change its permissions",
    errno.EIO: "Check the disk, then run the same line again",
    errno.ENAMETOOLONG: "Give a shorter name or folder",
}


def fail_after(patch, number, count):
    """From the ``count``-th renaming on, the system answers every further one with an error."""
    replace, renames = Path.replace, []

    def refuse(path, target):
        renames.append(target)
        if len(renames) > count:
            raise OSError(number, os.strerror(number), str(path))
        return replace(path, target)

    patch.setattr(Path, "replace", refuse)


@pytest.mark.parametrize("number", DISKS, ids=errno.errorcode.get)
def test_a_refusal_of_the_system_ends_in_one_line_and_is_resumed(
    number, sources, bsr, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    words = prepare_words(sources, out)
    with monkeypatch.context() as patch:
        fail_after(patch, number, 9)
        status, caught = run(capsys, *words)
    line = one_line(caught, status)
    assert f"{out}: " in line
    assert DISKS[number] in line
    assert not (out / MANIFEST).exists()
    assert not [path for path in out.rglob(".*") if path.is_file()]
    assert run(capsys, *words)[0] == 0
    whole = {p.relative_to(bsr): p.read_bytes() for p in bsr.rglob("*") if p.is_file()}
    whole.pop(next((p for p in whole if p.name == "check.png"), None), None)
    assert {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} == whole


@pytest.mark.parametrize("number", DISKS, ids=errno.errorcode.get)
def test_a_sheet_that_cannot_be_written(number, bsr, tmp_path, capsys, monkeypatch):
    fail_after(monkeypatch, number, 0)
    status, caught = run(capsys, "check", bsr, "-o", tmp_path / "s.png")
    assert "s.png: cannot be written (" in one_line(caught, status)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BrokenProcessPool(), "a worker process was ended from outside"),
        (MemoryError(), "not enough memory"),
        (FileNotFoundError(errno.ENOENT, "gone"), "worker processes cannot be started"),
        (ConnectionRefusedError(), "worker processes cannot be started"),
    ],
)
def test_workers_that_fail_end_in_one_line(error, expected, sources, tmp_path, capsys, monkeypatch):
    def broken(*_):
        raise error
        yield

    monkeypatch.setattr("blindsr.data.prepare.processes._in_processes", broken)
    words = prepare_words(sources, tmp_path / "out")
    words[words.index("--workers") + 1] = "2"
    status, caught = run(capsys, *words)
    line = one_line(caught, status)
    assert expected in line
    assert "fewer --workers" in line
    assert "it goes on where it stopped" in line


@pytest.mark.parametrize(
    ("file", "error", "told"),
    [
        ("mine.py", BrokenProcessPool, True),
        ("bin/blindsr", BrokenProcessPool, False),
        ("mine.py", MemoryError, False),
    ],
)
def test_a_script_without_a_guard_is_told_of_it(file, error, told, tmp_path, monkeypatch):
    """Its workers import it, and begin to prepare instead of working."""

    def broken(*_):
        raise error
        yield

    monkeypatch.setattr("blindsr.data.prepare.processes._in_processes", broken)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", file)
    with pytest.raises(FileError) as refusal:
        make_frames([SimpleNamespace(out=tmp_path)], 2, lambda *_: None)
    assert ("call it below `if __name__ == '__main__':`" in str(refusal.value)) == told


def test_an_unreadable_folder_is_no_traceback(bsr, tmp_path, capsys, monkeypatch):
    folder = shutil.copytree(bsr, tmp_path / "bsr")
    iterdir = Path.iterdir

    def refuse(path):
        if path.name == "LRx4":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    status, caught = run(capsys, "check", folder)
    assert status == 1
    assert "train/LRx4: cannot be read (permission denied)" in caught.out
