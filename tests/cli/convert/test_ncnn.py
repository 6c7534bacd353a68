"""``blindsr convert ncnn``."""

import pytest
import torch
from tests.helpers.make_ncnn import compact, esrgan

import blindsr
from blindsr.cli import app
from blindsr.weights import read_anchor


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("make", [compact, esrgan])
def test_what_is_written_computes_the_same(make, suffix, tmp_path, capsys):
    param, out = make(tmp_path), tmp_path / f"out{suffix}"
    assert app.main(["convert", "ncnn", str(param), "-o", str(out)]) == 0
    assert f"{param} -> {out}: " in capsys.readouterr().out
    lr = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        ours, theirs = (read_anchor(path).network.eval()(lr) for path in (out, param))
    assert torch.equal(ours, theirs)
    assert blindsr.load(out).scale == 4


def test_a_reduction_is_told(tmp_path, capsys):
    param = compact(tmp_path, reduced=True)
    assert app.main(["convert", "ncnn", str(param), "-o", str(tmp_path / "o.pth")]) == 0
    assert "without its last layer, which reduces to x2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "out", "part"),
    [
        ("model.pth", "o.pth", "model.pth: no such file"),
        ("model.bin", "o.onnx", "o.onnx, whose suffix names no format"),
        ("picture.png", "o.pth", "picture.png: no file of ncnn, expected model.param"),
        ("wrong.param", "o.pth", "something else than the network"),
    ],
)
def test_refused_in_one_line_and_nothing_written(source, out, part, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    compact(tmp_path)
    esrgan(tmp_path, factor=0.5).rename("wrong.param")
    (tmp_path / "model.bin").rename("wrong.bin")
    compact(tmp_path)
    (tmp_path / "picture.png").write_bytes(b"x")
    assert app.main(["convert", "ncnn", source, "-o", out]) == 2
    error = capsys.readouterr().err
    assert part in error
    assert error.count("\n") == 1
    assert not (tmp_path / out).exists()
