"""SVKR, AMF, the denoiser and all of SSR: invariants that no training gives."""

import itertools

import pytest
import torch
from torch import nn

from blindsr.errors import ConfigError
from blindsr.networks import SSR, SVKR
from blindsr.networks.ssr.amf import AMF, Modalities
from blindsr.networks.ssr.conditioned import ConditionedDenoiser
from blindsr.networks.ssr.constrained import known

SMALL = {"kernel_width": 8, "kernel_blocks": 2, "width": 8, "blocks": 1}


def awake(network):
    """Layers that start at zero get weights, so that all of the network matters."""
    draw = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if not parameter.any():
            parameter.data.normal_(std=0.2, generator=draw)
    return network.eval().requires_grad_(False)


def small(**options):
    torch.manual_seed(0)
    return awake(SSR(**SMALL | options))


def picture(height=12, width=15, count=1, seed=0):
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 5, generator=draw)
    return nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("scale", [2, 4])
def test_result_and_maps_have_hr_size(scale):
    sr, estimate = small(scale=scale).restore(picture(13, 9))
    assert sr.shape == (1, 3, 13 * scale, 9 * scale)
    assert estimate.blur.shape == estimate.blur_scale.shape == (1, 1, 13 * scale, 9 * scale)
    assert (estimate.blur >= 0).all()
    assert (estimate.blur_scale > 0).all()
    assert 0 <= sr.min() <= sr.max() <= 1


def test_a_sample_is_decided_by_seed_and_number_alone():
    network, lr = small(), picture()
    told = network.estimate_all(lr)
    first = network.sample(lr, told, seed=1)
    assert torch.equal(first, network.sample(lr, told, seed=1))
    for other in ({"seed": 2}, {"seed": 1, "number": 1}):
        assert not torch.allclose(first, network.sample(lr, told, **other), atol=1e-3)


def test_the_place_in_a_batch_does_not_matter():
    network = small()
    lr = picture(count=2)
    both = network.restore(lr)[0]
    for index in range(2):
        alone = network.restore(lr[index : index + 1])[0]
        torch.testing.assert_close(both[index : index + 1], alone, atol=1e-4, rtol=0)


def test_tiles_give_the_picture_of_the_whole():
    network, lr = small(steps=2, iterations=1), picture(10, 90)
    told = network.estimate_all(lr)
    whole = network.sample(lr, told, tile=4096)
    tiled = network.sample(lr, told, tile=64)
    assert (whole - tiled).abs().max() < 1e-5
    assert (network.sample(lr, told, constraint="none") - whole).abs().max() > 1e-2


def test_samples_differ_only_in_what_lr_cannot_tell():
    network, lr = small(uncertainty=False), picture(16, 16)
    told = known(torch.full((1, 1, 64, 64), 2.0))
    operator = network.operator_of(told)
    seen = {}
    for constraint in ("none", "last", "every"):
        a, b = (network.sample(lr, told, seed=s, constraint=constraint) for s in (0, 1))
        seen[constraint] = float(operator(a - b).square().mean() / (a - b).square().mean())
    assert seen["every"] < 0.3 * seen["none"]
    assert seen["last"] < 0.3 * seen["none"]


def test_uncertainty_weakens_the_data_step_where_sigma_is_unsure():
    lr = picture(16, 16)
    sure, unsure = (
        known(torch.full((1, 1, 64, 64), 2.0))._replace(log_scale=torch.full((1, 1, 64, 64), b))
        for b in (-5.0, 1.5)
    )
    network = small()
    moved = [
        network.sample(lr, told, constraint="every") - network.sample(lr, told, constraint="none")
        for told in (sure, unsure)
    ]
    assert moved[1].square().mean() < moved[0].square().mean()


@pytest.mark.parametrize("operator", ["gather", "layered"])
def test_both_operators(operator):
    sr, _ = small(operator=operator).restore(picture(8, 8))
    assert sr.isfinite().all()


MAPS = Modalities(
    picture(16, 16), *(torch.rand(1, 1, 64, 64, generator=torch.manual_seed(i)) for i in range(3))
)
STEP = torch.tensor([2])


@pytest.mark.parametrize("fusion", ["gated", "concat"])
@pytest.mark.parametrize(
    "modalities", [*itertools.combinations(("lr", "depth", "kernel"), 2), ("lr",), ("kernel",)]
)
def test_amf_works_without_some_modalities(modalities, fusion):
    amf = AMF(scale=4, steps=4, widths=(8, 16), modalities=modalities, fusion=fusion)
    assert [tuple(f.shape) for f in amf(MAPS, STEP)] == [(1, 8, 32, 32), (1, 16, 16, 16)]
    assert all(not f.any() for f in amf(MAPS, STEP)), "starts at zero"
    gates = amf.gates(MAPS, STEP)
    assert gates[0].shape[1] == len(modalities)
    if fusion == "gated":
        assert all(torch.allclose(g.sum(dim=1), torch.ones(())) for g in gates)


