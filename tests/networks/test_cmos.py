import pytest
import torch
from tests.golden.recipe import fill

from blindsr.errors import ConfigError, DataError
from blindsr.networks import CMOS, GIA
from blindsr.networks.backbones.by_name import BACKBONES, create_backbone


def small(num_classes=5, **options):
    torch.manual_seed(0)
    return CMOS(num_classes, backbone="pyramid_small", **options)


def filled(network):
    state = network.state_dict()
    network.load_state_dict({k: fill(k, v.shape) for k, v in state.items()})
    return network


def lr_image(n=1, h=16, w=16):
    return torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (16, 90), (57, 33)])
@pytest.mark.parametrize("training", [False, True])
def test_any_size_from_16(size, training):
    network = small(scale=3).train(training)
    estimate = network(lr_image(2, *size))
    h, w = 3 * size[0], 3 * size[1]
    assert [tuple(x.shape) for x in estimate[:4]] == [
        (2, 1, h, w),
        (2, 5, h, w),
        (2, 1, h, w),
        (2, 5, h, w),
    ]
    assert all(torch.isfinite(x).all() for x in estimate[:4])


@pytest.fixture(scope="module")
def full():
    return CMOS().eval()


@torch.no_grad()
@pytest.mark.parametrize("size", [(16, 16), (19, 41)])
def test_full_network_takes_small_and_odd_images(full, size):
    estimate = full(lr_image(1, *size))
    assert estimate.blur.shape == (1, 1, 4 * size[0], 4 * size[1])
    assert all(torch.isfinite(x).all() for x in estimate[:4])


@pytest.mark.parametrize(
    ("shape", "word"),
    [
        ((1, 3, 15, 40), "15x40"),
        ((1, 3, 40, 8), "40x8"),
        ((3, 32, 32), "shape"),
        ((1, 1, 32, 32), "shape"),
    ],
)
def test_bad_input(shape, word):
    with pytest.raises(DataError, match=word):
        small()(torch.rand(shape))


def test_training_batch_of_one_image():
    network = small().train()
    sum(x.square().mean() for x in network(lr_image(1, 24, 32))[:4]).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("parts", ["FCS", "FC", "F", ""])
def test_no_parameter_without_gradient(parts):
    network = filled(small(gia_parts=parts)).train()
    estimate = network(lr_image(2, 48, 64))
    sum((x**3).mean() for x in estimate[:4]).backward()
    # A bias in front of a batch norm is the one thing that cannot matter in training.
    without = [
        name
        for name, p in network.named_parameters()
        if p.grad is None or not (p.grad.any() or name.endswith("last_layer.0.bias"))
    ]
    assert without == []


def test_an_image_does_not_depend_on_its_batch_in_evaluation():
    network = filled(small()).double().eval()
    lr = lr_image(3, 20, 28).double()
    alone = network(lr[1:2])
    for one, many in zip(alone[:4], network(lr)[:4], strict=True):
        assert torch.allclose(one[0], many[1], atol=1e-12)


def test_tasks_talk_to_each_other():
    network = filled(small()).eval()
    lr = lr_image(1, 32, 32)
    before = network(lr).seg_logits
    with torch.no_grad():
        network.heads[3].refinement["blur"][0].conv1.weight.mul_(3.0)
    assert not torch.equal(network(lr).seg_logits, before)


def test_auxiliary_maps_come_from_the_finest_head():
    network = filled(small()).eval()
    lr = lr_image(1, 32, 32)
    before = network(lr)
    with torch.no_grad():
        network.heads[0].decoders["blur"].bias.add_(2.0)
    after = network(lr)
    assert torch.allclose(after.aux_blur, before.aux_blur + 2.0, atol=1e-5)
    assert torch.equal(after.blur, before.blur)


def test_window_and_layout_reach_every_gia():
    network = small(window=(6, 8), window_layout="legacy")
    gias = [m for m in network.modules() if isinstance(m, GIA)]
    assert len(gias) == 13
    assert {g.spatial.window for g in gias} == {(6, 8)}
    assert {g.spatial.window_layout for g in gias} == {"legacy"}
    network.window_layout = "fixed"
    assert {g.spatial.window_layout for g in gias} == {"fixed"}
    assert network.window_layout == "fixed"


def test_small_backbone_is_small():
    assert sum(p.numel() for p in small(10).parameters()) < 700_000


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_backbones_keep_the_promise_of_the_seam(name):
    backbone, channels = create_backbone(name)
    features = backbone.eval()(lr_image(1, 21, 34))
    assert [tuple(x.shape[1:]) for x in features] == [
        (channels[0], 21, 34),
        (channels[1], 11, 17),
        (channels[2], 6, 9),
        (channels[3], 3, 5),
    ]


def test_batch_norm_momentum_of_backbone_and_rest():
    network = CMOS(2)
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.momentum == (0.01 if name.startswith("backbone.") else 0.1), name


def test_unknown_backbone():
    with pytest.raises(ConfigError, match=r"backbone: 'resnet'.*pyramid_small"):
        CMOS(backbone="resnet")


def test_overfits_one_batch():
    torch.manual_seed(0)
    network = small(num_classes=3, window=(6, 8)).train()
    lr = lr_image(2, 16, 20)
    target = torch.nn.functional.interpolate(lr.mean(1, keepdim=True), scale_factor=4) * 5
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(15):
        loss = (network(lr).blur - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
