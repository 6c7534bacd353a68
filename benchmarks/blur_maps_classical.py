"""Estimators of blur without learning, as lower bounds for those with it."""

from __future__ import annotations

import cv2
import numpy as np

_BLUR = 1.0  # sigma of the second blur, pixels
_SPREAD = 20.0  # sigma by which values at edges are carried into the areas between, pixels
_WINDOW = 3.0


def grey_of(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def gradient(grey: np.ndarray) -> np.ndarray:
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))


def at_edges(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sigma (H, W) from gradients before and after a blur of 1 pixel, and edges, where it is right.

    On a step edge blurred by sigma their ratio is sqrt(sigma^2 + 1) / sigma (Zhuo & Sim 2011).
    Edges are those of Canny in the slightly blurred picture.
    """
    grey = grey_of(rgb)
    ratio = gradient(grey) / np.maximum(gradient(cv2.GaussianBlur(grey, (0, 0), _BLUR)), 1e-6)
    sigma = _BLUR / np.sqrt(np.maximum(ratio**2 - 1, 1e-2))
    smooth = cv2.GaussianBlur(np.rint(grey * 255).astype(np.uint8), (0, 0), 1.5)
    return sigma, cv2.Canny(smooth, 15, 40) > 0


def reblur_ratio(rgb: np.ndarray) -> np.ndarray:
    """Sigma (H, W) at edges, spread by a Gaussian of 20 pixels."""
    sigma, found = at_edges(rgb)
    edges = found.astype(np.float32)
    carried = cv2.GaussianBlur(edges * np.minimum(sigma, 8.0), (0, 0), _SPREAD)
    weight = cv2.GaussianBlur(edges, (0, 0), _SPREAD)
    fallback = float((edges * sigma).sum() / max(float(edges.sum()), 1.0))
    return np.where(weight > 1e-6, carried / np.maximum(weight, 1e-6), fallback)


def smoothness(rgb: np.ndarray) -> np.ndarray:
    """Minus the octaves of local standard deviation: only its order means anything."""
    grey = grey_of(rgb)
    mean = cv2.GaussianBlur(grey, (0, 0), _WINDOW)
    variance = cv2.GaussianBlur(grey * grey, (0, 0), _WINDOW) - mean * mean
    return -0.5 * np.log2(np.maximum(variance, 1e-7))
