"""The physics of defocus: depth to sigma, blur that varies across the picture, down-sampling.

And the practical degradations of blind super-resolution: BSRGAN, BSRGAN-plus, Real-ESRGAN.
"""

from blindsr.degradation.bsrgan import degrade_bsrgan, sample_bsrgan
from blindsr.degradation.bsrgan_plus import degrade_bsrgan_plus, sample_bsrgan_plus
from blindsr.degradation.camera import sigma_from_camera
from blindsr.degradation.defocus import (
    sample_focus_rank,
    sample_uniform_sigma,
    sigma_from_depth,
)
from blindsr.degradation.kernels import gaussian_window, window_size
from blindsr.degradation.layered import layered_blur
from blindsr.degradation.named import DEGRADATIONS, degrade_by_name
from blindsr.degradation.pipelines import degrade
from blindsr.degradation.realesrgan import degrade_realesrgan, sample_realesrgan
from blindsr.degradation.recipe import Degraded, Recipe, apply_recipe
from blindsr.degradation.spatial_blur import gather_blur

__all__ = [
    "DEGRADATIONS",
    "Degraded",
    "Recipe",
    "apply_recipe",
    "degrade",
    "degrade_bsrgan",
    "degrade_bsrgan_plus",
    "degrade_by_name",
    "degrade_realesrgan",
    "gather_blur",
    "gaussian_window",
    "layered_blur",
    "sample_bsrgan",
    "sample_bsrgan_plus",
    "sample_focus_rank",
    "sample_realesrgan",
    "sample_uniform_sigma",
    "sigma_from_camera",
    "sigma_from_depth",
    "window_size",
]
