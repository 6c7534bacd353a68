"""BlurUNet for inference: the same maps sooner."""

from __future__ import annotations

import copy

import cv2
import torch
from torch import Tensor

from blindsr.networks.blocks.gradient_energy import GradientEnergy, gaussian, gaussian_taps
from blindsr.networks.blur_unet import BlurUNet


class FastGradientEnergy(GradientEnergy):
    """Blurs with OpenCV on a CPU: torch has no fast convolution of one channel."""

    def blurred(self, x: Tensor, sigma: float) -> Tensor:
        """As :func:`~blindsr.networks.blocks.gradient_energy.gaussian`."""
        if sigma == 0 or x.device.type != "cpu" or x.dtype != torch.float32:
            return gaussian(x, sigma)
        taps = gaussian_taps(sigma, x.dtype, x.device).numpy()
        out = torch.empty_like(x)
        for plane, made in zip(x.flatten(0, 1), out.flatten(0, 1), strict=True):
            border = cv2.BORDER_REPLICATE
            cv2.sepFilter2D(plane.numpy(), -1, taps, taps, dst=made.numpy(), borderType=border)
        return out


def fast_blur_unet(network: BlurUNet) -> BlurUNet:
    """A copy that blurs as :class:`FastGradientEnergy`."""
    fast = copy.deepcopy(network)
    fast.energy = FastGradientEnergy()
    return fast
