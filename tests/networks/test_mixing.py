"""Mixing two networks: the closed forms of the paper, and what must not move."""

import math

import pytest
import torch
from torch import nn

from blindsr.errors import ConfigError
from blindsr.networks.mixing import cosine, distance, interpolate_, mix_coefficient


class Net(nn.Module):
    """Weights, zero biases, a batch norm, and buffers that are no statistics."""

    def __init__(self, width=5):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))
        self.head = nn.Linear(width, 2)
        self.register_buffer("attn_mask", torch.randn(4))
        self.register_buffer("index", torch.randint(9, (4,)))
        for module in (self.body[0], self.head):
            nn.init.zeros_(module.bias)
        nn.init.normal_(self.body[1].running_mean)
        nn.init.uniform_(self.body[1].running_var, 0.5, 2)


@pytest.fixture
def nets():
    torch.manual_seed(0)
    return Net(), Net()


def flat(net):
    return torch.cat([p.detach().double().flatten() for p in net.parameters()])


def vector(*values):
    net = nn.Module()
    net.weight = nn.Parameter(torch.tensor(values, dtype=torch.float64))
    return net


def copy_of(net, noise=0.0):
    other = Net()
    other.load_state_dict(net.state_dict())
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(noise * torch.randn_like(parameter))
    return other


def test_global_cosine_and_distance_are_those_of_one_long_vector(nets):
    one, other = (flat(net) for net in nets)
    assert cosine(*nets).dtype == torch.float64
    assert cosine(*nets).shape == distance(*nets).shape == ()
    expected = torch.dot(one, other) / one.norm() / other.norm()
    torch.testing.assert_close(cosine(*nets), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(distance(*nets), (one - other).norm(), rtol=1e-6, atol=0)


def test_per_tensor_cosine_is_the_unweighted_mean(nets):
    pairs = zip(nets[0].parameters(), nets[1].parameters(), strict=True)
    each = [nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0) for a, b in pairs]
    expected = torch.stack(each).detach().double().mean()
    torch.testing.assert_close(cosine(*nets, form="per_tensor"), expected, rtol=1e-5, atol=1e-7)
    assert abs(float(expected) - float(cosine(*nets))) > 0.1


def test_zero_biases_of_equal_networks_count_zero_per_tensor():
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 2, 3) for _ in range(345)] + [nn.PReLU() for _ in range(12)]
    net = nn.Sequential(*layers)
    for layer in layers[:345]:
        nn.init.zeros_(layer.bias)
    assert len(list(net.parameters())) == 702  # as many as the ESRGAN generator
    assert float(cosine(net, net)) == 1
    assert float(cosine(net, net, form="per_tensor")) == pytest.approx(0.509, abs=5e-4)


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-3, 0.5, math.pi / 2, math.pi])
def test_one_minus_cosine_keeps_its_digits(angle):
    pair = vector(3.0, 0.0), vector(2 * math.cos(angle), 2 * math.sin(angle))
    assert float(1 - cosine(*pair)) == pytest.approx(2 * math.sin(angle / 2) ** 2, abs=1e-15)


def test_one_minus_cosine_of_float32_networks_that_hardly_parted():
    torch.manual_seed(0)
    net = nn.Linear(1000, 300)
    other = nn.Linear(1000, 300)
    other.load_state_dict(net.state_dict())
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1 + 1e-5 * torch.randn_like(parameter))
    one, two = (vector / vector.square().sum().sqrt() for vector in (flat(net), flat(other)))
    expected = (one - two).square().sum() / 2  # 1 - dot product has but three digits left here
    assert 0 < float(expected) < 1e-9
    assert float(1 - cosine(net, other)) == pytest.approx(float(expected), rel=1e-5)


def test_cosine_of_nothing_is_zero():
    assert float(cosine(vector(0.0, 0.0), vector(1.0, 2.0))) == 0
    assert float(cosine(vector(0.0, 0.0), vector(0.0, 0.0))) == 0


@pytest.mark.parametrize(
    ("cos", "paper", "released"),
    [(1.0, 5e-3, 0.0), (0.99, 5.05e-3, 5e-5), (0.9, 5.5e-3, 5e-4), (0.0, 1e-2, 5e-3)],
)
def test_coefficients_of_the_paper_and_of_its_code(cos, paper, released):
    cos = torch.tensor(cos, dtype=torch.float64)
    assert float(1 - mix_coefficient(cos, 0.99)) == pytest.approx(paper, abs=1e-12)
    assert float(1 - mix_coefficient(cos, 0.995, "released")) == pytest.approx(released, abs=1e-12)
    assert float(mix_coefficient(cos, 0.999, "constant")) == 0.999
    assert float(mix_coefficient(cos, 0.0)) == pytest.approx(float(cos) / 2)


