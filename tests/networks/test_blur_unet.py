"""The estimator of blur: what must not matter to it, and the units of what it returns."""

import pytest
import torch

from blindsr.errors import ConfigError
from blindsr.networks import BlurUNet
from blindsr.networks.blocks.gradient_energy import GradientEnergy, gaussian


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return BlurUNet(scale=4, width=8).eval()


def picture(height=32, width=48, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(32, 48), (17, 33), (5, 7), (1, 1)])
def test_any_size_gives_maps_at_hr_size(network, size):
    with torch.no_grad():
        estimate = network(picture(*size))
    for part in (estimate.blur, estimate.blur_scale):
        assert part.shape == (1, 1, 4 * size[0], 4 * size[1])
        assert torch.isfinite(part).all()
    assert (estimate.blur >= 0).all()
    assert (estimate.blur_scale > 0).all()
    assert estimate.seg_logits is None
    assert estimate.kernels is None


def test_scale_changes_size_and_unit_alone(network):
    single = BlurUNet(scale=1, width=8).eval()
    single.load_state_dict(network.state_dict())
    with torch.no_grad():
        hr, lr = network(picture()), single(picture())
    assert hr.blur.mean() / 4 == pytest.approx(float(lr.blur.mean()), rel=0.05)
    ratio = (hr.blur_scale / 4).mean() / lr.blur_scale.mean()
    assert ratio == pytest.approx(1, rel=0.05)


def test_exchanging_the_channels_changes_nothing(network):
    rgb = picture()
    with torch.no_grad():
        plain, turned = network(rgb).blur, network(rgb[:, [2, 0, 1]]).blur
    torch.testing.assert_close(plain, turned, rtol=1e-3, atol=1e-3)


def test_nothing_is_pooled_over_the_picture(network):
    wide = picture(32, 1024)
    other = wide.clone()
    other[..., 600:] = picture(32, 424, seed=9) * 0.2
    with torch.no_grad():
        one, two = network.log_sigma(wide), network.log_sigma(other)
    torch.testing.assert_close(one[..., :150], two[..., :150])
    assert not torch.allclose(one[..., 600:], two[..., 600:])


def test_pictures_of_a_batch_do_not_see_each_other(network):
    first, second = picture(seed=1), picture(seed=2)
    with torch.no_grad():
        both = network.log_sigma(torch.cat([first, second]))
        torch.testing.assert_close(both[:1], network.log_sigma(first), rtol=1e-4, atol=1e-4)
    assert not any(isinstance(m, torch.nn.modules.batchnorm._NormBase) for m in network.modules())


def test_octaves_fall_with_blur_and_ignore_contrast():
    energy = GradientEnergy()
    sharp = picture(64, 64)
    steps = [energy(gaussian_rgb(sharp, sigma))[:, 1, 16:48, 16:48].mean() for sigma in (0, 1, 3)]
    assert steps[0] > steps[1] > steps[2] > 0
    faint = 0.5 + 0.3 * (sharp - 0.5)
    difference = energy(sharp)[:, :3] - energy(faint)[:, :3]
    assert difference.abs().max() < 0.1


def gaussian_rgb(x, sigma):
    return torch.cat([gaussian(x[:, c : c + 1], sigma) for c in range(3)], dim=1)


def test_spread_widens_the_uncertainty_alone(network):
    wide = BlurUNet(scale=4, width=8).eval()
    wide.load_state_dict(network.state_dict())
    wide.spread.fill_(2.0)
    with torch.no_grad():
        one, two = network(picture()), wide(picture())
    torch.testing.assert_close(one.blur, two.blur)
    torch.testing.assert_close(2 * one.blur_scale, two.blur_scale)


def test_it_is_small_and_every_weight_learns():
    network = BlurUNet(width=20)
    assert sum(p.numel() for p in network.parameters()) <= 1_000_000
    network.log_sigma(picture(32, 32)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("wrong", [{"scale": 0}, {"width": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        BlurUNet(**wrong)
