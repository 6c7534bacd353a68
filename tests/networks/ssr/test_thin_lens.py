import pytest
import torch

from blindsr.networks.ssr.thin_lens import fit_thin_lens


@pytest.mark.parametrize("focus", [0.02, 0.31, 0.5, 0.97])
def test_exact_maps_give_aperture_and_focal_plane(focus):
    depth = torch.rand(1, 1, 20, 24, generator=torch.Generator().manual_seed(0))
    fit = fit_thin_lens(depth, 3.7 * (depth - focus).abs())
    assert not fit.even
    assert float(fit.slope) == pytest.approx(3.7, rel=1e-5)
    assert float(-fit.offset / fit.slope) == pytest.approx(focus, abs=1e-5)
    torch.testing.assert_close(fit.sigma(depth), 3.7 * (depth - focus).abs(), atol=1e-4, rtol=0)


def test_each_picture_has_a_fit_of_its_own():
    depth = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    sigma = torch.cat([2 * (depth[:1] - 0.4).abs(), torch.full_like(depth[:1], 1.3), depth[2:] * 5])
    fit = fit_thin_lens(depth, sigma)
    assert fit.even.flatten().tolist() == [False, True, False]
    torch.testing.assert_close(fit.sigma(depth), sigma, atol=1e-3, rtol=0)


def test_an_even_blur_is_a_constant_whatever_depth_is():
    for depth in (torch.rand(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)):
        fit = fit_thin_lens(depth, torch.full((1, 1, 8, 8), 2.0))
        assert fit.even
        assert fit.sigma(depth).eq(2.0).all()


def test_unsure_pixels_count_less():
    depth = torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    sigma = 4 * (depth - 0.3).abs()
    wrong = sigma.clone()
    wrong[..., :10, :] = 5.0
    weight = torch.ones_like(sigma)
    weight[..., :10, :] = 1e-9
    torch.testing.assert_close(
        fit_thin_lens(depth, wrong, weight).sigma(depth), sigma, atol=1e-3, rtol=0
    )