@pytest.mark.parametrize("lam", [1.0, 0.995, 0.7, 0.5, 0.25, 0.0])
def test_sum_stays_and_difference_scales(nets, lam):
    one, other = (flat(net) for net in nets)
    interpolate_(*nets, torch.tensor(lam, dtype=torch.float64))
    new, new_other = (flat(net) for net in nets)
    torch.testing.assert_close(new + new_other, one + other, rtol=0, atol=1e-6)
    torch.testing.assert_close(new - new_other, (2 * lam - 1) * (one - other), rtol=0, atol=1e-6)
    torch.testing.assert_close(new, lam * one + (1 - lam) * other, rtol=0, atol=1e-6)
    if lam == 1:
        assert torch.equal(new, one)
    if lam < 0.5:  # each is nearer to where the other was
        assert (new - other).norm() < (new - one).norm()


def test_half_collapses_and_a_number_does_as_well_as_a_tensor(nets):
    same = copy_of(nets[0]), copy_of(nets[1])
    interpolate_(*nets, 0.5)
    interpolate_(*same, torch.tensor(0.5))
    assert float(distance(*nets)) < 1e-6
    assert all(torch.equal(flat(a), flat(b)) for a, b in zip(nets, same, strict=True))


def test_running_statistics_follow_and_other_buffers_stay(nets):
    old = [{k: v.clone() for k, v in net.state_dict().items()} for net in nets]
    nets[0].body[1].num_batches_tracked += 3
    interpolate_(*nets, 0.75)
    for net, mine, theirs in zip(nets, old, reversed(old), strict=True):
        for name in ("body.1.running_mean", "body.1.running_var"):
            expected = 0.75 * mine[name] + 0.25 * theirs[name]
            torch.testing.assert_close(net.state_dict()[name], expected)
        for name in ("attn_mask", "index"):
            assert torch.equal(net.state_dict()[name], mine[name])
    assert [int(net.body[1].num_batches_tracked) for net in nets] == [3, 0]


@pytest.mark.parametrize("frozen_in", [(0, 1), (0,), (1,)])
def test_frozen_parameters_neither_count_nor_move(nets, frozen_in):
    for position in frozen_in:
        nets[position].head.requires_grad_(False)
    old = [net.head.weight.clone() for net in nets]
    without = float(cosine(*nets)), float(distance(*nets))
    with torch.no_grad():
        nets[0].head.weight.mul_(100)
    assert (float(cosine(*nets)), float(distance(*nets))) == without
    interpolate_(*nets, 0.6)
    assert torch.equal(nets[0].head.weight, 100 * old[0])
    assert torch.equal(nets[1].head.weight, old[1])


def test_parameters_stay_the_same_objects_and_optimisers_keep_their_state(nets):
    optimizers = [torch.optim.Adam(net.parameters(), 0.1) for net in nets]
    for net, optimizer in zip(nets, optimizers, strict=True):
        sum(p.square().sum() for p in net.parameters()).backward()
        optimizer.step()
    before = [(id(p), p.data_ptr(), p._version) for p in nets[0].parameters()]
    gradients = [p.grad.clone() for p in nets[0].parameters()]
    moments = [
        {key: value.clone() for key, value in state.items()}
        for optimizer in optimizers
        for state in optimizer.state.values()
    ]
    interpolate_(*nets, 0.9)
    after = [(id(p), p.data_ptr(), p._version) for p in nets[0].parameters()]
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert all(new[2] > old[2] for new, old in zip(after, before, strict=True))
    assert all(p.requires_grad and p.is_leaf for p in nets[0].parameters())
    assert all(torch.equal(p.grad, g) for p, g in zip(nets[0].parameters(), gradients, strict=True))
    states = [state for optimizer in optimizers for state in optimizer.state.values()]
    for state, moment in zip(states, moments, strict=True):
        assert all(torch.equal(state[key], moment[key]) for key in moment)


def test_a_graph_recorded_before_mixing_cannot_be_used_after_it(nets):
    loss = nets[0].head(torch.randn(4, 5, requires_grad=True)).square().sum()
    interpolate_(*nets, 0.9)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_networks_that_differ_are_refused(nets):
    with pytest.raises(ConfigError, match=r"body\.0\.weight: \(5, 3, 3, 3\) in the first, \(6,"):
        cosine(nets[0], Net(width=6))
    with pytest.raises(ConfigError, match=r"0\.bias: \(2,\) in the first, missing in the second"):
        interpolate_(nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2, bias=False)), 1)
    plain = nn.BatchNorm2d(3, track_running_stats=False)
    with pytest.raises(ConfigError, match=r"running_mean: missing in the first, \(3,\)"):
        interpolate_(plain, nn.BatchNorm2d(3), 0.9)
    with pytest.raises(ConfigError, match="no parameter that is trainable in both"):
        distance(nets[0].requires_grad_(False), nets[1])


@pytest.mark.parametrize("form", ["global", "per_tensor"])
def test_no_number_is_read_from_the_device(form):
    nets = Net().to("meta"), Net().to("meta")  # reading a value of a meta tensor is an error
    cos = cosine(*nets, form=form)
    interpolate_(*nets, mix_coefficient(cos, 0.9))
    assert {cos.device.type, distance(*nets).device.type} == {"meta"}
    with pytest.raises(RuntimeError, match="meta"):
        float(cos)
