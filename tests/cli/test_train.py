"""``blindsr train``."""

import pytest
from tests.helpers.make_ncnn import compact
from tests.helpers.upscale_command import picture

import blindsr
from blindsr.cli import app
from blindsr.cli.models import file_card
from blindsr.imaging.files import write_png


@pytest.fixture
def folder(tmp_path):
    for index in range(4):
        write_png(tmp_path / f"photos/{index}.png", picture(80, 96, seed=index))
    return tmp_path / "photos"


def test_one_command_trains_and_writes_a_model_and_its_card(folder, tmp_path, capsys):
    out = tmp_path / "my.safetensors"
    words = ["train", folder, "-o", out, "--steps", "10", "--size", "64", "--device", "cpu"]
    assert app.main([*map(str, words)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 photographs to learn from, 1 kept apart, 0 passed over"
    assert lines[1].startswith("10 steps on cpu take about ")
    assert "dB on those kept apart before" in lines[1]
    assert f"{out}: " in lines[-1] + lines[-2]
    model = blindsr.load(out, device="cpu")
    assert model.upscale(picture()).shape == (80, 104, 3)
    assert model.can_estimate
    assert "photographs like 3 of photos" in model.describe()
    assert file_card(out)["not_for"].startswith("other noise")
    card = (tmp_path / "my.md").read_text()
    assert "| PSNR on photographs kept apart | " in card
    assert "| steps, seed | 10, 0 |" in card
    assert app.main([*map(str, words)]) == 2  # it is there
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["photos", "-o", "my.pth"], "--out: my.pth, expected a name that ends in .safetensors"),
        (["nowhere", "-o", "my.safetensors"], "nowhere: no folder, expected a folder of photo"),
        (["photos", "-o", "no/my.safetensors"], "no: no folder, expected the folder of --out"),
        (["photos", "-o", "my.safetensors"], "photos: 0 photographs of 256 pixels a side or more"),
        (["photos", "-o", "my.safetensors", "--size", "70"], "--size: 70, expected a multiple of"),
        (["photos", "-o", "my.safetensors", "--steps", "0"], "--steps: '0', expected a whole"),
        (["photos", "-o", "my.safetensors", "--model", "none.ckpt"], "none.ckpt: no such file"),
        (["photos", "-o", "my.safetensors", "--model", "model.param"], "model.param: "),
    ],
)
def test_refused_in_one_line_and_nothing_written(folder, words, part, monkeypatch, capsys):
    monkeypatch.chdir(folder.parent)
    compact(folder.parent)
    assert app.main(["train", *words]) == 2
    error = capsys.readouterr().err
    assert part in error
    assert error.count("\n") == 1
    assert not (folder.parent / "my.safetensors").exists()
