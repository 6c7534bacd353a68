import copy

import pytest
import torch
from torch import nn

from blindsr.networks.blocks.batch_norm import PreciseBatchNorm2d, precise_batch_norms

SHAPES = [(2, 18, 64, 96), (2, 3, 7, 9), (1, 5, 3, 2), (4, 8, 6, 6)]


def pair(**options):
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(options.pop("channels", 18), **options)
    if plain.affine:
        nn.init.uniform_(plain.weight, 0.5, 2)
        nn.init.normal_(plain.bias)
    holder = nn.Sequential(copy.deepcopy(plain))
    precise_batch_norms(holder)
    assert isinstance(holder[0], PreciseBatchNorm2d)
    return plain.double(), holder[0]


def drawn(shape):
    draw = torch.Generator().manual_seed(1)
    x, slope = (torch.randn(shape, generator=draw) for _ in range(2))
    return (3 * x + 2).contiguous(memory_format=torch.channels_last), slope


def off(found, expected):
    return ((found.double() - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("affine", [True, False])
def test_outputs_gradients_and_statistics_are_exact(shape, affine):
    plain, precise = pair(channels=shape[1], affine=affine, momentum=0.3)
    x, slope = drawn(shape)
    for _ in range(2):
        given, wide = x.clone().requires_grad_(), x.double().requires_grad_()
        found, expected = precise(given), plain(wide)
        assert off(found, expected) < 3e-7
        assert found.is_contiguous(memory_format=torch.channels_last)
        found.backward(slope)
        expected.backward(slope.double())
        assert off(given.grad, wide.grad) < 3e-6
    for own, right in zip(precise.parameters(), plain.parameters(), strict=True):
        assert off(own.grad, right.grad) < 2e-6
    assert off(precise.running_mean, plain.running_mean) < 3e-7
    assert off(precise.running_var, plain.running_var) < 3e-7
    assert precise.num_batches_tracked == 2


def test_no_momentum_is_the_mean_over_all_batches():
    plain, precise = pair(momentum=None)
    for scale in (1, 2, 4):
        x, _ = drawn((2, 18, 8, 8))
        plain(scale * x.double()), precise(scale * x)
    assert off(precise.running_var, plain.running_var) < 1e-6


@pytest.mark.parametrize("change", [lambda x: x.double(), lambda x: x.contiguous()])
def test_other_features_go_through_torch(change):
    _, precise = pair()
    x = change(drawn((2, 18, 8, 8))[0])
    plain = nn.BatchNorm2d(18).to(x.dtype)
    plain.load_state_dict(precise.state_dict())
    assert torch.equal(precise.to(x.dtype)(x), plain(x))


def test_evaluation_takes_what_was_remembered():
    plain, precise = pair()
    x, _ = drawn((2, 18, 8, 8))
    precise(x), plain(x.double())
    assert off(precise.eval()(2 * x), plain.eval()(2 * x.double())) < 1e-6
    assert precise.num_batches_tracked == 1


def test_one_pixel_in_all_is_refused_as_by_torch():
    _, precise = pair()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        precise(torch.rand(1, 18, 1, 1))


def test_without_memory_and_frozen():
    plain, precise = pair(track_running_stats=False)
    precise.requires_grad_(False)
    x, slope = drawn((2, 18, 8, 8))
    given, wide = x.clone().requires_grad_(), x.double().requires_grad_()
    precise(given).backward(slope)
    plain(wide).backward(slope.double())
    assert off(given.grad, wide.grad) < 1e-6
    assert precise.weight.grad is None


def test_tensors_and_frozen_layers_stay():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4)))
    network[1].requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    precise_batch_norms(network)
    after = network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert [p.requires_grad for p in network.parameters()] == [True, True, False, False, True, True]
