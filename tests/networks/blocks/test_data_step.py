"""The step that gives a restored picture back what it leaves of LR unexplained."""

import numpy as np
import pytest
import torch
from scipy.special import ive

import blindsr
from blindsr.data.scenes.photographs import photograph
from blindsr.degradation.gather_torch import WindowBlend
from blindsr.errors import ConfigError
from blindsr.imaging.resize import downsample
from blindsr.networks.blocks.data_step import DataStep, discrete_gaussian
from blindsr.networks.blur_sr import LEVELS, BlurSR


def restorer(**options):
    torch.manual_seed(0)
    network = BlurSR(**{"features": 8, "blocks": 2, "data_step": True, **options})
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.eval()


def open_gate(network, value):
    """The same gate everywhere; a bias of 0 is a gate of 1."""
    torch.nn.init.zeros_(network.data_step.gate[-1].weight)
    torch.nn.init.constant_(network.data_step.gate[-1].bias, value)
    return network


@pytest.mark.parametrize("sigma", LEVELS)
def test_a_window_has_the_variance_of_its_name(sigma):
    window = discrete_gaussian(sigma)
    offsets = np.arange(len(window)) - len(window) // 2
    assert window.sum() == pytest.approx(1)
    # what lies beyond 2.5 sigma is cut
    assert (window * offsets**2).sum() == pytest.approx(sigma**2, rel=0.1)
    bessel = ive(np.abs(offsets), sigma**2)
    np.testing.assert_allclose(window, bessel / bessel.sum(), atol=1e-15)


def test_a_sampled_gaussian_of_a_quarter_pixel_would_be_no_blur():
    assert discrete_gaussian(0.25)[0] > 0.02 > np.exp(-8)


@pytest.mark.parametrize("size", [(1, 1), (3, 20), (17, 9)])
def test_spreading_is_the_adjoint_of_blurring(size):
    torch.manual_seed(0)
    shares = torch.rand(2, len(LEVELS), *size, dtype=torch.float64).softmax(dim=1)
    blend = WindowBlend(shares, [discrete_gaussian(sigma) for sigma in LEVELS])
    one, other = torch.rand(2, 2, 3, *size, dtype=torch.float64)
    flat = torch.ones_like(one)
    torch.testing.assert_close((blend.blur(one) * other).sum(), (one * blend.adjoint(other)).sum())
    torch.testing.assert_close(blend.blur(flat), flat)


@torch.no_grad()
def test_a_picture_that_explains_lr_stays_and_another_comes_nearer():
    torch.manual_seed(0)
    step = DataStep(8, LEVELS)
    torch.nn.init.zeros_(step.gate[-1].bias)  # a gate of 1
    reduced, feature = torch.rand(1, 3, 24, 16), torch.zeros(1, 8, 24, 16)
    shares = torch.zeros(1, len(LEVELS), 24, 16)
    shares[:, 3:5] = 0.5
    blend = WindowBlend(shares, step.windows)
    explained = blend.blur(reduced)
    assert step(explained, reduced, feature, shares).abs().max() < 1e-6
    lr = explained + 0.1 * torch.rand(1, 3, 24, 16)
    left = lr - explained
    assert (left - blend.blur(step(lr, reduced, feature, shares))).norm() < 0.8 * left.norm()


@torch.no_grad()
@pytest.mark.parametrize(("scale", "phase", "method"), [(4, 1.5, "area"), (4, 0.0, "sfold")])
def test_reduced_is_the_restored_picture_where_lr_lies(scale, phase, method):
    network = restorer(scale=scale, phase=phase)
    lr, blur = torch.rand(1, 3, 9, 7), torch.zeros(1, 1, 36, 28)
    detail = network.last(network.trunk(lr, network.code(blur, blur)))
    expected = downsample(network.enlarge(lr, detail), scale, method)
    torch.testing.assert_close(network.reduced(lr, detail), expected)


@torch.no_grad()
def test_a_closed_gate_is_the_network_without_the_step():
    network = open_gate(restorer(), -50.0)
    lr, blur = torch.rand(2, 3, 9, 7), 4 * torch.rand(2, 1, 36, 28)
    with_step = network(lr, blur)
    assert not torch.allclose(open_gate(network, 0.0)(lr, blur), with_step, atol=1e-3)
    network.data_step = None
    torch.testing.assert_close(network(lr, blur), with_step)


def test_a_gate_learns_and_the_maps_get_gradients():
    network = restorer()
    blur, error = (torch.rand(1, 1, 36, 28).requires_grad_() for _ in range(2))
    network(torch.rand(1, 3, 9, 7), blur, None, error).square().sum().backward()
    for found in (network.data_step.gate[0].weight, blur, error):
        assert found.grad.abs().sum() > 0


@pytest.mark.parametrize("phase", [0.7, 3.0])
def test_a_place_that_no_reduction_has_is_refused(phase):
    with pytest.raises(ConfigError, match=rf"phase: {phase:g} with a data step, expected 1\.5"):
        BlurSR(phase=phase, data_step=True)


@torch.no_grad()
def test_tiles_tell_less_than_a_hundred_thousandth():
    """Of the file in the box; with nothing for the data step they would tell 3e-5."""
    picture = photograph("astronaut")[:320, :320].astype(np.float32) / 255
    lr = downsample(picture, 2, "area")
    model = blindsr.load(device="cpu", precision="float32")
    whole, tiled = (model.upscale(lr, tile=tile, keep_blur=0) for tile in (0, 40))
    assert not np.array_equal(whole, tiled)
    np.testing.assert_allclose(tiled, whole, atol=1e-5, rtol=0)
