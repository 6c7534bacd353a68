"""Shared statistics of batch normalisation: which layers, and that two processes are as one."""

import os
import subprocess
import sys

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins.layer_sync import TorchSyncBatchNorm
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config
from tests.integration import rank_norm
from torch.nn.modules.batchnorm import _BatchNorm

from blindsr.cli.training.command import main
from blindsr.networks import CMOS, BlindSR
from blindsr.networks.rrdb_sft import RRDBSFT


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of two processes found with one image; on the GPU where there is one."""
    folder = tmp_path_factory.mktemp("norm")
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    script = str(REPOSITORY / "tests/integration/rank_norm.py")
    both = [
        subprocess.Popen(
            [sys.executable, script, str(folder), str(rank)],
            env={**os.environ, "PYTHONPATH": paths, "GLOO_SOCKET_IFNAME": "lo"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ends = [(process.communicate(timeout=300)[1], process.returncode) for process in both]
    for error, status in ends:
        assert status == 0, error[-3000:]
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


def as_one(ranks):
    """Two processes with one image each against one process with both."""
    alone = rank_norm.network().train()
    rank_norm.loss(alone(rank_norm.images())).backward()
    gradients = {n: p.grad for n, p in alone.named_parameters() if p.grad is not None}
    largest = max(float(gradient.norm()) for gradient in gradients.values())
    for rank in ranks:
        assert rank["gradients"].keys() == gradients.keys()
        for name, gradient in gradients.items():
            assert float((rank["gradients"][name] - gradient).norm()) < 1e-6 * largest, name
        for name, buffer in alone.named_buffers():
            assert torch.allclose(rank["buffers"][name], buffer, rtol=1e-6, atol=1e-9), name


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="torch's kernels are tested then")
def test_two_processes_are_as_one_with_both_images(ranks):
    """By the kernels of rank_norm.py; layers, what is told and the backward pass are torch's."""
    as_one(ranks)


@pytest.mark.slow
@pytest.mark.gpu
def test_two_processes_on_a_gpu_are_as_one_with_both_images(ranks):
    as_one(ranks)


@pytest.mark.slow
def test_own_statistics_are_not_as_one(ranks):
    """What the tests above would not see otherwise."""
    alone = rank_norm.network().train()
    halves = [alone(image[None]) for image in rank_norm.images()]
    sum(rank_norm.loss(half) / 2 for half in halves).backward()
    off = [
        float((ranks[0]["gradients"][n] - p.grad).norm() / p.grad.norm())
        for n, p in alone.named_parameters()
        if p.grad is not None and float(p.grad.norm())
    ]
    assert max(off) > 0.1


def norms(network):
    return {name: m for name, m in network.named_modules() if isinstance(m, _BatchNorm)}


def test_a_frozen_stage_keeps_its_statistics():
    torch.manual_seed(0)
    estimator = CMOS(backbone="pyramid_small", num_classes=3, window=(4, 5))
    restorer = RRDBSFT(code_length=4, features=8, growth=4, blocks=1, num_classes=3)
    pipeline = BlindSR(estimator, restorer)
    before = set(norms(pipeline))
    shared = torch.nn.SyncBatchNorm.convert_sync_batchnorm(pipeline)
    layers = norms(shared)
    assert set(layers) == before
    assert all(isinstance(layer, torch.nn.SyncBatchNorm) for layer in layers.values())
    kept = {name: buffer.clone() for name, buffer in shared.estimator.named_buffers()}
    shared.train()
    assert not any(layer.training for layer in norms(shared.estimator).values())
    assert not any(p.requires_grad for p in shared.estimator.parameters())
    shared(torch.rand(2, 3, 16, 20))
    assert all(torch.equal(kept[name], b) for name, b in shared.estimator.named_buffers())


@pytest.mark.parametrize("asked", [True, False])
def test_the_option_of_the_configuration_reaches_the_strategy(asked, tmp_path, monkeypatch):
    """Without layers that have statistics, which a CPU refuses."""
    trainers = []
    monkeypatch.setattr(Trainer, "fit", lambda trainer, *_, **__: trainers.append(trainer))
    config = write_config(tmp_path, "dan", "dan", strategy="ddp", sync_batchnorm=asked)
    assert main(["fit", "-c", str(config)]) == 0
    assert isinstance(trainers[0].strategy._layer_sync, TorchSyncBatchNorm) == asked


def test_the_overlay_of_many_gpus_is_refused_in_one_line_on_a_cpu(tmp_path, capsys):
    """One process on a CPU; torch would refuse it in a traceback, when all is made."""
    overlay = REPOSITORY / "experiments" / "overlays" / "ddp.yaml"
    words = ["-c", str(write_config(tmp_path)), "-c", str(overlay), "--trainer.devices", "1"]
    assert main(["fit", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert "trainer.sync_batchnorm: true on CPUs, expected GPUs" in line
    assert "Set --trainer.sync_batchnorm false" in line
    assert not (tmp_path / "logs").exists()
