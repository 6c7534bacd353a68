"""Losses of estimated blur kernels, and the kernel that DCLS is taught."""

from __future__ import annotations

from torch import Tensor
from torch.fft import irfft2, rfft2

from blindsr.errors import DataError


def kernel_l1(estimate: Tensor, target: Tensor, *, weight: float = 1.0) -> Tensor:
    """Mean absolute difference of kernels over taps and pixels (loss of MANet).

    MANet's code compares kernels times 1e4 at HR size and divides by the number of HR pixels. Its
    estimate is constant over the s x s pixels of an LR pixel, so this is that loss with a weight of
    1e4 / (s*h * s*w), without the tensor at HR size.

    Args:
        estimate: (N, k*k, h, w).
        target: of the same shape, or (N, k*k, 1, 1) where an image has one kernel.
        weight: factor; Adam makes it irrelevant but for the range of half precision.

    Returns:
        A scalar.

    Raises:
        DataError: if the shapes do not fit.
    """
    allowed = (estimate.shape, (*estimate.shape[:2], 1, 1))
    if target.shape not in allowed:
        raise DataError(
            "kernels",
            found=f"shape {tuple(target.shape)}",
            expected=f"{tuple(estimate.shape)} as the estimate, or one for each image",
        )
    return weight * (estimate - target).abs().mean()


KEPT = 40
"""Taps, after the largest, below a share of which a tap of a target is noise."""
_SHARE = 0.75
_TINY = 1e-20


def dcls_kernel_target(blurred: Tensor, clean: Tensor, kernel_size: int) -> Tensor:
    """The kernel between two LR images, which DCLS is taught: no true kernel is needed.

    It is the quotient of the spectra, cut to its largest taps; a tap at which the colours disagree
    in sign is left out.

    Args:
        blurred: (N, 3, h, w), LR from the blurred HR.
        clean: (N, 3, h, w), LR from the HR, by the same down-sampler.
        kernel_size: k, at most h and w.

    Returns:
        (N, 1, k, k) that sums to 1, not negative, in float64.

    Raises:
        DataError: if the shapes differ or the images are smaller than the kernel.
    """
    shape = tuple(blurred.shape)
    if blurred.ndim != 4 or shape != tuple(clean.shape):
        raise DataError(
            "clean", found=f"shape {tuple(clean.shape)}", expected=f"{shape}, as blurred"
        )
    if min(shape[-2:]) < kernel_size:
        raise DataError(
            "lr",
            found=f"{shape[-1]} x {shape[-2]} pixels",
            expected=f"at least {kernel_size} x {kernel_size}, the size of the kernel",
            fix="Use a larger crop.",
        )
    spectrum = rfft2(clean.double())
    quotient = spectrum.conj() * rfft2(blurred.double()) / (spectrum.abs().square() + _TINY)
    middle = kernel_size // 2
    whole = irfft2(quotient, s=shape[-2:]).roll((middle, middle), dims=(2, 3))
    colours = whole[..., :kernel_size, :kernel_size]
    agree = colours.prod(dim=1, keepdim=True) > 0
    kernel = colours.mean(dim=1, keepdim=True) * agree
    least = _SHARE * kernel.flatten(1).topk(KEPT + 1).values[:, -1].view(-1, 1, 1, 1)
    kernel = (kernel - least).clamp(0, 1)
    kernel[:, :, middle + 1, middle + 1] += _TINY  # off the middle as in the release, and invisible
    return kernel / kernel.sum(dim=(2, 3), keepdim=True)
