"""NIQE (Mittal et al. 2013) with a model of natural pictures of our own: looks at no HR image.

Statistics of patches are compared with those of good pictures, as a distance of two Gaussians. The
authors' model of good pictures may not be passed on, so this one was fitted to seven CC0 pictures
that come with scikit-image (``benchmarks/niqe_model.py``). Values are of use among results of one
set only: they stand beside no published NIQE.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from scipy.special import gammaln

from blindsr.imaging.resize import downsample

from .full_range import luma_full
from .quality import require_same_shape, require_size

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Plane = NDArray[np.float64]

LEAST_SIZE = 192
"""Smallest image in pixels: two patches each way, so that there is a covariance."""
PATCH = 96
SHARPEST = 0.75
"""Patches of good pictures count if their contrast is above this share of the picture's best."""
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
_MODEL = "niqe.safetensors"


def niqe(sr: Tensor, hr: Tensor, crop: int = 0) -> Tensor:
    """NIQE of the SR images, lower is better: (N, 3, H, W) in [0, 1] -> (N,) float64.

    Args:
        sr: values outside [0, 1] are clipped.
        hr: of the same shape; not looked at.
        crop: border in pixels left out on every side.

    Raises:
        DataError: if the shapes differ or an image is smaller than 192 x 192.
    """
    require_same_shape("niqe", sr, hr)
    images = luma_full(sr, crop)
    require_size("niqe", images, LEAST_SIZE)
    scores = [_distance(image) for image in images[:, 0].cpu().numpy()]
    return torch.tensor(scores, dtype=torch.float64, device=sr.device)


def _distance(image: Plane) -> float:
    if not np.isfinite(image).all():
        return float("nan")
    mean, covariance = _model()
    found = features(image)[0]
    found = found[np.isfinite(found).all(1)]  # flat patches have none
    if len(found) < 2:
        return float("nan")
    middle = (covariance + np.cov(found, rowvar=False)) / 2
    step = mean - found.mean(0)
    return float(np.sqrt(step @ np.linalg.pinv(middle) @ step))


@cache
def _model() -> tuple[Plane, Plane]:
    from safetensors.numpy import load

    content = load((files("blindsr") / "assets" / _MODEL).read_bytes())
    return content["mean"], content["covariance"]


def fit(images: list[Plane]) -> dict[str, Plane]:
    """Mean (36,) and covariance (36, 36) of the patches of good pictures that are sharp.

    Args:
        images: luma (H, W) in [0, 255].
    """
    chosen = []
    for image in images:
        found, contrast = features(image)
        chosen.append(found[contrast > SHARPEST * contrast.max()])
    every = np.concatenate(chosen)
    return {"mean": every.mean(0), "covariance": np.cov(every, rowvar=False)}


def features(image: Plane) -> tuple[Plane, Plane]:
    """Statistics of every patch at two sizes of the image, and the patch's contrast.

    Args:
        image: luma (H, W) in [0, 255].

    Returns:
        (patches, 36), NaN where a patch is flat, and (patches,).
    """
    rows, columns = (size // PATCH for size in image.shape)
    plane = image[: rows * PATCH, : columns * PATCH]
    parts, contrast = [], np.empty(0)
    for side in (PATCH, PATCH // 2):
        if side < PATCH:
            plane = downsample(plane, 2, "bicubic").astype(np.float64)
        normal, deviation = _normalised(plane)
        if side == PATCH:
            contrast = _patches(deviation, side).mean((1, 2))
        parts.append(np.stack([_statistics(one) for one in _patches(normal, side)]))
    return np.concatenate(parts, 1), contrast


def _normalised(plane: Plane) -> tuple[Plane, Plane]:
    """Pixels less their local mean over their local deviation plus 1, and that deviation."""

    def local(values: Plane) -> Plane:
        blurred = cv2.GaussianBlur(values, (7, 7), 7 / 6, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(blurred, np.float64)

    mean = local(plane)
    deviation = np.sqrt(np.abs(local(plane**2) - mean**2))
    return (plane - mean) / (deviation + 1), deviation


def _patches(plane: Plane, side: int) -> Plane:
    rows, columns = (size // side for size in plane.shape)
    blocks = plane.reshape(rows, side, columns, side).swapaxes(1, 2)
    return blocks.reshape(rows * columns, side, side)


def _statistics(patch: Plane) -> Plane:
    """18 numbers: shape and scale of the pixels, shape, mean and scales of neighbours' products."""
    shape, left, right = asymmetric_gaussian(patch)
    found = [shape, (left + right) / 2]
    for step in _NEIGHBOURS:
        shape, left, right = asymmetric_gaussian(patch * np.roll(patch, step, (0, 1)))
        mean = (right - left) * np.exp(gammaln(2 / shape) - gammaln(1 / shape))
        found += [shape, mean, left, right]
    return np.array(found)


def asymmetric_gaussian(values: Plane) -> tuple[float, float, float]:
    """Shape, and left and right scale, of a generalised Gaussian with two scales, by its moments.

    NaN where values lie on one side of 0 only.
    """
    below, above = values[values < 0], values[values > 0]
    if not (len(below) and len(above)):
        return (float("nan"),) * 3
    left, right = np.sqrt((below**2).mean()), np.sqrt((above**2).mean())
    ratio = left / right
    moments = np.abs(values).mean() ** 2 / (values**2).mean()
    wanted = moments * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, table = _shapes()
    shape = shapes[np.abs(table - wanted).argmin()]
    scale = np.exp((gammaln(1 / shape) - gammaln(3 / shape)) / 2)
    return float(shape), float(left * scale), float(right * scale)


@cache
def _shapes() -> tuple[Plane, Plane]:
    """Shapes 0.2 to 10, and the ratio of moments of each."""
    shapes = np.arange(9801) * 0.001 + 0.2
    one, two, three = (gammaln(order / shapes) for order in (1, 2, 3))
    return shapes.astype(np.float64), np.exp(2 * two - one - three)
