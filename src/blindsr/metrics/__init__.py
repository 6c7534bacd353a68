"""Scores in the papers' conventions: pure functions, and thin torchmetrics classes over them."""

from .estimate import EstimateScores
from .lpips import load_lpips
from .modules import PSNRY, SSIMY, BlurPSNR, BlurSSIM, MeanIoU, MeanOverImages
from .preservation import PreservationScores, texture_ratio
from .quality import (
    best_constant_blur_psnr,
    blur_psnr,
    blur_ssim,
    gmsd,
    psnr,
    psnr_y,
    ssim,
    ssim_y,
    vif,
)
from .restoration import RestorationScores
from .segmentation import confusion_matrix, mean_iou

__all__ = [
    "BlurPSNR",
    "BlurSSIM",
    "EstimateScores",
    "MeanIoU",
    "MeanOverImages",
    "PSNRY",
    "PreservationScores",
    "RestorationScores",
    "SSIMY",
    "best_constant_blur_psnr",
    "blur_psnr",
    "blur_ssim",
    "confusion_matrix",
    "gmsd",
    "load_lpips",
    "mean_iou",
    "psnr",
    "psnr_y",
    "ssim",
    "ssim_y",
    "texture_ratio",
    "vif",
]
