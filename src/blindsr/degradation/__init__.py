"""The physics of defocus: depth to sigma, blur that varies across the picture, down-sampling.

And the practical degradations of blind super-resolution: BSRGAN, BSRGAN-plus, Real-ESRGAN.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from blindsr.degradation.camera import sigma_from_camera
from blindsr.degradation.defocus import sample_focus_rank, sample_uniform_sigma, sigma_from_depth
from blindsr.degradation.gather import gather_blur
from blindsr.degradation.kernels import gaussian_window, window_size
from blindsr.degradation.layered import layered_blur
from blindsr.degradation.paired import degrade
from blindsr.degradation.random.bsrgan import degrade_bsrgan, sample_bsrgan
from blindsr.degradation.random.bsrgan_plus import degrade_bsrgan_plus, sample_bsrgan_plus
from blindsr.degradation.random.by_name import DEGRADATIONS, Degradation, degrade_by_name
from blindsr.degradation.random.realesrgan import degrade_realesrgan, sample_realesrgan
from blindsr.degradation.random.recipe import Degraded, Recipe, apply_recipe

if TYPE_CHECKING:
    from blindsr.degradation.kernel_maps import kernel_map, sigma_of_kernels
    from blindsr.degradation.linear.basis import BasisOperator
    from blindsr.degradation.linear.gather import BlurOperator
    from blindsr.degradation.linear.layered import LayeredOperator

_LAZY = {
    "BasisOperator": "linear.basis",
    "BlurOperator": "linear.gather",
    "LayeredOperator": "linear.layered",
    "kernel_map": "kernel_maps",
    "sigma_of_kernels": "kernel_maps",
}
"""Imported when first used: the commands that prepare data do without torch."""

__all__ = [
    "DEGRADATIONS",
    "BasisOperator",
    "BlurOperator",
    "Degradation",
    "Degraded",
    "LayeredOperator",
    "Recipe",
    "apply_recipe",
    "degrade",
    "degrade_bsrgan",
    "degrade_bsrgan_plus",
    "degrade_by_name",
    "degrade_realesrgan",
    "gather_blur",
    "gaussian_window",
    "kernel_map",
    "layered_blur",
    "sample_bsrgan",
    "sample_bsrgan_plus",
    "sample_focus_rank",
    "sample_realesrgan",
    "sample_uniform_sigma",
    "sigma_from_camera",
    "sigma_from_depth",
    "sigma_of_kernels",
    "window_size",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
