"""Scores by region, and the measure of invented texture."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d

from blindsr.metrics import PreservationScores, psnr_y, ssim_y, texture_log2, texture_ratio
from blindsr.metrics.regions import psnr_y_by_sigma, psnr_y_inside, ssim_y_inside


@pytest.fixture
def images() -> tuple[torch.Tensor, torch.Tensor]:
    """HR with a sharp left and a smooth right half, and its mask (1 = sharp)."""
    generator = torch.Generator().manual_seed(0)
    hr = torch.rand(2, 3, 64, 96, generator=generator)
    smooth = avg_pool2d(hr, 5, stride=1, padding=2, count_include_pad=False)
    mask = torch.zeros(2, 1, 64, 96)
    mask[..., :48] = 1
    return torch.where(mask > 0.5, hr, smooth), mask


def noisy(image: torch.Tensor, where: torch.Tensor, strength: float = 0.1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return image + strength * where * torch.randn(image.shape, generator=generator)


def test_a_region_of_everything_scores_as_the_whole_image(images) -> None:
    hr, mask = images
    sr = noisy(hr, torch.ones_like(mask))
    everywhere = torch.ones_like(mask).bool()
    torch.testing.assert_close(psnr_y_inside(sr, hr, everywhere, 4), psnr_y(sr, hr, 4))
    torch.testing.assert_close(ssim_y_inside(sr, hr, everywhere, 4), ssim_y(sr, hr, 4))


def test_psnr_by_sigma_is_that_of_its_region(images) -> None:
    hr, mask = images
    blur = torch.where(mask > 0.5, 0.5, 2.0)  # 2 is the end of the last range
    sr = noisy(hr, torch.ones_like(mask))
    found = psnr_y_by_sigma([(sr[:1], hr[:1], blur[:1])], (0, 1, 1.5, 2))
    assert list(found) == [0.5, 1.75]
    for value, inside in zip(found.values(), (mask[:1] > 0.5, mask[:1] < 0.5), strict=True):
        assert value == pytest.approx(float(psnr_y_inside(sr[:1], hr[:1], inside)))
    several = psnr_y_by_sigma([(sr[:1], hr[:1], blur[:1]), (sr[1:], hr[1:], blur[1:])], (0, 1))
    together = psnr_y_by_sigma([(sr, hr, blur)], (0, 1))
    assert several[0.5] == pytest.approx(together[0.5])
    assert found[0.5] != pytest.approx(together[0.5])


def test_an_empty_region_scores_nan_and_does_not_count(images) -> None:
    hr, mask = images
    sr = noisy(hr, mask)
    nowhere = torch.zeros_like(mask).bool()
    assert psnr_y_inside(sr, hr, nowhere).isnan().all()
    assert texture_ratio(sr, hr, nowhere).isnan().all()
    scores = PreservationScores()
    scores.update(sr, hr, torch.stack([mask[0], torch.ones_like(mask[0])]))
    one = PreservationScores()
    one.update(sr[:1], hr[:1], mask[:1])
    assert float(scores.compute()["blurred_psnr"]) == float(one.compute()["blurred_psnr"])


def test_errors_outside_a_region_leave_its_scores_alone(images) -> None:
    hr, mask = images
    pytest.importorskip("piq")
    scores = PreservationScores(full=True)
    scores.update(noisy(hr, mask), hr, mask)  # only the sharp half is wrong
    found = scores.compute()
    assert float(found["blurred_psnr"]) == float("inf")
    assert float(found["blurred_gmsd"]) == pytest.approx(0, abs=1e-6)
    assert float(found["blurred_vif"]) == pytest.approx(1, abs=1e-6)
    assert float(found["texture"]) == pytest.approx(1, abs=1e-6)
    assert float(found["sharp_psnr"]) < 30
    assert float(found["sharp_gmsd"]) > 0.01
    assert float(found["sharp_vif"]) < 0.95


def test_texture_tells_invented_from_lost_texture(images) -> None:
    hr, mask = images
    blurred = mask < 0.5
    smooth = avg_pool2d(hr, 3, stride=1, padding=1)
    assert (texture_ratio(hr, hr, blurred) == 1).all()
    assert (texture_ratio(noisy(hr, 1 - mask, 0.2), hr, blurred) > 1.5).all()
    assert (texture_ratio(smooth, hr, blurred) < 0.8).all()


def test_the_mean_of_log_ratios_is_decided_by_no_single_picture(images) -> None:
    hr, mask = images
    blurred = mask < 0.5
    sr = torch.stack([2 * hr[0] - hr[0].mean(), hr[1] / 2 + 0.25])  # contrast doubled, halved
    sr = sr.clamp(0, 1)
    expected = texture_ratio(sr, hr, blurred).log2()
    assert expected[0] > 1.5
    assert expected[1] == pytest.approx(-2, abs=0.05)
    torch.testing.assert_close(texture_log2(sr, hr, blurred), expected)
    flat = torch.full_like(hr, 0.5)  # no texture is left: no number
    assert texture_log2(flat, hr, blurred).isnan().all()


def test_log_ratios_are_scored_in_both_regions(images) -> None:
    hr, mask = images
    scores = PreservationScores()
    scores.update(noisy(hr, 1 - mask, 0.2), hr, mask)  # texture in the blurred half alone
    found = scores.compute()
    assert float(found["blurred_texture_log2"]) > 0.5
    assert float(found["sharp_texture_log2"]) == pytest.approx(0, abs=1e-6)
    assert "texture_log2" not in found


def test_without_masks_there_are_only_scores_of_whole_images(images) -> None:
    hr, mask = images
    scores = PreservationScores()
    scores.update(noisy(hr, mask), hr)
    found = scores.compute()
    assert found["psnr"].isfinite()
    assert found["blurred_psnr"].isnan()
    scores.reset()
    assert scores.compute()["psnr"].isnan()
