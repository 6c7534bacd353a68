"""The scores of an estimator: blur PSNR, blur SSIM and mIoU."""

from __future__ import annotations

import warnings

from torch import Tensor, nn

from blindsr.types import Estimate

from .modules import BlurPSNR, BlurSSIM, MeanIoU


class EstimateScores(nn.Module):
    """Collects ``blur_psnr`` [dB], ``blur_ssim`` and ``miou`` over a set.

    Args:
        num_classes: classes of the semantic map.
        sigma_max: divides the sigma maps before they are compared.
    """

    def __init__(self, num_classes: int, sigma_max: float) -> None:
        super().__init__()
        self.blur_psnr = BlurPSNR(sigma_max)
        self.blur_ssim = BlurSSIM(sigma_max)
        self.miou = MeanIoU(num_classes)

    def update(self, estimate: Estimate, blur: Tensor | None, seg: Tensor | None) -> None:
        """Add a batch: what the network or the data set lacks is left out.

        Args:
            estimate: maps of N images at HR size.
            blur: (N, 1, H, W) true sigma, or ``None``.
            seg: (N, H, W) true classes, 255 for no label, or ``None``.
        """
        if estimate.blur is not None and blur is not None and len(blur):
            self.blur_psnr.update(estimate.blur.float(), blur)
            self.blur_ssim.update(estimate.blur.float(), blur)
        if estimate.seg_logits is not None and seg is not None and len(seg):
            self.miou.update(estimate.seg_logits.argmax(1), seg)

    def compute(self) -> dict[str, Tensor]:
        """Scores of all that was added on all ranks; NaN where there was nothing to compare."""
        with warnings.catch_warnings():
            # A rank that has seen nothing of a group must still take part in adding up.
            warnings.filterwarnings("ignore", message=".*was called before the ``update`` method.*")
            return {
                "blur_psnr": self.blur_psnr.compute(),
                "blur_ssim": self.blur_ssim.compute(),
                "miou": self.miou.compute(),
            }

    def reset(self) -> None:
        """Forget everything."""
        for score in (self.blur_psnr, self.blur_ssim, self.miou):
            score.reset()
