"""Weights split over two processes learn what whole ones learn; their checkpoints are whole."""

import os
import subprocess
import sys

import pytest
import torch
import yaml
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.cli.app import main
from blindsr.weights.checkpoint import read_checkpoint

SCRIPT = str(REPOSITORY / "tests/integration/run_main.py")
SPLIT = {"class_path": "tests.helpers.fsdp_on_cpu.FSDPOnCPU"}
TASKS = ("cmos", "rrdb_sft", "blind")
CLIPPED = 1e-3
"""Far below the norm of every gradient here, so that each step is clipped."""
EVERY_STEP = {
    "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
    "init_args": {"every_n_train_steps": 1, "filename": "{step}", "save_top_k": -1},
}


def config(folder, strategy, task):
    """A training of two processes with one picture each and three steps."""
    short = {"max_epochs": 1, "devices": 2, "gradient_clip_val": CLIPPED}
    name = f"{task}_{'split' if strategy is SPLIT else 'whole'}"
    path = write_config(folder, name, task, **short)
    content = yaml.safe_load(path.read_text())
    content["trainer"]["strategy"] = strategy
    content["trainer"]["callbacks"].append(EVERY_STEP)
    path.write_text(yaml.safe_dump(content))
    return path


def checkpoint(folder, run, step, version=0):
    return folder / f"logs/{run}/version_{version}/checkpoints/step={step}.ckpt"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every task with split and with whole weights, and the first one resumed."""
    folder = tmp_path_factory.mktemp("fsdp")
    configs = [config(folder, kind, task) for task in TASKS for kind in (SPLIT, "ddp")]
    small = ["--data.num_workers", "0", "--data.batch_size", "1"]
    commands = [["fit", "-c", str(path), *small] for path in configs]
    paused = checkpoint(folder, f"{TASKS[0]}_split", 1)
    commands.append([*commands[0], "--ckpt_path", str(paused)])
    words = [word for command in commands for word in ("--then", *command)][1:]
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    done = subprocess.run(
        [sys.executable, SCRIPT, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=550,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def gradients(content):
    """What the first moments of Adam know of the first step, in the order of loading."""
    (optimizer,) = content["optimizer_states"]
    (group,) = optimizer["param_groups"]
    return [optimizer["state"][number]["exp_avg"] for number in group["params"]]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_step_is_that_of_whole_weights(task, folder):
    split, whole = (
        read_checkpoint(checkpoint(folder, f"{task}_{kind}", 1)) for kind in ("split", "whole")
    )
    ours, theirs = gradients(split), gradients(whole)
    largest = max(float(gradient.norm()) for gradient in theirs)
    assert len(ours) == len(theirs) > 20
    for mine, gradient in zip(ours, theirs, strict=True):
        assert mine.shape == gradient.shape
        assert float((mine - gradient).norm()) < 1e-5 * largest
    assert list(split["state_dict"]) == list(whole["state_dict"])


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_gradients_are_clipped_by_the_norm_of_all(task, folder):
    content = read_checkpoint(checkpoint(folder, f"{task}_split", 1))
    beta = content["optimizer_states"][0]["param_groups"][0]["betas"][0]
    norms = torch.stack([gradient.norm() for gradient in gradients(content)])
    assert float(norms.norm() / (1 - beta)) == pytest.approx(CLIPPED, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_weights_after_an_epoch_are_those_of_whole_ones(task, folder):
    split, whole = (
        read_checkpoint(checkpoint(folder, f"{task}_{kind}", 3))["state_dict"]
        for kind in ("split", "whole")
    )
    for name, tensor in whole.items():
        if tensor.is_floating_point() and "running" not in name:
            assert torch.allclose(split[name], tensor, atol=1e-4), name


@pytest.mark.slow
def test_a_resumed_run_ends_as_one_in_a_piece(folder):
    one, other = (
        read_checkpoint(checkpoint(folder, f"{TASKS[0]}_split", 3, version)) for version in (0, 1)
    )
    for name, tensor in one["state_dict"].items():
        assert torch.equal(tensor, other["state_dict"][name]), name


@pytest.mark.slow
def test_one_process_tests_goes_on_and_exports(folder, capsys):
    run = f"{TASKS[0]}_split"
    path = str(folder / f"{run}.yaml")
    alone = ["--trainer.devices", "1", "--trainer.strategy", "auto", "--data.num_workers", "0"]
    last = str(checkpoint(folder, run, 3))
    assert main(["test", "-c", path, *alone, "--ckpt_path", last]) == 0
    assert "PSNR" in capsys.readouterr().out
    more = ["--trainer.max_epochs", "2", "--data.batch_size", "1"]
    assert main(["fit", "-c", path, *alone, *more, "--ckpt_path", last]) == 0
    assert main(["convert", "export", last, "-o", str(folder / "net.safetensors")]) == 0
