"""Two processes on one CPU (gloo) give the scores of one."""

import csv
import json
import subprocess
import sys

import pytest
import torch
from tests.cli.conftest import write_config
from tests.conftest import REPOSITORY

from blindsr.cli.main import main

TWO = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
UNEVEN = ["--data.test_count", "3", "--data.val_count", "3", "--data.eval_batch_size", "1"]


def run(*words):
    script = REPOSITORY / "tests" / "integration" / "run_main.py"
    return subprocess.run(
        [sys.executable, str(script), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        cwd=REPOSITORY,
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Folder of a run that two processes trained, three scenes each epoch and rank."""
    folder = tmp_path_factory.mktemp("ddp")
    config = write_config(folder, "ddp", max_epochs=1)
    done = run("fit", "-c", str(config), *TWO, *UNEVEN, "--data.batch_size", "1")
    assert done.returncode == 0, done.stderr[-3000:]
    return config, folder / "logs" / "ddp"


def scores(path):
    return json.loads((path / "scores.json").read_text())


def test_each_file_is_written_once(fitted):
    _, logs = fitted
    assert [path.name for path in logs.iterdir()] == ["version_0"]
    version = logs / "version_0"
    assert len(list((version / "pictures").glob("*.png"))) == 1
    assert {path.name for path in (version / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    content = torch.load(version / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["global_step"] == 3  # six scenes, one per rank and step


def test_validation_and_test_scores_equal_those_of_one_process(fitted, capsys):
    config, logs = fitted
    checkpoint = str(logs / "version_0" / "checkpoints" / "last.ckpt")
    words = ["-c", str(config), *UNEVEN, "--ckpt_path", checkpoint]
    done = run("test", *words, *TWO)
    assert done.returncode == 0, done.stderr[-3000:]
    two = scores(logs / "version_1")
    assert main(["test", *words]) == 0
    one = scores(logs / "version_2")
    assert two["images"] == one["images"] == 6  # two groups of three, no scene twice
    for group, row in one["scores"].items():
        assert two["scores"][group] == pytest.approx(row, abs=1e-6), group
    with (logs / "version_0" / "metrics.csv").open() as file:
        fit_scores = [row for row in csv.DictReader(file) if row.get("val/blur_psnr")][-1]
    assert main(["validate", *words]) == 0
    with (logs / "version_3" / "metrics.csv").open() as file:
        alone = [row for row in csv.DictReader(file) if row.get("val/blur_psnr")][-1]
    for name in ("val/blur_psnr", "val/blur_ssim", "val/miou"):
        assert float(fit_scores[name]) == pytest.approx(float(alone[name]), abs=1e-4), name


@pytest.mark.parametrize("model", ["rrdb_sft", "blind"])
def test_restoration_scores_equal_those_of_one_process(model, tmp_path):
    config = write_config(tmp_path, model, model, max_epochs=1)
    logs = tmp_path / "logs" / model
    checkpoint = str(logs / "version_0" / "checkpoints" / "last.ckpt")
    words = ["-c", str(config), *UNEVEN, "--ckpt_path", checkpoint]
    fit = ["fit", "-c", str(config), *TWO, *UNEVEN, "--data.batch_size", "1"]
    done = run(*fit, "--then", "test", *words, *TWO)
    assert done.returncode == 0, done.stderr[-3000:]
    assert {path.name for path in logs.iterdir()} == {"version_0", "version_1"}
    two = scores(logs / "version_1")
    assert main(["test", *words]) == 0
    one = scores(logs / "version_2")
    assert two["images_by_group"] == one["images_by_group"] == {"Group1": 3, "Group2": 3}
    for rows in (["scores"], *(["others", name] for name in one["others"])):
        mine, theirs = one, two
        for key in rows:
            mine, theirs = mine[key], theirs[key]
        for group, row in mine.items():
            assert theirs[group] == pytest.approx(row, abs=1e-6), (rows, group)
