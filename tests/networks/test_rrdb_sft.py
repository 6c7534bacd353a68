import pytest
import torch
from tests.golden.recipe import fill
from torch.nn.functional import interpolate, one_hot

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import upsample
from blindsr.networks import RRDBSFT
from blindsr.networks.blocks.condition import blur_input, class_input

CLASSES, VOID = 6, 255


def small(**options):
    sizes = {"features": 8, "growth": 4, "blocks": 2, "window": (4, 5), "num_classes": CLASSES}
    torch.manual_seed(0)
    return RRDBSFT(8, **{**sizes, **options})


def filled(network):
    state = network.state_dict()
    network.load_state_dict({k: fill(k, v.shape) for k, v in state.items()})
    return network


def inputs(n=2, h=7, w=9, scale=4):
    generator = torch.Generator().manual_seed(1)
    lr = torch.rand(n, 3, h, w, generator=generator)
    blur = 5 * torch.rand(n, 1, scale * h, scale * w, generator=generator)
    seg = torch.randint(0, CLASSES, (n, scale * h, scale * w), generator=generator)
    seg[:, :5] = VOID
    return lr, blur, seg


VARIANTS = [
    {},
    {"embed": "onehot"},
    {"condition": "lr"},
    {"condition": "lr", "embed": "onehot"},
    {"use_semantics": False},
    {"use_semantics": False, "condition": "lr"},
    {"use_blur": False, "embed": "onehot"},
    {"use_blur": False, "use_semantics": False},
    {"scale": 2, "window_layout": "legacy"},
    {"scale": 3},
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_every_parameter_learns_and_sizes_are_right(options):
    network = filled(small(**options)).train()
    scale = options.get("scale", 4)
    lr, blur, seg = inputs(scale=scale)
    sr = network(lr, blur, seg)
    assert sr.shape == (2, 3, 7 * scale, 9 * scale)
    sr.square().mean().backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_only_the_maps_that_are_used_matter(options):
    network = filled(small(**options)).eval()
    lr, blur, seg = inputs(scale=options.get("scale", 4))
    sr = network(lr, blur, seg)
    for use, changed in (
        ("use_blur", (lr, blur.flip(3), seg)),
        ("use_semantics", (lr, blur, seg.flip(2))),
    ):
        assert torch.equal(network(*changed), sr) != options.get(use, True)


def test_maps_that_are_not_used_may_be_absent():
    lr, blur, seg = inputs()
    assert small(use_semantics=False)(lr, blur).shape == (2, 3, 28, 36)
    assert small(use_blur=False)(lr, seg=seg).shape == (2, 3, 28, 36)
    assert small(use_semantics=False, use_blur=False)(lr).shape == (2, 3, 28, 36)


def test_a_map_that_is_not_used_has_no_parameters():
    def parts(**options):
        return {name.partition(".")[0] for name, _ in small(**options).named_parameters()}

    trunk = {"conv_first", "RRDB_trunk", "trunk_conv", "upsampler"}
    assert parts() == trunk | {"blur_conv", "seg_conv", "fuse"}
    assert parts(use_semantics=False) == trunk | {"blur_conv"}
    assert parts(use_blur=False) == trunk | {"seg_conv"}
    assert parts(use_blur=False, use_semantics=False) == trunk


def test_condition_is_read_at_every_fourth_pixel():
    network = filled(small()).eval()
    _, blur, seg = inputs()
    fused = network.fuse(network.blur_conv(blur), network.seg_conv(seg[:, None].float()))
    expected = interpolate(fused, scale_factor=0.25, mode="nearest")
    assert torch.equal(network.encode(blur, seg), expected)
    alone = filled(small(use_semantics=False)).eval()
    expected = alone.blur_conv(blur)[:, :, ::4, ::4]
    assert torch.allclose(alone.encode(blur, None), expected, atol=1e-5)


def test_condition_at_lr_has_the_same_tensors_and_fuses_the_sampled_maps():
    hr, lr = filled(small()).eval(), filled(small(condition="lr")).eval()
    shapes = [{k: v.shape for k, v in n.state_dict().items()} for n in (hr, lr)]
    assert shapes[0] == shapes[1]
    _, blur, seg = inputs()
    embedded = (lr.blur_conv(blur[..., ::4, ::4]), lr.seg_conv(seg[:, None, ::4, ::4].float()))
    assert torch.equal(lr.encode(blur, seg), lr.fuse(*embedded))
    assert not torch.allclose(lr.encode(blur, seg), hr.encode(blur, seg), atol=0.1)


def test_class_indices_are_never_averaged_and_void_is_no_class():
    seg = torch.tensor([[[2, 2, 5, 5], [2, 4, 5, 5], [0, 0, VOID, 1], [0, 0, VOID, VOID]]])
    index = class_input(seg, "index", CLASSES, 2, torch.float32)
    assert index.tolist() == [[[[2, 5], [0, VOID]]]]
    full = class_input(seg, "onehot", CLASSES, 1, torch.float32)
    expected = one_hot(seg.clamp(max=CLASSES), CLASSES + 1)[..., :CLASSES].permute(0, 3, 1, 2)
    assert torch.equal(full, expected.float())
    shares = class_input(seg, "onehot", CLASSES, 2, torch.float32)[0]
    assert shares[:, 0, 0].tolist() == [0, 0, 0.75, 0, 0.25, 0]
    assert shares[:, 1, 1].tolist() == [0, 0.25, 0, 0, 0, 0]
    assert shares.sum(0).tolist() == [[1, 1], [1, 0.25]]


def test_sigma_at_lr_is_one_of_the_map():
    blur = torch.arange(16.0).view(1, 1, 4, 4)
    assert blur_input(blur, 2).tolist() == [[[[0, 2], [8, 10]]]]


def test_start_values():
    torch.manual_seed(0)
    network = RRDBSFT(blocks=1)
    dense = network.RRDB_trunk[0].RDB2
    for conv, inputs_ in ((dense.conv1, 64), (dense.conv5, 192)):
        assert conv.bias.eq(0).all()
        expected = 0.1 * (2 / (9 * inputs_)) ** 0.5
        assert conv.weight.std().item() == pytest.approx(expected, rel=0.02)
    assert network.fuse.spatial.s1.item() == network.fuse.channel.c2.item() == 0


def test_residual_is_the_share_of_every_branch():
    whole, part = small(blocks=1, residual=1.0), small(blocks=1, residual=0.5)
    part.load_state_dict(whole.state_dict())
    x, condition = torch.randn(1, 8, 6, 7), torch.randn(1, 8, 6, 7)
    for network, share in ((whole, 1.0), (part, 0.5)):
        block = network.RRDB_trunk[0]
        dense = block.SFT(x, condition)
        for layer in (block.RDB1, block.RDB2, block.RDB3):
            branch = (layer(dense) - dense) / share
            kept, layer.residual = layer.residual, 1.0
            torch.testing.assert_close(branch, layer(dense) - dense, atol=1e-5, rtol=1e-5)
            layer.residual = kept
            dense = layer(dense)
        torch.testing.assert_close(block(x, condition), x + share * dense)


def test_layout_reaches_gia_and_can_be_switched():
    network = filled(small(window_layout="legacy")).eval()
    legacy = network(*inputs())
    assert network.fuse.spatial.window_layout == "legacy"
    network.window_layout = "fixed"
    assert torch.equal(network(*inputs()), filled(small()).eval()(*inputs()))
    assert not torch.equal(network(*inputs()), legacy)
    without = small(use_semantics=False, window_layout="legacy")
    assert without.window_layout == "legacy"


def test_an_image_does_not_depend_on_its_batch_in_evaluation():
    network = filled(small()).double().eval()
    lr, blur, seg = inputs(3)
    many = network(lr.double(), blur, seg)
    alone = network(lr[1:2].double(), blur[1:2], seg[1:2])
    assert torch.allclose(alone[0], many[1], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"lr": torch.rand(3, 7, 9)}, r"lr: shape \(3, 7, 9\), expected \(N, 3, h, w\)"),
        ({"lr": torch.rand(2, 1, 7, 9)}, "lr: shape"),
        ({"blur": torch.rand(2, 1, 7, 9)}, r"blur: shape .* expected \(2, 1, 28, 36\).* 4 times"),
        ({"blur": torch.rand(1, 1, 28, 36)}, "blur: shape"),
        ({"blur": None}, "blur: no map"),
        ({"seg": torch.zeros(2, 1, 28, 36, dtype=torch.int64)}, "seg: shape"),
        ({"seg": None}, "seg: no map"),
        ({"seg": torch.zeros(2, 28, 36)}, "seg: values of torch.float32, expected integer"),
    ],
)
def test_bad_input(change, word):
    with pytest.raises(DataError, match=word) as caught:
        small()(**{**dict(zip(("lr", "blur", "seg"), inputs(), strict=True)), **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"condition": "mr"}, {"embed": "one-hot"}, {"window_layout": "old"}]
)
def test_bad_options(options):
    with pytest.raises(ConfigError, match=f"{next(iter(options))}: "):
        small(**options)


