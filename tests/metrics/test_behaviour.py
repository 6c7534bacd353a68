import math

import pytest
import torch
from skimage.metrics import structural_similarity

from blindsr.errors import DataError
from blindsr.metrics import (
    PSNRY,
    BlurPSNR,
    MeanIoU,
    best_constant_blur_psnr,
    blur_psnr,
    confusion_matrix,
    mean_iou,
    psnr_y,
    ssim,
)
from blindsr.metrics.modules import MeanOverImages


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_set_is_scored_by_the_mean_over_images_not_by_pooled_error():
    hr = random(2, 3, 16, 16)
    sr = hr.clone()
    sr[0] += 0.01
    sr[1] += 0.1
    score = PSNRY()
    score.update(sr[:1], hr[:1])
    score.update(sr[1:], hr[1:])
    assert float(score.compute()) == pytest.approx(float(psnr_y(sr, hr).mean()))


def test_ssim_equals_an_independent_implementation():
    first, second = random(1, 1, 40, 50), random(1, 1, 40, 50, seed=1)
    expected = structural_similarity(
        first[0, 0].double().numpy(),
        second[0, 0].double().numpy(),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    # scikit-image averages the same inner region when the window is 11 taps wide
    assert float(ssim(first, second, 1.0)) == pytest.approx(expected, abs=1e-6)


def test_an_exact_match_is_counted_and_does_not_make_the_mean_infinite():
    blur = random(2, 1, 12, 12)
    estimate = blur.clone()
    estimate[1] += 0.5
    score = BlurPSNR(5.0)
    score.update(estimate, blur)
    assert int(score.exact) == 1
    assert float(score.compute()) == pytest.approx(20.0, abs=1e-4)  # 0.5 of 5


def test_best_constant_beats_every_other_constant():
    blur = 5 * random(1, 1, 20, 20)
    best = float(best_constant_blur_psnr(blur, 5.0))
    others = [float(blur_psnr(torch.full_like(blur, c), blur, 5.0)) for c in (0.0, 1.0, 2.4, 4.0)]
    assert best >= max(others)


def test_undefined_scores_are_nan():
    assert math.isnan(float(mean_iou(torch.zeros(3, 3, dtype=torch.int64))))
    score = MeanIoU(3)
    score.update(torch.zeros(1, 4, 4, dtype=torch.int64), torch.full((1, 4, 4), 255))
    assert math.isnan(float(score.compute()))


def test_confusion_matrix_counts_true_by_predicted_and_leaves_void_out():
    target = torch.tensor([0, 0, 1, 255])
    prediction = torch.tensor([0, 2, 1, 1])
    expected = torch.tensor([[1, 0, 1], [0, 1, 0], [0, 0, 0]])
    assert torch.equal(confusion_matrix(prediction, target, 3), expected)


def test_different_shapes_and_tiny_images_are_refused():
    with pytest.raises(DataError, match="two equal shapes"):
        psnr_y(random(1, 3, 8, 8), random(1, 3, 8, 9))
    with pytest.raises(DataError, match="11 x 11"):
        ssim(random(1, 1, 8, 8), random(1, 1, 8, 8), 1.0)


@pytest.mark.filterwarnings("ignore:.*was called before the ``update`` method.*")
@pytest.mark.parametrize("exact", [0, 2])
def test_a_mean_of_nothing_lies_where_the_states_lie(exact):
    """On a GPU it stood beside means that do; a default device shows what asks for none."""
    score = MeanOverImages(lambda sr, hr: (sr - hr).flatten(1).mean(1))
    score.exact += exact
    with torch.device("meta"):
        mean = score.compute()
    assert mean.device == score.total.device
    assert mean.dtype == torch.float64
    assert float(mean) == math.inf if exact else math.isnan(float(mean))
