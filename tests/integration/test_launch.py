"""The files of experiments/launch start one training on two "nodes", here two processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main

LAUNCH = REPOSITORY / "experiments/launch"
SRUN = """#!/usr/bin/env bash
# a cluster of two nodes with one task each
shift
for node in 0 1; do
  SLURM_PROCID=$node SLURM_NODEID=$node SLURM_LOCALID=0 "$@" &
  ids="${ids:-} $!"
  echo $! >> tasks
done
status=0
for id in $ids; do wait "$id" || status=$?; done
exit "$status"
"""


@pytest.fixture
def environment(tmp_path):
    """Of a node: our commands, ``srun``, gloo on the loopback device."""
    srun = tmp_path / "bin/srun"
    srun.parent.mkdir()
    srun.write_text(SRUN)
    srun.chmod(0o755)
    commands = [str(srun.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    sources = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    paths = {"PATH": os.pathsep.join(commands), "PYTHONPATH": sources}
    return {**os.environ, **paths, "GLOO_SOCKET_IFNAME": "lo"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def words(tmp_path):
    config = write_config(tmp_path, "nodes", "rrdb_sft", max_epochs=1)
    quiet = ["--trainer.enable_progress_bar", "false", "--data.num_workers", "0"]
    return ["fit", "-c", str(config), "--data.batch_size", "1", *quiet]


def trained_once(folder):
    assert [path.name for path in (folder / "logs/nodes").iterdir()] == ["version_0"]
    last = folder / "logs/nodes/version_0/checkpoints/last.ckpt"
    return torch.load(last, weights_only=True)["global_step"] == 3


@pytest.mark.slow
def test_torchrun_on_two_nodes(tmp_path, environment):
    given = {"NODES": "2", "GPUS": "1", "ADDRESS": "127.0.0.1", "HEAD": f"127.0.0.1:{free_port()}"}
    line = ["bash", str(LAUNCH / "train_torchrun.sh"), *words(tmp_path)]
    nodes = [
        subprocess.Popen(line, env=environment | given, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for node in nodes:
        _, error = node.communicate(timeout=400)
        assert node.returncode == 0, error[-3000:]
    assert trained_once(tmp_path)


def slurm():
    """What SLURM says to a job of two nodes; all of 127.0.0.0/8 is this machine."""
    return {
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "blindsr",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_NNODES": "2",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_NODELIST": "127.0.0.[1-2]",
        "SLURM_JOB_NODELIST": "127.0.0.[1-2]",
        "MASTER_PORT": free_port(),
    }


@pytest.mark.slow
def test_slurm_on_two_nodes_that_stops_before_its_end_and_goes_on(tmp_path, environment):
    """SIGTERM reaches all tasks of a step, as `--signal=TERM@180` sends it."""
    line = ["bash", str(LAUNCH / "train.sbatch"), *words(tmp_path)]
    job = subprocess.Popen(
        [*line, "--trainer.max_epochs", "100000", "--trainer.check_val_every_n_epoch", "100000"],
        env=environment | slurm(),
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    with job:
        deadline = time.monotonic() + 300
        while not any(p.stat().st_size for p in (tmp_path / "logs").rglob("metrics.csv")):
            assert job.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        tasks = (tmp_path / "tasks").read_text().split()
        for task in tasks:
            os.kill(int(task), signal.SIGTERM)
        error = job.stderr.read()
    assert len(tasks) == 2
    assert job.returncode == 143, error[-3000:]
    last = tmp_path / "logs/nodes/version_0/checkpoints/last.ckpt"
    stopped = torch.load(last, weights_only=True)["global_step"]
    more = ["--trainer.max_epochs", "-1", "--trainer.max_steps", str(stopped + 1)]
    done = subprocess.run(
        [*line, *more],
        env=environment | slurm(),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    versions = sorted(path.name for path in (tmp_path / "logs/nodes").iterdir())
    assert versions == ["version_0", "version_1"]
    last = tmp_path / "logs/nodes/version_1/checkpoints/last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == stopped + 1


@pytest.mark.parametrize(
    ("name", "starter", "given"),
    [
        ("train.sbatch", "srun", {"SLURM_JOB_NUM_NODES": "2", "SLURM_NTASKS_PER_NODE": "4"}),
        ("train_torchrun.sh", "torchrun", {"NODES": "2", "GPUS": "4", "HEAD": "node1:29500"}),
    ],
)
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_nodes_and_gpus_are_those_of_the_job_and_not_of_the_configuration(
    name, starter, given, strategy, environment, tmp_path, capsys
):
    said = tmp_path / "bin" / starter
    said.write_text("#!/usr/bin/env bash\nprintf '%s\\n' \"$@\"\n")
    said.chmod(0o755)
    chosen = {} if strategy == "ddp" else {"STRATEGY": strategy}
    line = ["bash", str(LAUNCH / name), "fit", "-c", "cmos_demo.yaml", "-c", "overlays/ddp.yaml"]
    done = subprocess.run(
        line, env=environment | given | chosen, capture_output=True, text=True, check=True
    )
    called = done.stdout.split()
    called = called[called.index("lightning") + 1 :]
    assert main([*called, "--print_config"]) == 0
    trainer = yaml.safe_load(capsys.readouterr().out)["trainer"]
    assert (trainer["num_nodes"], int(trainer["devices"])) == (2, 4)
    assert trainer["strategy"] == strategy
    assert trainer["sync_batchnorm"]


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("train_torchrun.sh", "number of machines"),
        ("train.sbatch", "start this file with sbatch"),
    ],
)
def test_what_a_file_needs_is_said(name, missing, environment):
    done = subprocess.run(
        ["bash", str(LAUNCH / name), "fit"], env=environment, capture_output=True, check=False
    )
    assert done.returncode
    assert missing in done.stderr.decode()