def test_overfits_one_batch():
    network = small().train()
    lr, blur, seg = inputs(1, 6, 7)
    hr = interpolate(lr, scale_factor=4, mode="bicubic")
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(30):
        loss = (network(lr, blur, seg) - hr).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("phase", [0.0, 1.5])
def test_bicubic_skip_adds_the_enlarged_picture_in_its_phase(phase):
    settings = {"code_length": 4, "features": 8, "growth": 4, "blocks": 1, "condition": "lr"}
    torch.manual_seed(0)
    plain = RRDBSFT(**settings, use_semantics=False).eval()
    skipping = RRDBSFT(**settings, use_semantics=False, skip="bicubic", phase=phase).eval()
    lr, blur = torch.rand(1, 3, 12, 16), torch.rand(1, 1, 48, 64)
    with torch.no_grad():
        start = skipping(lr, blur)
        skipping.load_state_dict(plain.state_dict())
        difference = skipping(lr, blur) - plain(lr, blur)
    expected = upsample(lr, 4, phase=phase, method="bicubic")
    assert torch.equal(start, expected)  # where its training begins
    torch.testing.assert_close(difference, expected, atol=1e-5, rtol=0)
    with pytest.raises(ConfigError, match="skip: 'nearest'"):
        RRDBSFT(**settings, skip="nearest")
