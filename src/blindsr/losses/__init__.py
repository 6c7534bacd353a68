"""Losses: functions of tensors; those in features of a frozen network are modules."""

from .blur_semantic import blur_semantic_losses, semantic_cross_entropy
from .dan import dan_losses
from .enlarged import enlarged_cross_entropy
from .gan import by_region, discriminator_loss, generator_loss
from .kernels import dcls_kernel_target, kernel_l1
from .koalanet import kernel_losses
from .lpips import LPIPSLoss
from .perceptual import PerceptualLoss
from .pixel import laplace_nll, picture_rmse, pixel_l1

__all__ = [
    "LPIPSLoss",
    "PerceptualLoss",
    "blur_semantic_losses",
    "by_region",
    "dan_losses",
    "dcls_kernel_target",
    "discriminator_loss",
    "enlarged_cross_entropy",
    "generator_loss",
    "kernel_l1",
    "kernel_losses",
    "laplace_nll",
    "picture_rmse",
    "pixel_l1",
    "semantic_cross_entropy",
]
