"""``blindsr upscale --samples N --seed S``: mean and spread of samples, decided by the seed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.helpers.saved_checkpoint import saved

from blindsr.cli.app import main
from blindsr.inference.catalogue import file_of
from blindsr.tasks import SSRTask
from blindsr.weights import read_network

SMALL = {
    "kernel_width": 8,
    "kernel_blocks": 1,
    "iterations": 0,
    "width": 8,
    "blocks": 1,
    "steps": 2,
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    task = SSRTask(**SMALL, constraint="last")
    for parameter in task.network.conditioned.parameters():
        if not parameter.any():  # layers that start at zero
            torch.nn.init.normal_(parameter, std=0.2)
    saved(task, tmp_path / "ssr.ckpt")
    draw = np.random.default_rng(0)
    Image.fromarray(draw.integers(0, 256, (9, 11, 3), dtype=np.uint8)).save("in.png")
    return tmp_path


def upscale(out, *words):
    command = ["upscale", "in.png", "-o", out, "--model", "ssr.ckpt", "--keep-blur", "0"]
    return main([*command, "--device", "cpu", *words])


def pixels(path):
    return np.asarray(Image.open(path), np.int64)


def test_mean_and_spread_follow_the_seed(files):
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert upscale(f"{folder}/out.png", "--samples", "3", "--seed", seed) == 0
    assert pixels("a/out.png").shape == (36, 44, 3)
    assert pixels("a/out_spread.png").shape == (36, 44)
    assert pixels("a/out_spread.png").any()
    for name in ("out.png", "out_spread.png"):
        assert (pixels(f"a/{name}") == pixels(f"b/{name}")).all()
    assert (pixels("a/out.png") != pixels("c/out.png")).any()


def test_one_sample_has_no_spread_and_consistency_is_told(files, capsys):
    assert upscale("out.png", "--seed", "1", "--consistency") == 0
    assert "consistency" in capsys.readouterr().out
    assert sorted(p.name for p in files.glob("out*")) == ["out.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--samples", "0"], "samples: 0, expected 1 to 100"),
        (["--samples", "x"], "expected a whole number"),
        (["--samples", "2", "--tta"], "--samples, --seed, --caution: --tta"),
        (["--caution", "1.5"], "expected a number from 0 to 1"),
        (["--caution", "nan"], "expected a number from 0 to 1"),
    ],
)
def test_wrong_numbers_end_in_one_line(words, said, files, capsys):
    assert upscale("out.png", *words) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert not (files / "out.png").exists()


@pytest.mark.parametrize("words", [["--samples", "2"], ["--caution", "0.5"]])
def test_a_model_that_draws_none_is_refused(words, files, capsys):
    assert main(["upscale", "in.png", "-o", "out.png", *words]) == 2
    assert "expected the file of an SSR model" in capsys.readouterr().err
    model = ["--model", str(file_of(None))]
    assert main(["upscale", "in.png", "-o", "out.png", *words, *model]) == 2
    line = capsys.readouterr().err
    assert "which draws no samples, expected an SSR model" in line
    assert line.count("\n") == 1


def test_caution_of_upscale_is_that_of_an_export(files):
    words = ["--caution", "0.5", "-o", "half.safetensors"]
    assert main(["convert", "export", "ssr.ckpt", *words]) == 0
    told = ["--samples", "2", "--consistency", "--json"]
    assert upscale("a/out.png", *told, "--caution", "0.5") == 0
    assert upscale("b/out.png", *told, "--model", "half.safetensors") == 0
    assert upscale("c/out.png", *told) == 0
    for name in ("out.png", "out_spread.png"):
        assert (pixels(f"a/{name}") == pixels(f"b/{name}")).all()
    assert (pixels("a/out.png") != pixels("c/out.png")).any()
    half, export, whole = (json.loads(Path(f, "out.json").read_text()) for f in "abc")
    assert half["settings"]["caution"] == 0.5
    assert half["scores"] == export["scores"]  # blurred by what was removed
    assert "caution" not in whole["settings"]


def test_caution_of_an_export_tells_the_diffusion_less_blur(files):
    assert main(["convert", "export", "ssr.ckpt", "--caution", "0.5", "-o", "half.st"]) == 2
    assert main(["convert", "export", "ssr.ckpt", "--caution", "0.5", "-o", "s.safetensors"]) == 0
    network, cautious = (
        read_network(files / name).network().eval() for name in ("ssr.ckpt", "s.safetensors")
    )
    lr = torch.rand(1, 3, 9, 11)
    with torch.no_grad():
        told = network.estimate_all(lr)
        half = told._replace(blur=told.blur / 2, lens=told.lens / 2)
        assert torch.equal(cautious.sample(lr, told), network.sample(lr, half))
        assert not torch.equal(cautious.sample(lr, told), network.sample(lr, told))
        assert torch.equal(cautious.estimate(lr).blur, network.estimate(lr).blur)
