"""CMOS on gradients instead of colours, and normalised without a mean over picture or batch."""

import pytest
import torch
from torch import nn

from blindsr.errors import ConfigError
from blindsr.networks import CMOS, accelerate
from blindsr.networks.blocks.pixel_norm import PixelNorm

QUICK = {"inputs": "gradients", "norm": "pixel"}


def small(**options):
    torch.manual_seed(0)
    defaults = {"backbone": "pyramid_small", "window": (4, 4), "gia_parts": ""}
    return CMOS(5, **(defaults | options)).eval()


def picture(width=48, seed=0):
    return torch.rand(1, 3, 32, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("backbone", ["pyramid_small", "hrnet_w18_small_v2", "resnet18"])
@pytest.mark.parametrize("inputs", ["gradients", "both"])
def test_every_backbone_takes_every_input_and_trains_all_weights(backbone, inputs):
    network = small(backbone=backbone, inputs=inputs, norm="pixel").train()
    estimate = network(torch.rand(1, 3, 33, 40))
    assert estimate.blur.shape == (1, 1, 132, 160)
    sum(part.square().mean() for part in estimate[:4]).backward()
    wanted = [(n, p.grad) for n, p in network.named_parameters() if p.requires_grad]
    assert not [name for name, grad in wanted if grad is None]


def test_gradients_alone_do_not_see_colour():
    network, lr = small(**QUICK), picture()
    with torch.no_grad():
        plain, turned = network(lr).blur, network(lr[:, [2, 0, 1]]).blur
        torch.testing.assert_close(plain, turned, rtol=1e-3, atol=1e-3)
        both = small(inputs="both", norm="pixel")
        assert not torch.allclose(both(lr).blur, both(lr[:, [2, 0, 1]]).blur, atol=1e-3)


def test_nothing_is_pooled_over_picture_or_batch_even_in_training():
    network = small(**QUICK).train()
    wide = picture(1024)
    other = wide.clone()
    other[..., 700:] = 0.2 * picture(324, seed=9)
    with torch.no_grad():
        one, two = network(wide).blur, network(other).blur
        beside = network(torch.cat([wide, 0.1 * other])).blur
    torch.testing.assert_close(one[..., : 4 * 300], two[..., : 4 * 300])
    torch.testing.assert_close(one, beside[:1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(one[..., 4 * 700 :], two[..., 4 * 700 :])


@pytest.mark.parametrize("parts", ["", "FCS"])
def test_no_batch_norm_is_left_and_the_accelerated_copy_agrees(parts):
    network = small(**QUICK, gia_parts=parts)
    assert not [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert any(isinstance(m, PixelNorm) for m in network.modules())
    with torch.no_grad():
        torch.testing.assert_close(
            accelerate(network)(picture()).blur, network(picture()).blur, rtol=1e-4, atol=1e-4
        )


def test_the_released_form_is_what_no_option_gives():
    plain, named = small(), small(inputs="rgb", norm="batch")
    assert plain.state_dict().keys() == named.state_dict().keys()
    with torch.no_grad():
        assert torch.equal(plain(picture()).blur, named(picture()).blur)


@pytest.mark.parametrize("option", ["inputs", "norm"])
def test_an_unknown_option_is_refused(option):
    with pytest.raises(ConfigError, match=f"{option}: found 'grey', expected 'rgb' or|{option}"):
        small(**{option: "grey"})
