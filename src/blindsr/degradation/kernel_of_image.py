"""One kernel for an image whose blur varies, for methods that know no other."""

from __future__ import annotations

import torch
from torch import Tensor

from .kernel_maps import kernel_map, windows_of


def median_kernel(sigma: Tensor, sigma_max: float) -> Tensor:
    """The kernel of the median sigma of each map.

    Args:
        sigma: (N, 1, H, W) in pixels.
        sigma_max: fixes the window.

    Returns:
        (N, k*k) that sum to 1.
    """
    middle = sigma.flatten(1).median(dim=1).values
    return kernel_map(middle.view(-1, 1, 1, 1), sigma_max).flatten(1)


def mean_kernel(sigma: Tensor, sigma_max: float) -> Tensor:
    """The mean of the kernels of all pixels: none is nearer to them in squared distance.

    Arguments and result as of :func:`median_kernel`.
    """
    found = []
    for one in sigma:
        values, count = one.flatten().unique(return_counts=True)
        windows = windows_of(values.view(1, 1, 1, -1), sigma_max)[0, :, 0]  # (k, values)
        share = (count / count.sum()).to(windows.dtype)
        found.append(((windows * share) @ windows.T).flatten())
    return torch.stack(found)
