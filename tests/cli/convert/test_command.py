"""``blindsr convert`` as a user types it, in-process."""

import io
import pickle

import numpy as np
import pytest
import torch
from tests.helpers.convert_command import convert, refused

from blindsr.cli import app
from blindsr.imaging.files import write_png
from blindsr.networks import RRDBSFT
from blindsr.restore import load
from blindsr.weights import read_network


class Harm:
    def __reduce__(self):
        return (print, ("this must not run",))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Folder with an official restorer, and files that are no weights."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(0)
    torch.save(RRDBSFT(8).state_dict(), folder / "RRDB_SFT.pth")
    (folder / "cut.pth").write_bytes((folder / "RRDB_SFT.pth").read_bytes()[:9999])
    torch.save({"x": Harm()}, folder / "harm.pth")
    (folder / "old_harm.pth").write_bytes(pickle.dumps({"x": Harm()}))
    torch.save({"fc.weight": torch.zeros(1), "fc.bias": torch.zeros(1)}, folder / "foreign.pth")
    return folder


def test_official_to_safetensors_and_back(files, tmp_path, capsys):
    source, ours, back = files / "RRDB_SFT.pth", tmp_path / "a.safetensors", tmp_path / "b.pth"
    assert convert("official", source, "-o", ours, "--layout", "legacy") == 0
    parameters = sum(p.numel() for p in RRDBSFT(8).parameters())
    line = f"RRDB-SFT, {parameters:,} parameters, window layout legacy"
    assert capsys.readouterr().out == f"{source} -> {ours}: {line}\n"
    assert convert("export", ours, "-o", back) == 0
    end = f"{line}, official names, which tell no layout\n"
    assert capsys.readouterr().out == f"{ours} -> {back}: {end}"
    first, last = (torch.load(path, weights_only=True) for path in (source, back))
    assert first.keys() == last.keys()
    assert all(torch.equal(tensor, last[name]) for name, tensor in first.items())


def test_the_layout_is_asked_for_at_a_terminal(files, tmp_path, capsys, monkeypatch):
    words = ["official", files / "RRDB_SFT.pth", "-o", tmp_path / "new" / "a.safetensors"]
    monkeypatch.setattr("sys.stdin", Terminal("what?\n\nLegacy\n"))
    assert convert(*words) == 0
    captured = capsys.readouterr()
    assert "predate the fix of March 2024 and need legacy" in captured.err
    assert captured.err.count("legacy or fixed? ") == 3
    assert captured.out.endswith("window layout legacy\n")
    assert read_network(words[-1]).settings["window_layout"] == "legacy"
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    assert convert(*words, "--force") == 2  # the end of the input is no answer
    assert "--layout: not given" in capsys.readouterr().err
    assert read_network(words[-1]).settings["window_layout"] == "legacy"


