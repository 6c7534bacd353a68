"""The files of experiments/launch start one training on two "nodes", here two processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

LAUNCH = REPOSITORY / "experiments/launch"
SRUN = """#!/usr/bin/env bash
# a cluster of two nodes with one task each
shift
for node in 0 1; do
  SLURM_PROCID=$node SLURM_NODEID=$node SLURM_LOCALID=0 "$@" &
  ids="${ids:-} $!"
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


@pytest.mark.slow
def test_slurm_on_two_nodes(tmp_path, environment):
    given = {
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "blindsr",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_NNODES": "2",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_NODELIST": "127.0.0.1",
        "MASTER_PORT": free_port(),
    }
    line = ["bash", str(LAUNCH / "train.sbatch"), *words(tmp_path)]
    done = subprocess.run(
        line, env=environment | given, capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert trained_once(tmp_path)


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
