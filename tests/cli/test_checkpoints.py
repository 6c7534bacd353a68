"""Which checkpoint a command starts from, and what it says where there is none that is whole."""

import errno
import itertools
import os
import shutil

import pytest
import torch
import yaml
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.callbacks import checkpoint_file
from blindsr.cli.training import command
from blindsr.cli.training.command import main


@pytest.fixture
def runs(trained, tmp_path):
    """(configuration, folder of its one run) of which files may be damaged."""
    config = write_config(tmp_path)
    run = tmp_path / "logs" / "tiny" / "version_0"
    shutil.copytree(trained[1], run)
    os.utime(run / "checkpoints" / "best.ckpt", (1, 1))
    return config, run


def cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def lines(capsys):
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return [line for line in err.splitlines() if line.startswith("blindsr:")]


def test_last_is_the_newest_whole_checkpoint_of_the_configuration(runs, capsys):
    config, run = runs
    assert main(["validate", "-c", str(config), "--ckpt_path", "last"]) == 0
    assert lines(capsys) == [f"blindsr: --ckpt_path last: {run}/checkpoints/last.ckpt"]
    cut(run / "checkpoints" / "last.ckpt")
    assert main(["validate", "-c", str(config), "--ckpt_path", "last"]) == 0
    assert lines(capsys) == [
        f"blindsr: {run}/checkpoints/last.ckpt is cut or damaged and is left out",
        f"blindsr: --ckpt_path last: {run}/checkpoints/best.ckpt",
    ]


def test_a_named_checkpoint_that_is_cut_names_the_whole_one(runs, capsys):
    config, run = runs
    newest = run / "checkpoints" / "last.ckpt"
    cut(newest)
    before = sorted(run.parent.rglob("*"))
    assert main(["fit", "-c", str(config), "--ckpt_path", str(newest)]) == 2
    (line,) = lines(capsys)
    assert line.startswith(f"blindsr: error: {newest}: ")
    assert f"--ckpt_path {run}/checkpoints/best.ckpt" in line
    assert sorted(run.parent.rglob("*")) == before


def test_no_whole_checkpoint_is_an_error_and_none_at_all_starts_a_training(runs, capsys):
    config, run = runs
    for name in ("best", "last"):
        cut(run / "checkpoints" / f"{name}.ckpt")
    assert main(["fit", "-c", str(config), "--ckpt_path", "last"]) == 2
    assert "--ckpt_path last: no whole checkpoint" in lines(capsys)[-1]
    shutil.rmtree(run)
    assert main(["test", "-c", str(config), "--ckpt_path", "best"]) == 2
    assert "--ckpt_path best: no whole checkpoint" in lines(capsys)[-1]
    first = ["--ckpt_path", "last", "--trainer.max_epochs", "1"]
    assert main(["fit", "-c", str(config), *first]) == 0
    assert "no checkpoint yet" in lines(capsys)[0]


def test_a_disk_that_fills_up_ends_a_training_in_one_line(tmp_path, monkeypatch, capsys):
    config = write_config(tmp_path)
    real, calls = os.fsync, []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) > 4:  # two checkpoints and their folder
            raise OSError(errno.ENOSPC, "full")
        real(descriptor)

    monkeypatch.setattr(checkpoint_file.os, "fsync", fsync)
    assert main(["fit", "-c", str(config)]) == 2
    (line,) = lines(capsys)
    assert "cannot be written (no space left on device). Free some space" in line
    folder = tmp_path / "logs" / "tiny" / "version_0" / "checkpoints"
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt"}
    for path in folder.iterdir():
        assert torch.load(path, weights_only=True)["global_step"] == 3


PARTS = {"cmos": "CMOSTask", "rrdb_sft": "RRDBSFTTask", "blind": "the estimator and the restorer"}
EACH = (("cmos", "test"), ("rrdb_sft", "validate"), ("blind", "predict"))


@pytest.mark.parametrize(
    ("model", "command"),
    [
        *EACH,
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in itertools.product(PARTS, ("test", "validate", "predict"))
            if pair not in EACH
        ),
    ],
)
def test_random_weights_are_not_scored_unasked(model, command, tmp_path, capsys):
    config = write_config(tmp_path, model=model)
    assert main([command, "-c", str(config)]) == 2
    (line,) = lines(capsys)
    assert f"--ckpt_path: nothing, so that {PARTS[model]} would have random weights" in line
    assert "--random-weights" in line
    assert not (tmp_path / "logs").exists()


def test_random_weights_are_scored_on_purpose(tmp_path, capsys):
    config = write_config(tmp_path)
    assert main(["test", "-c", str(config), "--random-weights"]) == 0
    assert "6 test images" in capsys.readouterr().out


def test_weights_of_the_configuration_need_no_checkpoint(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "keep_freed_memory", lambda: asked.append(True))
    config = write_config(tmp_path, model="rrdb_sft")
    assert main(["fit", "-c", str(config), "--trainer.max_epochs", "1"]) == 0
    weights = str(tmp_path / "logs" / "tiny" / "version_0" / "checkpoints" / "last.ckpt")
    scores = []
    for words in (["--model.weights", weights], ["--ckpt_path", weights]):
        assert main(["test", "-c", str(config), *words]) == 0
        folder = f"test_{len(scores)}"
        scores.append((tmp_path / "logs" / "tiny" / folder / "scores.csv").read_text())
    assert scores[0] == scores[1]
    assert asked == [True]  # by the training, not by tests


def test_a_part_without_weights_is_named(tmp_path, capsys):
    config = write_config(tmp_path, model="rrdb_sft")
    assert main(["fit", "-c", str(config), "--trainer.max_epochs", "1"]) == 0
    weights = str(tmp_path / "logs" / "tiny" / "version_0" / "checkpoints" / "last.ckpt")
    blind = write_config(tmp_path, "blind", model="blind")
    assert main(["test", "-c", str(blind), "--model.weights.restorer", weights]) == 2
    assert "so that the estimator would have random weights" in lines(capsys)[-1]


EXPERIMENTS = sorted((REPOSITORY / "experiments").glob("*.yaml"))
TRAININGS = [path for path in EXPERIMENTS if not path.stem.startswith("kernelgan")]  # tests alone


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_every_experiment_saves_within_an_epoch(path):
    callbacks = yaml.safe_load(path.read_text(encoding="utf-8"))["trainer"]["callbacks"]
    steps = [c.get("init_args", {}).get("every_n_train_steps") for c in callbacks]
    assert any(steps)


def test_a_checkpoint_within_an_epoch_goes_on_exactly(tmp_path):
    def fit(name, *words):
        config = write_config(tmp_path, name)
        content = yaml.safe_load(config.read_text())
        kept = {"filename": "{step}", "every_n_train_steps": 2, "save_top_k": -1}
        saver = {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": kept}
        content["trainer"]["callbacks"].append(saver)
        config.write_text(yaml.safe_dump(content))
        assert main(["fit", "-c", str(config), *words]) == 0
        return tmp_path / "logs" / name / "version_0" / "checkpoints"

    whole = fit("whole")
    resumed = fit("resumed", "--ckpt_path", str(whole / "step=4.ckpt"))
    first, second = (torch.load(p / "step=6.ckpt", weights_only=True) for p in (whole, resumed))
    for name, tensor in first["state_dict"].items():
        assert torch.equal(tensor, second["state_dict"][name]), name
