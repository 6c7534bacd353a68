"""Scores in the papers' conventions: pure functions, and thin torchmetrics classes over them."""

from .collector import mean_over_groups
from .estimate import EstimateScores
from .full_range import gmsd_full, ms_ssim, vif_wavelet, vsi
from .lpips import load_dists, load_lpips
from .modules import (
    PSNRY,
    SSIMY,
    BlurPSNR,
    BlurSSIM,
    MeanIoU,
    MeanOverImages,
    confusion_matrix,
    mean_iou,
)
from .niqe import niqe
from .preservation import PreservationScores
from .quality import (
    best_constant_blur_psnr,
    blur_psnr,
    blur_rank,
    blur_ssim,
    gmsd,
    psnr,
    psnr_y,
    ssim,
    ssim_y,
    vif,
)
from .regions import texture_log2, texture_ratio
from .restoration import RestorationScores
from .table import METRICS, Metric, checkpoint_mode

__all__ = [
    "BlurPSNR",
    "BlurSSIM",
    "EstimateScores",
    "METRICS",
    "MeanIoU",
    "MeanOverImages",
    "Metric",
    "PSNRY",
    "PreservationScores",
    "RestorationScores",
    "SSIMY",
    "best_constant_blur_psnr",
    "blur_psnr",
    "blur_rank",
    "blur_ssim",
    "checkpoint_mode",
    "confusion_matrix",
    "gmsd",
    "gmsd_full",
    "load_dists",
    "load_lpips",
    "mean_iou",
    "mean_over_groups",
    "ms_ssim",
    "niqe",
    "psnr",
    "psnr_y",
    "ssim",
    "ssim_y",
    "texture_log2",
    "texture_ratio",
    "vif",
    "vif_wavelet",
    "vsi",
]
