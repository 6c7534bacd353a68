"""Two processes on one CPU (gloo) give the scores of one."""

import csv
import json
import os
import subprocess
import sys

import pytest
import torch
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config
from tests.helpers.pbasr_configuration import tiny_config

from blindsr.cli.training.command import main

TWO = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
UNEVEN = ["--data.test_count", "3", "--data.val_count", "3", "--data.eval_batch_size", "1"]


def run(*words):
    script = REPOSITORY / "tests" / "integration" / "run_main.py"
    return subprocess.run(
        [sys.executable, str(script), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")]),
        },
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Folder of a run that two processes trained, three scenes each epoch and rank."""
    folder = tmp_path_factory.mktemp("ddp")
    config = write_config(folder, "ddp", pictures=True, max_epochs=1)
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
    two = scores(logs / "test_0")
    assert main(["test", *words]) == 0
    one = scores(logs / "test_1")
    assert two["images"] == one["images"] == 6  # two groups of three, no scene twice
    for group, row in one["scores"].items():
        assert two["scores"][group] == pytest.approx(row, abs=1e-6), group
    with (logs / "version_0" / "metrics.csv").open() as file:
        fit_scores = [row for row in csv.DictReader(file) if row.get("val/blur_psnr")][-1]
    assert main(["validate", *words]) == 0
    with (logs / "validate_0" / "metrics.csv").open() as file:
        alone = [row for row in csv.DictReader(file) if row.get("val/blur_psnr")][-1]
    for name in ("val/blur_psnr", "val/blur_ssim", "val/miou"):
        assert float(fit_scores[name]) == pytest.approx(float(alone[name]), abs=1e-4), name


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """Folder of three restorers that two processes, started once, trained and tested."""
    folder = tmp_path_factory.mktemp("restored")
    for model in ("rrdb_sft", "blind", "dan", "koalanet"):
        write_config(folder, model, model, pictures=True, max_epochs=1)
    states = {
        "class_path": "tests.integration.rank_state.RankState",
        "init_args": {"folder": str(folder)},
    }
    tiny_config(folder, "pbasr", states)
    commands = []
    for model in ("rrdb_sft", "blind", "dan", "koalanet", "pbasr"):
        last = ["--ckpt_path", str(folder / "logs" / model / "version_0/checkpoints/last.ckpt")]
        words = ["-c", str(folder / f"{model}.yaml"), *UNEVEN, *TWO]
        commands += ["--then", "fit", *words, "--data.batch_size", "1"]
        commands += ["--then", "test", *words, *last]
    done = run(*commands)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("model", ["rrdb_sft", "blind", "dan", "koalanet", "pbasr"])
def test_restoration_scores_equal_those_of_one_process(model, restored):
    logs = restored / "logs" / model
    checkpoint = str(logs / "version_0" / "checkpoints" / "last.ckpt")
    words = ["-c", str(restored / f"{model}.yaml"), *UNEVEN, "--ckpt_path", checkpoint]
    assert {path.name for path in logs.iterdir()} == {"version_0", "test_0"}
    drawn = list((logs / "version_0" / "pictures").glob("step_*.png"))
    assert len(drawn) == (2 if model == "pbasr" else 1)  # one for each epoch, by rank 0 alone
    two = scores(logs / "test_0")
    assert main(["test", *words]) == 0
    one = scores(logs / "test_1")
    assert set(two["images_by_group"].values()) == {3}
    assert two["images_by_group"] == one["images_by_group"]
    for rows in (["scores"], *(["others", name] for name in one["others"])):
        mine, theirs = one, two
        for key in rows:
            mine, theirs = mine[key], theirs[key]
        for group, row in mine.items():
            assert theirs[group] == pytest.approx(row, abs=1e-6), (rows, group)


def test_both_ranks_hold_the_same_branches_and_discriminators(restored):
    first, second = (
        torch.load(restored / f"rank{rank}.pt", weights_only=True) for rank in range(2)
    )
    assert len(first["names"]) == len(second["names"]) == 4
    for mine, theirs in zip(first["names"], second["names"], strict=True):
        assert mine != theirs  # each rank saw its own pictures
    assert first["logged"] == second["logged"]
    assert 0.99 < first["logged"]["lambda"] < 1
    assert first["logged"]["distance"] > 0
    assert {name.partition(".")[0] for name in first["weights"]} == {
        *("general", "blur", "discriminators")
    }
    for name, tensor in first["weights"].items():
        assert torch.equal(tensor, second["weights"][name]), name
    still = {n for n, tensor in first["weights"].items() if torch.equal(tensor, first["start"][n])}
    assert not any(name.startswith(("general", "blur")) for name in still)
    # in the last bias of a discriminator both halves of the hinge loss cancel
    assert still <= {f"discriminators.{name}.conv9.bias" for name in ("general", "blur")}
