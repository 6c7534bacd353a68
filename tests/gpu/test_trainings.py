"""Every task trains on a GPU, and is scored there as on the CPU."""

import csv
import json
import math
import os
import subprocess
import sys

import pytest
import torch
from tests.conftest import REPOSITORY
from tests.helpers.configurations import MODELS, write_config
from tests.helpers.pbasr_configuration import tiny_config

from blindsr.cli.training.command import main

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
ON_GPU = ["--trainer.accelerator", "gpu"]
OVERLAYS = REPOSITORY / "experiments/overlays"
TASKS = ("cmos", *MODELS, "latent_ssr", "pbasr")
ONE_EPOCH = {"max_epochs": 1, "limit_train_batches": 2}
ON_A_CPU_TOO = 1e-3
"""Largest relative difference of a score: sums in another order."""


def config_of(folder, task, **trainer):
    if task == "latent_ssr":
        pytest.importorskip("diffusers")
    if task == "pbasr":
        return tiny_config(folder)
    return write_config(folder, task, task, **{**ONE_EPOCH, **trainer})


def losses(run):
    """All training losses that were logged."""
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ("train/loss", "train/general", "train/blur", "train/blur/discriminator")
    return [float(row[name]) for row in rows for name in names if row.get(name)]


def parameters(checkpoint):
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")["state_dict"]
    return {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}


def means(path):
    """All scores of a test, one after the other."""
    found = json.loads(path.read_text())

    def numbers(node):
        if isinstance(node, dict):
            return [one for key in sorted(node) for one in numbers(node[key])]
        return [float(node)] if isinstance(node, int | float) else []

    return numbers({key: found[key] for key in ("scores", "others") if key in found})


@pytest.mark.parametrize("task", TASKS)
def test_a_task_trains_in_bfloat16_and_is_scored_as_on_a_cpu(task, tmp_path):
    config = str(config_of(tmp_path, task))
    bf16 = [] if task == "pbasr" else ["-c", str(OVERLAYS / "bf16.yaml")]
    assert main(["fit", "-c", config, *bf16, *ON_GPU]) == 0
    logs = next((tmp_path / "logs").iterdir())
    run = logs / "version_0"
    seen = losses(run)
    assert seen
    assert all(math.isfinite(loss) for loss in seen)
    last = run / "checkpoints" / "last.ckpt"
    assert all(torch.isfinite(tensor).all() for tensor in parameters(last).values())
    scored = ["test", "-c", config, "--ckpt_path", str(last)]
    assert main([*scored, *ON_GPU]) == 0
    assert main([*scored, "--trainer.accelerator", "cpu"]) == 0
    there, here = (means(logs / f"test_{number}" / "scores.json") for number in range(2))
    assert there
    assert there == pytest.approx(here, rel=ON_A_CPU_TOO, abs=ON_A_CPU_TOO, nan_ok=True)


@pytest.mark.parametrize("task", ["cmos", "blind"])
def test_a_training_goes_on_where_it_was_left_on_another_device(task, tmp_path):
    config = str(config_of(tmp_path, task))
    assert main(["fit", "-c", config, "--trainer.accelerator", "cpu"]) == 0
    logs = tmp_path / "logs" / task
    first = logs / "version_0" / "checkpoints" / "last.ckpt"
    more = ["--ckpt_path", str(first), "--trainer.max_epochs", "2"]
    assert main(["fit", "-c", config, *ON_GPU, *more]) == 0
    second = max(logs.glob("version_*/checkpoints/last.ckpt"), key=lambda one: one.stat().st_mtime)
    steps = [
        torch.load(one, weights_only=True, map_location="cpu")["global_step"]
        for one in (first, second)
    ]
    assert steps == [2, 4]
    before, after = parameters(first), parameters(second)
    assert any(not torch.equal(before[name], after[name]) for name in before)


RECORDED = ("cmos", "rrdb_sft", "blind", "manet")


@pytest.mark.parametrize("task", RECORDED)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_recorded_training_is_the_usual_one(task, precision, parts, tmp_path):
    """Also where gradients of two batches are added up; the last batch of an epoch is smaller."""
    found = []
    for words in ([], ["-c", str(OVERLAYS / "cuda_graphs.yaml")]):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        config = config_of(folder, task, max_epochs=2, limit_train_batches=3, precision=precision)
        more = ["--data.train_count", "5", "--trainer.accumulate_grad_batches", str(parts)]
        assert main(["fit", "-c", str(config), *words, *ON_GPU, *more]) == 0
        run = folder / "logs" / task / "version_0"
        found.append((losses(run), parameters(run / "checkpoints" / "last.ckpt")))
    (usual, weights), (recorded, others) = found
    close = 1e-3 if precision == "32-true" else 2e-2
    assert recorded == pytest.approx(usual, rel=close)
    apart = sum(float((one - others[name]).square().sum()) for name, one in weights.items())
    assert apart < close**2 * sum(float(one.square().sum()) for one in weights.values())


def test_what_goes_past_the_forward_of_the_network_is_refused(tmp_path, capsys):
    config = config_of(tmp_path, "svkr")
    words = ["-c", str(OVERLAYS / "cuda_graphs.yaml")]
    assert main(["fit", "-c", str(config), *words, *ON_GPU]) == 2
    assert "CUDAGraphs with SVKRTask" in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("overlay", ["ddp", "fsdp"])
def test_overlays_of_many_gpus_run_on_one(overlay, tmp_path):
    """In a process of its own, which ends its process group."""
    config = str(config_of(tmp_path, "cmos"))
    words = ["fit", "-c", config, "-c", str(OVERLAYS / f"{overlay}.yaml"), *ON_GPU]
    paths = [str(REPOSITORY), str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]
    script = [sys.executable, str(REPOSITORY / "tests/integration/run_main.py")]
    done = subprocess.run(
        [*script, *words, "--trainer.devices", "1"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    run = tmp_path / "logs" / "cmos" / "version_0"
    assert all(math.isfinite(loss) for loss in losses(run))
    assert (run / "checkpoints" / "last.ckpt").is_file()