@pytest.mark.parametrize("stdin", [io.StringIO("legacy\n"), None])
def test_without_a_terminal_the_layout_is_an_option(stdin, files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", stdin)
    error = refused(capsys, "official", files / "RRDB_SFT.pth", "-o", tmp_path / "a.safetensors")
    assert "--layout: not given, expected fixed or legacy. " in error
    assert "The released files predate the fix of March 2024" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("none.pth", ["none.pth: no such file"]),
        ("cut.pth", ["cut.pth: not readable as weights", "may be truncated"]),
        ("harm.pth", ["not readable as weights", "would run code (print); nothing of it was run"]),
        ("old_harm.pth", ["not readable as weights", "pickle that would run code"]),
        ("foreign.pth", ["2 tensors of another network (fc.weight, fc.bias)", "RRDB_SFT_*"]),
        ("CKPT", ["our own names, expected a released file", "Use `blindsr convert export`"]),
    ],
)
def test_official_refuses_other_files(name, parts, files, trained, tmp_path, capsys):
    capsys.readouterr()
    source = trained[1] / "checkpoints" / "best.ckpt" if name == "CKPT" else files / name
    out = tmp_path / "a.safetensors"
    error = refused(capsys, "official", source, "-o", out, "--layout", "legacy")
    for part in parts:
        assert part in error
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_replaced_only_by_force(files, tmp_path, capsys):
    out = tmp_path / "a.safetensors"
    out.write_text("mine")
    words = ["official", files / "RRDB_SFT.pth", "-o", out, "--layout", "fixed"]
    assert "a.safetensors: exists, expected a new file" in refused(capsys, *words)
    assert out.read_text() == "mine"
    assert convert(*words, "--force") == 0
    assert read_network(out).kind == "rrdb_sft"
    assert convert("export", out, "-o", out, "--force") == 0  # onto itself
    assert read_network(out).network().window_layout == "fixed"
    capsys.readouterr()
    (tmp_path / "b.pth").mkdir()
    assert "a folder" in refused(capsys, "export", out, "-o", tmp_path / "b.pth", "--force")
    assert "cannot be written" in refused(capsys, "export", out, "-o", out / "in_a_file.pth")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["official", "x.pth", "-o", "x.bin", "--layout", "old"], "invalid choice: 'old'"),
        (["official", "x.pth", "-o", "y.pth"], "--out: y.pth for a safetensors file, expected a"),
        (["export", "x.ckpt", "-o", "y"], "--out: y, whose suffix names no format"),
        (["export", "x.ckpt", "-o", "y.pth", "--format", "safetensors"], "y.pth for a safetensors"),
        (["export", "x.ckpt", "-o", "y.safetensors", "--format", "official"], "ends in .pth"),
        (["export", "x.ckpt"], "required: -o/--out"),
        (["sideways"], "invalid choice: 'sideways'"),
        ([], "required: DIRECTION"),
    ],
)
def test_wrong_words_are_one_line(words, part, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert part in refused(capsys, *words)
    assert not list(tmp_path.iterdir())


def test_an_export_of_a_training_serves_estimate(trained, tmp_path, capsys):
    checkpoint = trained[1] / "checkpoints" / "best.ckpt"
    for out, form in (("a.safetensors", []), ("a.weights", ["--format", "safetensors"])):
        capsys.readouterr()
        assert convert("export", checkpoint, "-o", tmp_path / out, *form) == 0
        line = capsys.readouterr().out
        assert ": CMOS, 8 classes, sigma_max 5, " in line
        assert line.endswith(" parameters, window layout fixed\n")
    assert read_network(tmp_path / "a.safetensors").class_names[:2] == ("wall", "floor")
    words = ["--trained-for", "rooms without noise", "--force"]
    assert convert("export", checkpoint, "-o", tmp_path / "a.safetensors", *words) == 0
    described = load(tmp_path / "a.safetensors").describe()
    assert described.endswith("; trained for rooms without noise")
    assert ", 8 classes, " in described
    picture = tmp_path / "photo.png"
    write_png(picture, np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8))
    maps = []
    for weights in (checkpoint, tmp_path / "a.safetensors", tmp_path / "a.weights"):
        out = tmp_path / weights.name.replace(".", "_")
        assert app.main(["estimate", str(weights), str(picture), "-o", str(out), "--npy"]) == 0
        maps.append(np.load(out / "photo_sigma.npy"))
    np.testing.assert_array_equal(maps[1], maps[0])
    np.testing.assert_array_equal(maps[2], maps[0])


def test_what_has_no_official_form_is_refused(trained, files, tmp_path, capsys):
    checkpoint = trained[1] / "checkpoints" / "best.ckpt"
    capsys.readouterr()
    error = refused(capsys, "export", checkpoint, "-o", tmp_path / "a.pth")
    assert "backbone 'pyramid_small'" in error
    assert "expected 'hrnet_w18_small_v2'" in error
    assert "as in the official network" in error
    error = refused(capsys, "export", files / "RRDB_SFT.pth", "-o", tmp_path / "a.safetensors")
    assert "official names, which tells no window layout" in error
    assert "Use `blindsr convert official`" in error
    assert not list(tmp_path.iterdir())
