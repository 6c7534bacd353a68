import pytest
import torch
from tests.golden.recipe import fill
from tests.helpers import quadratic

from blindsr.errors import ConfigError
from blindsr.networks import GIA
from blindsr.networks.blocks.gia import spatial
from blindsr.networks.blocks.gia.align import warp
from blindsr.networks.gia import default_groups


def filled(network, prefix="gia."):
    """The network with tensors of the recipe: every gate open, nothing symmetric."""
    state = network.state_dict()
    network.load_state_dict({k: fill(prefix + k, v.shape) for k, v in state.items()})
    return network


def inputs(low=8, high=6, coarse=(4, 5), fine=(7, 9), batch=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(batch, low, *coarse, generator=generator, dtype=dtype),
        torch.randn(batch, high, *fine, generator=generator, dtype=dtype),
    )


def small(**options):
    options = {"groups": 2, "window": (4, 5), "upsample": True, **options}
    return filled(GIA(8, 6, **options)).double()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layout", ["fixed", "legacy"])
def test_linear_form_equals_the_quadratic_affinity(monkeypatch, training, layout):
    gia = small(window_layout=layout).train(training)
    linear = gia(*inputs())
    monkeypatch.setattr(spatial, "affinity_sum", quadratic.affinity_sum)
    for ours, paper in zip(linear, gia.train(training)(*inputs()), strict=True):
        assert (ours - paper).abs().max() < 1e-10 * paper.abs().max()


def test_linear_form_has_the_gradients_of_the_quadratic_affinity(monkeypatch):
    def gradients():
        gia = small().train()
        sum((out**2).mean() for out in gia(*inputs())).backward()
        return torch.cat([p.grad.flatten() for p in gia.parameters()])

    linear = gradients()
    monkeypatch.setattr(spatial, "affinity_sum", quadratic.affinity_sum)
    paper = gradients()
    assert (linear - paper).abs().max() < 1e-10 * paper.abs().max()


@pytest.mark.parametrize("parts", ["FCS", "FC", "F", ""])
def test_gradcheck(parts):
    gia = small(parts=parts, merge=True, window=(3, 4)).train()
    x1, x2 = inputs(coarse=(2, 3), fine=(4, 5))
    assert torch.autograd.gradcheck(
        gia, (x1.requires_grad_(), x2.requires_grad_()), eps=1e-7, atol=1e-5, fast_mode=True
    )


def test_merge_is_the_sum_of_both_outputs():
    pair = small()(*inputs())
    assert torch.equal(small(merge=True)(*inputs()), pair[0] + pair[1])


def test_layouts_differ_and_can_be_switched():
    gia = small().eval()
    fixed = gia(*inputs())[0]
    gia.window_layout = "legacy"
    legacy = gia(*inputs())[0]
    assert (fixed - legacy).abs().max() > 0.1 * fixed.std()
    assert torch.equal(small(window_layout="legacy").eval()(*inputs())[0], legacy)


@pytest.mark.parametrize(
    ("parts", "has"),
    [
        ("FCS", {"upsample_layer", "channel", "spatial", "smooth1", "smooth2"}),
        ("FC", {"upsample_layer", "channel"}),
        ("F", {"upsample_layer"}),
        ("", {"upsample_layer"}),
    ],
)
def test_parts_hold_only_what_they_use(parts, has):
    gia = small(parts=parts).train()
    assert {name.partition(".")[0] for name, _ in gia.named_parameters()} == has
    outputs = gia(*inputs())
    assert [tuple(out.shape) for out in outputs] == [(2, 6, 7, 9)] * 2
    sum((out**3).mean() for out in outputs).backward()
    assert [n for n, p in gia.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_plain_fusion_of_equal_channels_has_no_parameters_and_changes_nothing():
    gia = GIA(6, 6, groups=2, parts="")
    x1, x2 = inputs(low=6, coarse=(7, 9))
    assert list(gia.parameters()) == []
    assert all(torch.equal(a, b) for a, b in zip(gia(x1, x2), (x1, x2), strict=True))


def test_gates_start_closed_and_convolutions_kaiming():
    torch.manual_seed(0)
    gia = GIA(64, 64, groups=8)
    gates = (gia.channel.c1, gia.channel.c2, gia.spatial.s1, gia.spatial.s2)
    assert all(gate.item() == 0 for gate in gates)
    fan_out = 9 * 64
    for conv_bn, gain in ((gia.spatial.conv_first1, 2 / (1 + 0.01**2)), (gia.smooth1, 2.0)):
        assert conv_bn.conv.weight.std().item() == pytest.approx((gain / fan_out) ** 0.5, rel=0.02)


def test_training_batch_of_one_image_uses_running_statistics_of_the_pooled_vector():
    gia = small().train()
    norm = gia.channel.channel_att1.conv_1x1.bn
    before = norm.running_mean.clone()
    out = gia(*inputs(batch=1))
    assert all(torch.isfinite(x).all() for x in out)
    assert torch.equal(norm.running_mean, before)
    gia(*inputs(batch=2))
    assert not torch.equal(norm.running_mean, before)


def test_zero_flow_on_the_same_size_leaves_the_map():
    x = torch.rand(2, 3, 7, 9, dtype=torch.float64)
    assert torch.allclose(warp(x, torch.zeros(2, 2, 7, 9, dtype=torch.float64)), x, atol=1e-12)


def test_flow_holds_x_before_y_and_counts_in_shares_of_the_size():
    x = torch.rand(1, 1, 7, 9, dtype=torch.float64)
    flow = torch.zeros(1, 2, 7, 9, dtype=torch.float64)
    flow[:, 0] = 9 * 2 / 8  # corners are 2 apart over 8 columns: one column to the right
    assert torch.allclose(warp(x, flow)[..., :-1], x[..., 1:], atol=1e-12)
    flow.zero_()[:, 1] = 7 * 2 / 6
    assert torch.allclose(warp(x, flow)[..., :-1, :], x[..., 1:, :], atol=1e-12)


def test_autocast_keeps_the_grid_and_the_affinity_precise():
    gia = filled(GIA(8, 6, groups=2, window=(4, 5), upsample=True)).eval()
    x1, x2 = inputs(dtype=torch.float32)
    exact = gia(x1, x2)[0]
    with torch.autocast("cpu", torch.bfloat16):
        half = gia(x1, x2)[0]
    assert (half - exact).abs().max() < 0.1 * exact.std()


@pytest.mark.parametrize(("channels", "groups"), [(18, 3), (36, 6), (72, 8), (144, 12), (13, 1)])
def test_default_groups(channels, groups):
    assert default_groups(channels) == groups


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"groups": 4}, "groups"),
        ({"groups": 2, "parts": "CS"}, "parts"),
        ({"groups": 2, "window_layout": "new"}, "window_layout"),
    ],
)
def test_bad_options(options, word):
    with pytest.raises(ConfigError, match=word):
        GIA(6, 6, **options)