def test_each_modality_reaches_the_pyramid():
    amf = awake(AMF(scale=4, steps=4, widths=(8, 16)))
    before = amf(MAPS, STEP)
    for index, part in enumerate(MAPS):
        after = amf(MAPS._replace(**{MAPS._fields[index]: part + 0.5}), STEP)
        assert all((a - b).abs().max() > 1e-4 for a, b in zip(after, before, strict=True))


def test_an_untrained_denoiser_is_the_enlargement():
    network = ConditionedDenoiser(
        scale=4, steps=4, width=8, blocks=1, modalities=("lr",), fusion="gated"
    )
    x, start = torch.rand(2, 1, 3, 64, 64)
    assert torch.equal(network(x, start, MAPS, STEP), start)


def test_no_layer_looks_at_the_whole_picture():
    """Every pixel of the denoiser sees 112 pixels and no further."""
    network = awake(
        ConditionedDenoiser(
            scale=4,
            steps=4,
            width=8,
            blocks=2,
            modalities=("lr", "depth", "kernel"),
            fusion="gated",
        )
    )
    told = Modalities(torch.rand(1, 3, 80, 80), *(torch.rand(1, 1, 320, 320) for _ in range(3)))
    x, start = torch.rand(1, 3, 320, 320), torch.rand(1, 3, 320, 320)
    whole = network(x, start, told, STEP)
    changed = Modalities(told.lr.clone(), *(m.clone() for m in told[1:]))
    for name in ("lr", "depth", "blur", "log_scale"):
        side = 40 if name == "lr" else 160
        getattr(changed, name)[..., side, side] += 100
    x = x.clone()
    x[..., 160, 160] += 100
    far = torch.ones(320, 320, dtype=torch.bool)
    far[160 - 112 : 160 + 112, 160 - 112 : 160 + 112] = False
    moved = (network(x, start, changed, STEP) - whole).abs().amax(dim=(0, 1))
    assert moved[far].max() < 1e-6 < moved.max()


def test_svkr_iterates_and_each_part_matters():
    network = awake(SVKR(width=8, blocks=2, iterations=2))
    found = network.iterate(picture())
    assert len(found) == 3
    assert not found[0].lens.any()
    assert found[1].lens.any()
    assert all(0 <= f.depth.min() <= f.depth.max() <= 1 for f in found)
    assert not torch.equal(found[1].depth, found[0].depth), "a preview changes depth"
    assert not torch.equal(found[1].blur, found[0].blur), "depth changes the kernel"
    torch.testing.assert_close(network(picture()).blur, found[2].blur)


def test_ablations_leave_parts_out():
    without = SVKR(width=8, blocks=2, use_depth=False)
    assert not [name for name, _ in without.named_parameters() if name.startswith("depth_net")]
    assert len(without.iterate(picture())) == 1
    assert len(SVKR(width=8, blocks=2, iterations=1).iterate(picture())) == 2


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = SSR(**SMALL)
    for parameter in network.parameters():
        if not parameter.any():
            parameter.data.normal_(std=0.2)
    lr = picture()
    found = network.svkr.iterate(lr)
    loss = sum((f.blur + f.log_scale).mean() + f.depth.mean() for f in found)
    told = Modalities(lr, found[-1].depth, found[-1].blur, found[-1].log_scale)
    x = torch.rand(1, 3, 48, 60)
    for t in range(1, 5):
        loss = loss + network.conditioned(x, x.flip(3), told, torch.tensor([t])).mean()
    loss.backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scale": 3}, "scale: 3, expected 2 or 4"),
        ({"fusion": "sum"}, "fusion: 'sum'"),
        ({"constraint": "first"}, "constraint: 'first'"),
        ({"operator": "fft"}, "operator: 'fft'"),
        ({"tell_lr": False, "tell_depth": False, "tell_kernel": False}, "modalities"),
        ({"iterations": -1}, "iterations: -1"),
        ({"steps": 0}, "steps: 0"),
        ({"operator": "layered", "use_depth": False}, "operator: layered without depth"),
    ],
)
def test_wrong_settings_end_in_one_line(wrong, words):
    with pytest.raises(ConfigError, match=words):
        SSR(**SMALL | wrong)
