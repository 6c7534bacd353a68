"""What two processes compute is what one computes: gradients, draws, a resumed run; and a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Trainer
from PIL import Image
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main
from blindsr.cli.training.refused import refused
from blindsr.losses import kernel_l1
from blindsr.networks import CMOS
from blindsr.tasks import (
    DANTask,
    DCLSTask,
    KOALAnetTask,
    LatentSSRTask,
    MANetTask,
    RRDBSFTTask,
    SSRTask,
    SVKRTask,
)
from blindsr.types import DataFacts

SCRIPT = str(REPOSITORY / "tests/integration/run_main.py")
TWO = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.num_workers", "0"]
EVALUATED = ["--data.test_count", "3", "--data.eval_batch_size", "1"]
STATED_SECONDS = 30  # in docs/guides/several_gpus.md
SCENES = DataFacts(scale=4, phase=0.0, downsampler="sfold", sigma_max=5.0, window_taps=21)


def environment():
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    return {**os.environ, "PYTHONPATH": paths}


def recorded(folder, model):
    """A configuration, of most in double precision, whose steps are kept under ``folder``."""
    precision = "32-true" if model == "latent_ssr" else "64-true"  # its VAE is made for that
    path = write_config(folder, model, model, max_epochs=1, precision=precision)
    content = yaml.safe_load(path.read_text())
    if model == "rrdb_sft":
        content["model"]["init_args"]["use_semantics"] = False  # no batch normalisation
    (folder / "steps" / model).mkdir(parents=True)
    content["trainer"]["callbacks"].append(
        {
            "class_path": "tests.integration.rank_steps.RankSteps",
            "init_args": {"folder": str(folder / "steps" / model)},
        }
    )
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One group of two processes: fits that are recorded, one, and its second half again.

    Two processes also test and predict with SSR in latents.
    """
    folder = tmp_path_factory.mktemp("two")
    uneven = [*TWO, "--data.train_count", "5", "--data.batch_size", "1"]
    uneven += ["--data.on_the_fly", "true"]
    commands = []
    for model in RECORDED:
        commands += ["--then", "fit", "-c", str(recorded(folder, model)), *uneven]
    for command in ("test", "predict") if "latent_ssr" in RECORDED else ():
        last = folder / "logs/latent_ssr/version_0/checkpoints/last.ckpt"
        words = ["-c", str(folder / "latent_ssr.yaml"), "--ckpt_path", str(last), *TWO]
        commands += ["--then", command, *words, *EVALUATED]
    config = write_config(folder, "resumed", max_epochs=-1, max_steps=5)
    content = yaml.safe_load(config.read_text())
    often = {"every_n_train_steps": 2, "filename": "{step}", "save_top_k": -1}
    kind = "lightning.pytorch.callbacks.ModelCheckpoint"
    content["trainer"]["callbacks"].append({"class_path": kind, "init_args": often})
    config.write_text(yaml.safe_dump(content))
    pause = folder / "logs/resumed/version_0/checkpoints/step=2.ckpt"
    for more in ([], ["--ckpt_path", str(pause)]):
        commands += ["--then", "fit", "-c", str(config), *uneven, *more]
    done = subprocess.run(
        [sys.executable, SCRIPT, *commands],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def steps_of(folder, model):
    """Of each step those of both ranks."""
    paths = (folder / "steps" / model / f"rank{rank}.pt" for rank in range(2))
    ranks = [torch.load(path, weights_only=True) for path in paths]
    assert len(ranks[0]) == len(ranks[1]) == 3
    return list(zip(*ranks, strict=True))


@pytest.fixture(scope="module")
def steps(folder):
    return steps_of(folder, "rrdb_sft")


@pytest.mark.slow
def test_uneven_training_set_is_seen_whole(steps):
    names = [name for step in steps for rank in step for name in rank["batch"]["name"]]
    assert len(names) == 6
    assert len(set(names)) == 5  # one comes twice, that both ranks take three steps


@pytest.mark.slow
def test_no_two_samples_have_one_content(steps):
    samples = [rank["batch"] for step in steps for rank in step]
    for key in ("lr", "blur"):
        for i, one in enumerate(samples):
            assert not any(torch.equal(one[key], other[key]) for other in samples[:i]), key


def joined(first, second):
    keys = set(first["batch"]) - {"name"}
    return {key: torch.cat([first["batch"][key], second["batch"][key]]) for key in keys}


def loss_of_rrdb_sft(task, first, second):
    batch = joined(first, second)
    return torch.nn.functional.l1_loss(task(batch["lr"], batch["blur"]), batch["hr"])


def loss_of_manet(task, first, second):
    batch = joined(first, second)
    return 100 * kernel_l1(task.network(batch["lr"]), task.target(batch["blur"]))


def loss_of_joint(task, first, second):
    task.facts = SCENES
    return sum(task.losses(joined(first, second)).values())


def loss_of_svkr(task, first, second):
    batch = joined(first, second)
    parts = task.losses(batch, task.network.iterate(batch["lr"]))
    return parts["nll"] + 0.5 * parts["depth"] + 0.5 * parts["effect"]


def loss_of_ssr(task, first, second):
    """Each rank has its own noise, so the mean of both losses takes the place of a batch."""
    losses = []
    for rank in (first, second):
        task.draws = lambda seed=rank["seed"]: torch.Generator().manual_seed(seed)
        losses += task.losses(rank["batch"]).values()
    return sum(losses) / 2


RECORDED = {
    "rrdb_sft": (RRDBSFTTask, loss_of_rrdb_sft),
    "manet": (MANetTask, loss_of_manet),
    "dcls": (DCLSTask, loss_of_joint),
    "dan": (DANTask, loss_of_joint),
    "koalanet": (KOALAnetTask, loss_of_joint),
    "svkr": (SVKRTask, loss_of_svkr),
    "ssr": (SSRTask, loss_of_ssr),
}
if find_spec("diffusers"):
    RECORDED["latent_ssr"] = (LatentSSRTask, loss_of_ssr)
LOOSE = {
    "svkr": 1e-5,  # its preview is made in single precision
    "latent_ssr": 1e-4,  # all of it
}


@pytest.mark.slow
@pytest.mark.parametrize("model", RECORDED)
def test_gradients_are_those_of_one_process_with_the_joined_batch(model, folder):
    kind, loss = RECORDED[model]
    tolerance = LOOSE.get(model, 1e-6)
    options = yaml.safe_load((folder / f"{model}.yaml").read_text())["model"]["init_args"]
    classes = {"num_classes": 0} if model == "rrdb_sft" else {}
    task = kind(**classes, **options)
    task = task if model == "latent_ssr" else task.double()
    for first, second in steps_of(folder, model):
        weights = first["weights"]
        assert all(torch.equal(tensor, second["weights"][n]) for n, tensor in weights.items())
        task.load_state_dict(weights, strict=False)
        task.zero_grad()
        loss(task, first, second).backward()
        compared = 0
        for name, parameter in task.named_parameters():
            if parameter.grad is None:
                continue
            for rank in (first, second):
                found = rank["gradients"][name]
                off = float((found - parameter.grad).norm() / parameter.grad.norm())
                assert off < tolerance or float(parameter.grad.norm()) < 1e-12, name
            compared += 1
        assert compared > 20


@pytest.mark.slow
@pytest.mark.skipif("latent_ssr" not in RECORDED, reason="the extra diffusion is not installed")
def test_two_processes_score_and_predict_with_latents_as_one(folder):
    last = folder / "logs/latent_ssr/version_0/checkpoints/last.ckpt"
    words = ["-c", str(folder / "latent_ssr.yaml"), "--ckpt_path", str(last), *EVALUATED]
    for command in ("test", "predict"):
        assert main([command, *words]) == 0
    pair, one = (
        json.loads((folder / f"logs/latent_ssr/test_{n}/scores.json").read_text()) for n in (0, 1)
    )
    for group, row in one["scores"].items():
        assert pair["scores"][group] == pytest.approx(row, abs=1e-4), group
    both, alone = (folder / f"logs/latent_ssr/predict_{n}/predictions" for n in (0, 1))
    names = sorted(path.relative_to(alone) for path in alone.rglob("*.png"))
    assert names == sorted(path.relative_to(both) for path in both.rglob("*.png"))
    assert len([name for name in names if "_" not in name.stem]) >= 3
    for name in names:
        found, expected = (np.asarray(Image.open(p / name), np.int16) for p in (both, alone))
        assert abs(found - expected).max() <= 1, name


@pytest.mark.slow
def test_no_two_ranks_and_steps_draw_the_same_noise(folder):
    seeds = [rank["seed"] for step in steps_of(folder, "ssr") for rank in step]
    assert len(set(seeds)) == len(seeds) == 6


@pytest.mark.slow
def test_a_resumed_run_ends_as_one_in_a_piece(folder):
    """The pause lies within an epoch of three steps."""
    runs = (folder / f"logs/resumed/version_{n}/checkpoints/step=4.ckpt" for n in (0, 1))
    one, other = (torch.load(path, weights_only=True) for path in runs)
    assert one["global_step"] == other["global_step"] == 4
    for name, tensor in one["state_dict"].items():
        assert torch.equal(tensor, other["state_dict"][name]), name


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_rank_ends_the_other_with_one_line(killed, tmp_path):
    config = write_config(tmp_path, "killed", "rrdb_sft", max_epochs=10000)
    words = ["fit", "-c", str(config), *TWO, "--trainer.check_val_every_n_epoch", "10000"]
    process = subprocess.Popen(
        [sys.executable, SCRIPT, *words, "--trainer.enable_progress_bar", "false"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment(),
    )
    with process:
        deadline = time.monotonic() + 200
        while not any(p.stat().st_size for p in (tmp_path / "logs").rglob("metrics.csv")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        listed = subprocess.run(
            ["pgrep", "-P", str(process.pid), "-f", "run_main"], capture_output=True, check=True
        )
        (child,) = map(int, listed.stdout.split())
        started = time.monotonic()
        os.kill(child if killed else process.pid, signal.SIGKILL)
        error = process.stderr.read()  # until no process has it open
        assert time.monotonic() - started < STATED_SECONDS
    assert process.returncode == (2 if killed else -signal.SIGKILL)
    lines = [line for line in error.splitlines() if "blindsr: error" in line]
    assert len(lines) == 1
    assert lines[0].startswith("blindsr: error: another process of this run: ended, or cannot be")
    assert "Traceback" not in error


def test_statistics_are_shared_by_every_layer_and_change_no_weights():
    trainer = Trainer(
        devices=2,
        strategy="ddp",
        accelerator="cpu",
        sync_batchnorm=True,
        logger=False,
        enable_checkpointing=False,
    )
    network = CMOS(backbone="pyramid_small", num_classes=3).eval()
    lr = torch.rand(1, 3, 16, 20, generator=torch.manual_seed(0))
    layers = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        before, names = network(lr), list(network.state_dict())
        shared = trainer.strategy._layer_sync.apply(network)
        after = shared(lr)
    found = [m for m in shared.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert len(found) == len(layers) > 5
    assert all(isinstance(module, torch.nn.SyncBatchNorm) for module in found)
    assert list(shared.state_dict()) == names
    assert torch.equal(before.blur, after.blur)


def test_shared_statistics_on_cpus_are_refused(tmp_path, capsys):
    config = write_config(tmp_path)
    words = ["fit", "-c", str(config), *TWO, "--trainer.sync_batchnorm", "true"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "trainer.sync_batchnorm: true on CPUs, expected GPUs" in error
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    "text",
    [
        "[third_party/gloo/gloo/transport/tcp/pair.cc:545] Read error [::1]:390: Connection reset",
        "[gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 1800000ms for recv operation",
        "NCCL communicator was aborted on rank 0. ncclRemoteError: A call failed possibly due to a "
        "network error or a remote process exiting prematurely.",
        "The client socket has timed out after 60000ms while trying to connect to (node1, 29500).",
    ],
)
def test_what_libraries_say_of_a_lost_process_is_one_line(text):
    line = refused(RuntimeError(text))
    assert line is not None
    assert str(line).startswith("another process of this run: ended, or cannot be reached")
    assert refused(RuntimeError("Connection reset by peer")) is None  # nobody's here
