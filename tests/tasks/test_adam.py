import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import nn

from blindsr.tasks.adam import adam

INNERMOST = torch.channels_last
PLAIN = torch.contiguous_format


def weight(layout):
    draw = torch.Generator().manual_seed(0)
    drawn = torch.randn(4, 3, 3, 3, generator=draw, dtype=torch.float64)
    return nn.Parameter(drawn.contiguous(memory_format=layout))


def learn(optimizer, weight, steps):
    for step in range(steps):
        optimizer.zero_grad()
        (weight.sin() * (step + torch.arange(3.0)[:, None, None])).sum().backward()
        optimizer.step()


def made(make, layout):
    learnt = weight(layout)
    return make([learnt], lr=0.1, betas=(0.8, 0.9), weight_decay=0.01), learnt


@pytest.mark.parametrize("layout", [PLAIN, INNERMOST])
def test_one_operation_on_a_cpu_learns_the_same(layout):
    (ours, found), (torchs, expected) = made(adam, layout), made(torch.optim.Adam, PLAIN)
    assert ours.param_groups[0]["fused"]
    for one in ((ours, found), (torchs, expected)):
        learn(*one, 5)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("before", "after"), [(PLAIN, INNERMOST), (INNERMOST, PLAIN)])
@pytest.mark.parametrize("first", [adam, torch.optim.Adam])
def test_a_checkpoint_of_another_layout_goes_on_as_if_it_were_its_own(first, before, after):
    whole, expected = made(torch.optim.Adam, PLAIN)
    learn(whole, expected, 2)
    learn(whole, expected, 3)
    begun, start = made(first, before)
    learn(begun, start, 2)
    resumed, found = made(adam, after)
    resumed.load_state_dict(begun.state_dict())
    with torch.no_grad():
        found.copy_(start)
    learn(resumed, found, 3)
    torch.testing.assert_close(found, expected)
    assert resumed.param_groups[0]["fused"]


def test_other_devices_are_left_to_torch():
    weights = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1, device="meta"))]
    assert adam(weights).param_groups[0]["fused"] is None


def test_gradients_may_be_clipped_in_mixed_precision():
    optimizer, learnt = made(adam, PLAIN)
    learn(optimizer, learnt, 1)
    clip = MixedPrecision("bf16-mixed", "cpu").clip_gradients
    clip(optimizer, clip_val=0.1)
    assert learnt.grad.norm() <= 0.1 + 1e-6
