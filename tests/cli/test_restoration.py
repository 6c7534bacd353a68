"""Stages 2 and 3 through the real command line."""

import csv
import json

import pytest
import torch
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main


def test_three_stages_and_their_table(trained, tmp_path, capsys):
    """Stage 2 with and without maps, stage 3 from files, one table of all rows."""
    checkpoints = {}
    off = ["--model.use_blur", "false", "--model.use_semantics", "false"]
    for name, words in (("restorer", []), ("plain", off)):
        config = write_config(tmp_path, name, "rrdb_sft", max_epochs=1)
        assert main(["fit", "-c", str(config), *words]) == 0
        checkpoints[name] = tmp_path / "logs" / name / "version_0" / "checkpoints" / "best.ckpt"
    estimator = trained[1] / "checkpoints" / "best.ckpt"
    config = write_config(tmp_path, "joint", "blind", max_epochs=1)
    words = [
        *("-c", str(config)),
        *("--model.estimator", "null", "--model.restorer", "null"),
        *("--model.weights.estimator", str(estimator)),
        *("--model.weights.restorer", str(checkpoints["restorer"])),
    ]
    overlay = str(REPOSITORY / "experiments" / "overlays" / "ema.yaml")
    assert main(["fit", *words, "-c", overlay]) == 0
    run = tmp_path / "logs" / "joint" / "version_0"
    stored = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert stored["hyper_parameters"]["estimator"]["backbone"] == "pyramid_small"
    first = torch.load(estimator, weights_only=True)["state_dict"]
    for name, tensor in first.items():
        assert torch.equal(
            stored["state_dict"][name.replace("network.", "network.estimator.")], tensor
        ), name
    capsys.readouterr()
    rows = ["--model.compare.no_maps", str(checkpoints["plain"])]
    checkpoint = ["--ckpt_path", str(run / "checkpoints" / "best.ckpt")]
    assert main(["test", *words, "-c", overlay, *rows, *checkpoint]) == 0
    printed = capsys.readouterr().out
    content = json.loads((tmp_path / "logs" / "joint" / "test_0" / "scores.json").read_text())
    methods = ["bicubic", "constant sigma", "true maps", "no_maps"]
    assert list(content["others"]) == methods
    assert all(method in printed for method in methods)
    assert set(content["scores"]) == {"Group1", "Group2", "mean"}
    assert {"psnr", "ssim", "gmsd", "vif", "blur_psnr", "blur_ssim", "miou"} <= set(
        content["scores"]["mean"]
    )
    with (tmp_path / "logs" / "joint" / "test_0" / "scores.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 5 * 3
    assert "| CMOS + RRDB-SFT | mean |" in (
        tmp_path / "logs" / "joint" / "test_0" / "scores.md"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--model.weights.estimator", "none.ckpt"], ["none.ckpt: no such file"]),
        (["--model.weights.cmos", "none.ckpt"], ["model.weights: 'cmos'", "'estimator'"]),
        (["--model.restorer", '{"condition": "mid"}'], ["condition: 'mid'", "'hr' or 'lr'"]),
        (["--model.halve_at", "x"], ["model.halve_at: x"]),
    ],
)
def test_wrong_words_are_one_line_and_nothing_is_written(words, parts, tmp_path, capsys):
    config = write_config(tmp_path, "wrong", "blind")
    assert main(["fit", "-c", str(config), *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for part in parts:
        assert part in error
    assert not (tmp_path / "logs").exists()
