"""The physics of defocus: depth to sigma, blur that varies across the picture, down-sampling."""

from blindsr.degradation.camera import sigma_from_camera
from blindsr.degradation.defocus import (
    sample_focus_rank,
    sample_uniform_sigma,
    sigma_from_depth,
)
from blindsr.degradation.kernels import gaussian_window, window_size
from blindsr.degradation.layered import layered_blur
from blindsr.degradation.pipelines import degrade
from blindsr.degradation.spatial_blur import gather_blur

__all__ = [
    "degrade",
    "gather_blur",
    "gaussian_window",
    "layered_blur",
    "sample_focus_rank",
    "sample_uniform_sigma",
    "sigma_from_camera",
    "sigma_from_depth",
    "window_size",
]
