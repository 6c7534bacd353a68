"""The small restorer that is told the blur and how sure that is."""

import pytest
import torch
from torch.nn.functional import avg_pool2d

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import upsample
from blindsr.networks.blur_sr import LEVELS, BlurSR


@pytest.fixture
def network():
    torch.manual_seed(0)
    return BlurSR(features=8, blocks=2)


def test_features_keep_their_size_through_a_new_network():
    torch.manual_seed(0)
    deep = BlurSR(features=32, blocks=12)
    sizes = []
    for block in (deep.blocks[0], deep.blocks[-1]):
        block.register_forward_hook(lambda *call: sizes.append(call[2].std().item()))
    deep(torch.rand(1, 3, 16, 16), *maps(2.0, size=(1, 1, 64, 64))[:1])
    assert 0.3 < sizes[0] < 3
    assert sizes[0] <= sizes[1] < 4 * sizes[0]


def maps(sigma, scale=0.0, size=(1, 1, 32, 48)):
    return torch.full(size, sigma), torch.full(size, scale)


def test_a_training_begins_at_the_bicubic_picture(network):
    lr = torch.rand(1, 3, 8, 12)
    blur, scale = maps(2.0, 0.5)
    want = upsample(lr, 4, phase=1.5, method="bicubic")
    torch.testing.assert_close(network(lr, blur, None, scale), want)


def test_sure_code_is_the_sigma_itself(network):
    blur = torch.rand(2, 1, 32, 48) * 4 * LEVELS[-1]
    code = network.code(blur, torch.zeros_like(blur))[:, :-1]
    torch.testing.assert_close(code.sum(dim=1), torch.ones(2, 8, 12))
    mean = (code * torch.tensor(LEVELS).view(1, -1, 1, 1)).sum(dim=1, keepdim=True)
    torch.testing.assert_close(mean, avg_pool2d(blur, 4) / 4)


def test_unsure_code_spreads_over_more_levels(network):
    sure = network.code(*maps(3.0, 0.0))[:, :-1]
    unsure = network.code(*maps(3.0, 4.0))[:, :-1]
    assert (sure > 0.01).sum(dim=1).max() <= 2
    assert (unsure > 0.01).sum(dim=1).min() >= 4
    assert unsure.max() < sure.max()


def test_maps_reach_the_result_and_pass_gradients(network):
    torch.nn.init.normal_(network.last.weight, std=0.1)
    for block in network.blocks:
        torch.nn.init.normal_(block.modulation.weight, std=0.1)
    lr = torch.rand(1, 3, 8, 12)
    blur, scale = (m.requires_grad_() for m in maps(2.1, 0.7))
    result = network(lr, blur, None, scale)
    result.square().sum().backward()
    assert blur.grad.abs().sum() > 0
    assert scale.grad.abs().sum() > 0
    assert not torch.equal(network(lr, *maps(6.0)[:1]), result)


@pytest.mark.parametrize("name", ["blur", "blur_scale"])
def test_a_map_of_another_size_is_refused(network, name):
    given = {"blur": torch.zeros(1, 1, 32, 48), "blur_scale": torch.zeros(1, 1, 32, 48)}
    given[name] = torch.zeros(1, 1, 8, 12)
    with pytest.raises(DataError, match=name):
        network(torch.rand(1, 3, 8, 12), given["blur"], None, given["blur_scale"])


@pytest.mark.parametrize("name", ["scale", "features", "blocks"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        BlurSR(**{name: 0})
