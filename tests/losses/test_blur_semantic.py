import pytest
import torch

from blindsr.losses import blur_semantic_losses, semantic_cross_entropy
from blindsr.types import Estimate


def estimate(n=2, classes=5, size=8, grad=True):
    generator = torch.Generator().manual_seed(0)

    def draw(channels):
        return torch.randn(n, channels, size, size, generator=generator).requires_grad_(grad)

    return Estimate(draw(1), draw(classes), draw(1), draw(classes))


def test_cross_entropy_is_the_mean_over_labelled_pixels():
    logits = torch.randn(2, 5, 4, 4, generator=torch.Generator().manual_seed(1))
    seg = torch.randint(0, 5, (2, 4, 4), generator=torch.Generator().manual_seed(2))
    seg[0, :2] = 255
    chosen = torch.log_softmax(logits, 1).permute(0, 2, 3, 1)[seg != 255]
    expected = -chosen.gather(1, seg[seg != 255][:, None]).mean()
    torch.testing.assert_close(semantic_cross_entropy(logits, seg), expected)


def test_a_batch_without_any_label_gives_zero_loss_and_zero_gradient():
    result = estimate()
    seg = torch.full((2, 8, 8), 255)
    losses = blur_semantic_losses(result, torch.rand(2, 1, 8, 8), seg)
    assert losses["seg"].item() == 0
    assert losses["aux_seg"].item() == 0
    (losses["seg"] + losses["aux_seg"]).backward()
    assert result.seg_logits.grad.abs().max() == 0


def test_blur_loss_is_the_mean_absolute_error_in_hr_pixels():
    result = estimate()
    losses = blur_semantic_losses(result, result.blur.detach() + 0.25, None)
    assert set(losses) == {"blur", "aux_blur"}
    assert losses["blur"].item() == pytest.approx(0.25, abs=1e-6)


def test_parts_that_a_network_lacks_have_no_loss():
    result = estimate()._replace(seg_logits=None, aux_seg_logits=None, aux_blur=None)
    seg = torch.zeros(2, 8, 8, dtype=torch.int64)
    assert set(blur_semantic_losses(result, torch.rand(2, 1, 8, 8), seg)) == {"blur"}
