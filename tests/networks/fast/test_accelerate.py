import pytest
import torch
from tests.helpers.filled import filled

from blindsr.errors import ConfigError, DataError
from blindsr.networks import CMOS, RRDBSFT, BlindSR, accelerate
from blindsr.networks.fast.merged import MergedConv
from blindsr.networks.fast.rrdb_sft import FastRRDBSFT

CLASSES = 7


def small(**options):
    sizes = {"features": 8, "growth": 4, "blocks": 1, "window": (6, 8), "num_classes": CLASSES}
    return filled(RRDBSFT(8, **{**sizes, **options}))


def inputs(n=2, h=9, w=13, scale=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    lr = torch.rand(n, 3, h, w, generator=generator, dtype=dtype)
    blur = 5 * torch.rand(n, 1, scale * h, scale * w, generator=generator, dtype=dtype)
    seg = torch.randint(0, CLASSES, (n, scale * h, scale * w), generator=generator)
    seg[:, :3, -6:] = 255
    return lr, blur, seg


@torch.no_grad()
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(
    "options",
    [{}, {"window_layout": "legacy"}, {"embed": "onehot"}, {"scale": 2}, {"scale": 1}],
    ids=str,
)
@pytest.mark.parametrize("size", [(9, 13), (5, 7), (2, 2)])
def test_condition_at_hr_is_the_same_to_the_border(options, size, channels_last):
    network = small(**options).double()
    fast = accelerate(network, channels_last=channels_last)
    assert isinstance(fast, FastRRDBSFT)
    lr, blur, seg = inputs(2, *size, scale=options.get("scale", 4))
    condition = network.encode(blur, seg)
    assert (fast.encoder(blur, seg) - condition).abs().max() < 1e-11 * condition.std()
    sr = network(lr, blur, seg)
    assert (fast(lr, blur, seg) - sr).abs().max() < 1e-11 * sr.std()


@torch.no_grad()
def test_float32_and_strips_of_windows(monkeypatch):
    monkeypatch.setattr("blindsr.networks.fast.rrdb_sft.STRIP", 1)
    network = small()
    lr, blur, seg = inputs(1, 20, 31, dtype=torch.float32)
    sr = network(lr, blur, seg)
    assert (accelerate(network)(lr, blur, seg) - sr).abs().max() < 1e-4 * sr.std()


@torch.no_grad()
def test_bfloat16_is_as_near_to_float32_as_the_plain_form():
    network = small()
    fast = accelerate(network)
    arguments = inputs(1, 12, 17, dtype=torch.float32)
    exact = network(*arguments)
    with torch.autocast("cpu", torch.bfloat16):
        errors = [(form(*arguments) - exact).abs().mean() for form in (network, fast)]
    assert errors[1] < 1.5 * errors[0]
    assert errors[0] < 0.1 * exact.std()


@torch.no_grad()
@pytest.mark.parametrize(
    "options", [{"condition": "lr"}, {"use_semantics": False}, {"use_blur": False}], ids=str
)
def test_other_conditions(options):
    network = small(**options).double()
    sr = network(*inputs())
    fast = accelerate(network)
    assert (fast(*inputs()) - sr).abs().max() < 1e-11 * sr.std()
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fast.modules())


@torch.no_grad()
def test_blind_pipeline():
    estimator = CMOS(CLASSES, backbone="pyramid_small", window=(6, 8))
    network = BlindSR(filled(estimator), small()).double().eval()
    fast = accelerate(network)
    lr = inputs(1, 18, 21)[0]
    sr, estimate = network(lr)
    fast_sr, fast_estimate = fast(lr)
    assert (fast_estimate.blur - estimate.blur).abs().max() < 1e-9 * estimate.blur.std()
    assert (fast_sr - sr).abs().max() < 1e-9 * sr.std()
    assert isinstance(fast.restorer, FastRRDBSFT)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fast.modules())


def test_the_original_is_left_as_it_was():
    network = small()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    accelerate(network)(*inputs(dtype=torch.float32))
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert all(p.requires_grad for p in network.parameters())


def test_refusals():
    with pytest.raises(ConfigError, match="RRDBSFT in training mode"):
        accelerate(small().train())
    lr, blur, seg = inputs(dtype=torch.float32)
    with pytest.raises(DataError, match="blur: shape"):
        accelerate(small())(lr, blur[..., 1:], seg)


@torch.no_grad()
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 9), (7, 5)])
@pytest.mark.parametrize("middle", [2, 30])
def test_merged_convolution(stride, size, middle):
    torch.manual_seed(0)
    first, second = (
        torch.nn.Conv2d(4, middle, 3, padding=1),
        torch.nn.Conv2d(middle, 5, 3, padding=1),
    )
    merged = MergedConv(first, second, stride).double()
    x = torch.randn(2, 4, *size, dtype=torch.float64)
    expected = second(first(x))[:, :, ::stride, ::stride]
    # Merging happens in the precision of the float32 weights' own sums, rounded once to float32.
    assert (merged(x) - expected).abs().max() < 1e-5


def test_two_convolutions_stay_two_where_that_costs_less():
    def merged(inputs_, middle, outputs, stride):
        convs = (
            torch.nn.Conv2d(inputs_, middle, 3, padding=1),
            torch.nn.Conv2d(middle, outputs, 3, padding=1),
        )
        return MergedConv(*convs, stride).merged is not None

    assert merged(1, 64, 64, 1)
    assert merged(64, 64, 64, 4)
    assert not merged(64, 64, 64, 1)
    assert not merged(40, 64, 128, 1)
