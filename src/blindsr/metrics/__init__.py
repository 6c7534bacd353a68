"""Scores in the papers' conventions: pure functions, and thin torchmetrics classes over them."""

from .estimate import EstimateScores
from .modules import PSNRY, SSIMY, BlurPSNR, BlurSSIM, MeanIoU, MeanOverImages
from .quality import best_constant_blur_psnr, blur_psnr, blur_ssim, psnr, psnr_y, ssim, ssim_y
from .segmentation import confusion_matrix, mean_iou

__all__ = [
    "BlurPSNR",
    "BlurSSIM",
    "EstimateScores",
    "MeanIoU",
    "MeanOverImages",
    "PSNRY",
    "SSIMY",
    "best_constant_blur_psnr",
    "blur_psnr",
    "blur_ssim",
    "confusion_matrix",
    "mean_iou",
    "psnr",
    "psnr_y",
    "ssim",
    "ssim_y",
]
