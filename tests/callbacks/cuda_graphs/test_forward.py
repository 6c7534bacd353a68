"""A forward that is recorded at its first call in training; here the recording runs it as it is."""

from typing import NamedTuple

import pytest
import torch
from torch import nn

from blindsr.callbacks.cuda_graphs.forward import RecordedForward


class Output(NamedTuple):
    """As of an estimator: parts may be missing."""

    first: torch.Tensor
    second: torch.Tensor | None = None
    third: torch.Tensor | None = None


class Network(nn.Module):
    """With statistics, an option and an output of several parts."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.seen = []

    def forward(self, lr, *, both=True):
        self.seen.append((tuple(lr.shape), both))
        out = self.norm(self.conv(lr))
        return Output(out, None, out.mean() if both else None)


class Recorder:
    """Stands for the GPU: runs the module three times, then whenever it is asked to."""

    def __init__(self):
        self.replays = []

    def __call__(self, module, examples):
        for _ in range(3):
            module(*examples)

        def replay(*tensors):
            self.replays.append(tuple(tensors[0].shape))
            return module(*tensors)

        return replay


@pytest.fixture
def made():
    torch.manual_seed(0)
    network, recorder = Network().train(), Recorder()
    recorded = RecordedForward(network, recorder)
    recorded.install()
    return network, recorder, recorded


def test_the_output_and_the_statistics_are_those_of_the_network(made):
    network, recorder, recorded = made
    torch.manual_seed(0)
    usual = Network().train()
    for seed in range(3):
        lr = torch.rand(2, 3, 8, 9, generator=torch.Generator().manual_seed(seed))
        mine, other = network(lr), usual(lr)
        assert isinstance(mine, Output)
        assert mine.second is None
        assert torch.equal(mine.first, other.first)
        assert torch.equal(mine.third, other.third)
        assert int(network.norm.num_batches_tracked) == seed + 1
        assert torch.equal(network.norm.running_mean, usual.norm.running_mean)
    assert recorder.replays == [(2, 3, 8, 9)] * 3
    assert recorded.calls == 3


@pytest.mark.parametrize(
    "other",
    [
        lambda network: network(torch.rand(1, 3, 8, 9)),  # the last batch of an epoch
        lambda network: network(torch.rand(2, 3, 8, 9), both=False),
        lambda network: network(torch.rand(2, 3, 8, 9).to(memory_format=torch.channels_last)),
        lambda network: network.eval()(torch.rand(2, 3, 8, 9)),
        lambda network: torch.no_grad()(network)(torch.rand(2, 3, 8, 9)),
    ],
)
def test_what_is_not_alike_takes_the_usual_way(other, made):
    network, recorder, _ = made
    network(torch.rand(2, 3, 8, 9))
    assert len(recorder.replays) == 1
    before = len(network.seen)
    other(network)
    assert len(recorder.replays) == 1
    assert len(network.seen) == before + 1
    network.train()(torch.rand(2, 3, 8, 9))
    assert len(recorder.replays) == 2


def test_gradients_reach_the_weights(made):
    network, _, _ = made
    network(torch.rand(2, 3, 8, 9)).third.backward()
    assert network.conv.weight.grad is not None


def test_the_network_gets_its_own_forward_back(made):
    network, recorder, recorded = made
    names = set(network.state_dict())
    network(torch.rand(2, 3, 8, 9))
    assert set(network.state_dict()) == names
    recorded.remove()
    network(torch.rand(2, 3, 8, 9))
    assert len(recorder.replays) == 1
    assert "forward" not in vars(network)
