"""The accelerated forms of the small estimator and the small restorer."""

import numpy as np
import pytest
import torch

import blindsr
from blindsr.data.scenes.photographs import photograph
from blindsr.imaging.resize import downsample
from blindsr.inference import open_model
from blindsr.networks import accelerate
from blindsr.networks.blocks.gradient_energy import gaussian
from blindsr.networks.blur_sr import BlurSR
from blindsr.networks.blur_unet import BlurUNet
from blindsr.networks.fast.blur_sr import FastBlurSR
from blindsr.networks.fast.blur_unet import FastGradientEnergy


def restorer(**options):
    network = BlurSR(**{"features": 8, "blocks": 2, **options})
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    return network.eval()


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 7)])
@pytest.mark.parametrize(
    ("scale", "phase"), [(1, 0.0), (2, 0.5), (3, 2.0), (4, 0.0), (4, 1.5), (4, 0.3)]
)
def test_a_restorer_gives_the_same_pictures(scale, phase, size):
    network = restorer(scale=scale, phase=phase)
    fast = accelerate(network)
    assert isinstance(fast, FastBlurSR)
    lr = torch.rand(2, 3, *size)
    blur, error = 4 * torch.rand(2, 2, 1, *(scale * side for side in size))
    for told in ((blur, None, error), (blur,)):
        torch.testing.assert_close(fast(lr, *told), network(lr, *told), rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (9, 7)])
@pytest.mark.parametrize(("scale", "phase"), [(2, 0.5), (4, 0.0), (4, 1.5)])
def test_a_restorer_with_a_data_step_gives_the_same_pictures(scale, phase, size):
    network = restorer(scale=scale, phase=phase, data_step=True)
    lr = torch.rand(2, 3, *size)
    blur, error = 4 * torch.rand(2, 2, 1, *(scale * side for side in size))
    expected = network(lr, blur, None, error)
    torch.testing.assert_close(
        accelerate(network)(lr, blur, None, error), expected, rtol=0, atol=1e-5
    )


@torch.no_grad()
def test_a_restorer_in_double_stays_double():
    network = restorer(data_step=True).double()
    lr, blur = torch.rand(1, 3, 9, 7).double(), torch.rand(1, 1, 36, 28).double()
    torch.testing.assert_close(accelerate(network)(lr, blur), network(lr, blur))


@torch.no_grad()
@pytest.mark.parametrize("sigma", [0.8, 1.4, 6.4])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (61, 40)])
def test_blurs_are_those_of_torch_to_the_border(size, sigma):
    picture = torch.rand(2, 1, *size)
    found = FastGradientEnergy().blurred(picture, sigma)
    torch.testing.assert_close(found, gaussian(picture, sigma), rtol=0, atol=1e-6)


@torch.no_grad()
def test_an_estimator_gives_the_same_maps_and_the_original_keeps_its_own():
    torch.manual_seed(0)
    network = BlurUNet(width=8).eval()
    lr = torch.rand(1, 3, 40, 56)
    before = network(lr)
    fast = accelerate(network)
    assert isinstance(fast.energy, FastGradientEnergy)
    for name in ("blur", "blur_scale"):
        found, expected = (getattr(one, name) for one in (fast(lr), before))
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert torch.equal(network(lr).blur, before.blur)


@pytest.fixture(scope="module")
def picture():
    """HR, and LR in 8 bit."""
    hr = photograph("astronaut")[:256, 128:384].astype(np.float32) / np.float32(255)
    return hr, np.rint(downsample(hr, 4, "area") * 255).astype(np.uint8)


def psnr(picture, hr):
    return -10 * np.log10(np.mean(np.square(picture - hr, dtype=np.float64)))


def test_the_model_in_the_box_loses_nothing_in_bfloat16(picture):
    hr, lr = picture
    exact, half = (
        blindsr.load(device="cpu", precision=name).upscale(lr / np.float32(255), keep_blur=0)
        for name in ("float32", "bf16")
    )
    assert not np.array_equal(exact, half)
    assert abs(psnr(half, hr) - psnr(exact, hr)) < 0.05
    # so little that better pictures than this one would not lose it either
    assert psnr(half, exact) > 55


@pytest.mark.parametrize("able", [True, False])
def test_auto_is_bfloat16_of_the_restorer_where_the_processor_has_it(picture, able, monkeypatch):
    monkeypatch.setattr(open_model, "processor_has_bf16", lambda: able)
    lr = picture[1][:24, :24]
    model = blindsr.load(device="cpu")
    same = blindsr.load(device="cpu", precision="float32")
    assert np.array_equal(model.upscale(lr), same.upscale(lr)) != able
    assert np.array_equal(model.estimate(lr).blur, same.estimate(lr).blur)
    assert ("bf16" in model.describe()) == able


def test_a_kind_that_may_lose_stays_in_float32(monkeypatch):
    monkeypatch.setattr(open_model, "processor_has_bf16", lambda: True)
    assert open_model._auto(blindsr.networks.RRDBSFT(8, num_classes=2), torch.device("cpu")) == (
        "float32"
    )
    assert open_model._auto(BlurSR(), torch.device("cpu")) == "bf16"
    assert open_model._auto(BlurSR(), torch.device("meta")) == "float32"
