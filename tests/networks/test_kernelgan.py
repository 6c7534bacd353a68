"""KernelGAN's networks and kernels.

The stored numbers come from the implementation that met the released code to 1e-6
(test_kernelgan_golden.py), so that a change shows where those files are not.
"""

import numpy as np
import pytest
import torch
from tests.golden.recipe import image
from tests.helpers.filled import filled
from torch.nn.functional import conv2d

from blindsr.errors import ConfigError
from blindsr.imaging.resize import downsample
from blindsr.losses.kernelgan import bicubic_loss, bicubic_target, kernel_terms
from blindsr.networks import (
    KernelGANDiscriminator,
    KernelGANGenerator,
    ZSSRNet,
    centre_kernel,
    collapse,
    kernel_x4,
)
from blindsr.networks.kernelgan import centre_of, kept_taps

STORED = [
    0.057539558,
    0.015096498,
    0.624414627,
    0.399561378,
    0.659955513,
    0.020725907,
    14.08708933,
    0.428470443,
]


def gaussian(side, row, column, sigma=1.2):
    y, x = np.mgrid[:side, :side]
    kernel = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
    return kernel / kernel.sum()


def numbers():
    generator = filled(KernelGANGenerator(4)).double()
    crop = 2 * image("kernelgan:crop", (1, 3, 32, 34)).double() - 1
    kernel = collapse(generator)
    terms = kernel_terms(kernel)
    made = generator(crop)
    map_ = filled(KernelGANDiscriminator(4)).double()(made)
    zssr = filled(ZSSRNet(4, 3)).double()((crop + 1) / 2)
    values = [kernel[5, 7], made[0, 1, 3, 4], map_[0, 0, 1, 2], zssr[0, 2, 8, 9], *terms.values()]
    return [value.item() for value in values]


def test_the_stored_numbers():
    np.testing.assert_allclose(numbers(), STORED, rtol=1e-5)


@torch.no_grad()
def test_a_generator_is_one_filter_at_every_second_pixel():
    generator = filled(KernelGANGenerator(4)).double()
    x = torch.rand(2, 3, 21, 24).double()
    filters = collapse(generator).expand(3, 1, -1, -1)
    torch.testing.assert_close(generator(x), conv2d(x, filters, stride=2, groups=3))


def test_the_kernel_of_reducing_twice():
    rng = np.random.default_rng(0)
    kernel, x = gaussian(5, 2.2, 1.9), torch.from_numpy(rng.random((1, 1, 40, 40)))
    four = torch.from_numpy(kernel_x4(kernel))[None, None]
    two = torch.from_numpy(kernel)[None, None]
    assert four.shape[-2:] == (9, 9)
    twice = conv2d(conv2d(x, two, stride=2), two, stride=2)
    # the outer taps that are cut off weigh little
    once = conv2d(x[..., 2:, 2:], four, stride=4)[..., : twice.shape[2], : twice.shape[3]]
    assert float((twice - once).abs().max()) < 0.05
    assert float(four.sum()) == pytest.approx(1)


@pytest.mark.parametrize(("scale", "phase"), [(2, None), (2, 0.0), (4, 1.5), (4, 0.0)])
def test_the_centre_is_brought_where_the_phase_wants_it(scale, phase):
    kernel = gaussian(13, 6.4, 5.3)
    for released in (True, False):
        found = centre_kernel(kernel, scale, phase=phase, released=released)
        goal = len(found) // 2 + ((scale - 1) / 2 if phase is None else phase)
        np.testing.assert_allclose(centre_of(found), goal, atol=0.03)
    assert found.sum() == pytest.approx(1, abs=1e-6)
    assert found.min() >= 0
    assert (kept_taps(kernel) > 0).sum() <= 60


def test_the_bicubic_target_keeps_colours():
    crop = torch.ones(1, 3, 24, 24).double() * torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)
    right, released = (bicubic_target(crop, (6, 6), kind) for kind in ("per_channel", "released"))
    torch.testing.assert_close(right[0, :, 3, 3], torch.tensor([1.0, 2.0, 4.0]).double())
    torch.testing.assert_close(released[0, :, 3, 3], torch.full((3,), 7.0).double())
    x = torch.rand(1, 3, 24, 24).double()
    inner = downsample(x, 2, "bicubic")[..., 3:9, 3:9]
    torch.testing.assert_close(bicubic_target(x, (6, 6)), inner)
    with pytest.raises(ConfigError, match="bicubic_loss: 'grey'"):
        bicubic_loss(inner, x, "grey")


def test_wrong_settings_are_refused_in_one_line():
    with pytest.raises(ConfigError, match="width 0, depth 8") as caught:
        ZSSRNet(0)
    assert "\n" not in str(caught.value)
