"""Every ablation of the paper runs as an overlay of a training configuration."""

import csv
import math

import pytest
import torch
import yaml
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main

EXPERIMENTS = REPOSITORY / "experiments"
EVERY = sorted((EXPERIMENTS / "ablations").glob("*.yaml"))
OF_SSR = [path for path in EVERY if path.stem.startswith("ssr_")]
ABLATIONS = [path for path in EVERY if path not in OF_SSR]


PARTS = {"gia_fc": "FC", "gia_fcs": "FCS", "gia_none": ""}
"""Overlays of one value, which networks/test_cmos.py trains with."""


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_an_ablation_reach_its_training(name, tmp_path, capsys):
    config, overlay = write_config(tmp_path), EXPERIMENTS / "ablations" / f"{name}.yaml"
    other = ["--model.gia_parts", "F"]
    assert main(["fit", "-c", str(config), *other, "-c", str(overlay), "--print_config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["model"]["init_args"]["gia_parts"] == PARTS[name]


@pytest.mark.parametrize(
    "overlay",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in PARTS else [])
        for path in ABLATIONS
    ],
)
def test_ablation_trains_on_scenes(overlay, tmp_path):
    config = write_config(tmp_path, max_epochs=1)
    whole = ["-c", str(config), "--model.gia_parts", "FCS"]  # overlays take parts away
    few = ["--data.train_count", "2", "--data.val_count", "1", "--data.size", "[64,64]"]
    assert main(["fit", *whole, "-c", str(overlay), *few]) == 0
    run = tmp_path / "logs" / "tiny" / "version_0"
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["train/loss"]) for row in rows if row.get("train/loss")]
    assert losses
    assert all(math.isfinite(loss) for loss in losses)
    names = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
    if overlay.stem == "blur_only":
        assert not [name for name in names if ".seg." in name]
    if overlay.stem == "no_auxiliary":
        assert not [name for name in names if "decoders" in name]
    if overlay.stem == "gia_f":
        assert not [name for name in names if ".spatial." in name or ".channel." in name]


TINY_SSR = (
    *("--trainer.fast_dev_run", "true", "--data.train_count", "8", "--data.val_count", "1"),
    *("--data.size", "[64, 64]", "--data.crop", "[8, 8]", "--data.batch_size", "1"),
)


@pytest.mark.slow  # minutes together
@pytest.mark.parametrize("overlay", OF_SSR, ids=lambda path: path.stem)
def test_ablation_of_ssr_trains_on_scenes(overlay, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "svkr_demo" if overlay.stem.startswith("ssr_svkr") else "ssr_demo"
    own = [] if name == "svkr_demo" else ["--model.svkr", "null"]
    config = ["-c", str(EXPERIMENTS / f"{name}.yaml"), "-c", str(overlay)]
    assert main(["fit", *config, *TINY_SSR, *own]) == 0
