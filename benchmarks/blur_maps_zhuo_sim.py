"""Defocus of one picture without learning (Zhuo & Sim, Pattern Recognition 44, 2011).

A rival of ``blur_maps.py`` (``--rival "Zhuo & Sim=benchmarks/blur_maps_zhuo_sim.py"``): sigma is
measured at edges and carried over the picture by its matting Laplacian (Levin, Lischinski & Weiss,
2008, equation 12), 20 s for half a megapixel.
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy.sparse as sparse
from blur_maps_classical import at_edges
from numpy.lib.stride_tricks import sliding_window_view
from scipy.sparse.linalg import cg

SIDE = 3  # pixels of a window
EVENNESS = 1e-5  # epsilon of the Laplacian
HELD = 1e-3  # lambda: how much an edge is held at what was measured there


def estimate(rgb: np.ndarray) -> np.ndarray:
    """Sigma (H, W) in pixels of a picture (H, W, 3) in [0, 1]."""
    sigma, edges = at_edges(rgb)
    sigma = cv2.medianBlur(np.minimum(sigma, 8.0), 3)
    if not edges.any():
        return sigma
    held = sparse.diags_array(HELD * edges.ravel().astype(np.float64))
    matrix = (matting_laplacian(rgb) + held).tocsr()
    start = np.full(sigma.size, sigma[edges].mean(), np.float64)
    scaled = sparse.diags_array(1 / matrix.diagonal())
    found, _ = cg(matrix, held @ sigma.ravel(), x0=start, M=scaled, rtol=1e-5, maxiter=3000)
    return found.reshape(sigma.shape).astype(np.float32)


def matting_laplacian(rgb: np.ndarray) -> sparse.csr_array:
    """(H * W, H * W): how far a map is from being linear in colour within every window."""
    height, width, channels = rgb.shape
    pixels = np.arange(height * width).reshape(height, width)
    count = SIDE * SIDE
    windows = sliding_window_view(pixels, (SIDE, SIDE)).reshape(-1, count)
    off = rgb.reshape(-1, channels).astype(np.float64)[windows]
    off -= off.mean(axis=1, keepdims=True)
    spread = off.transpose(0, 2, 1) @ off / count + EVENNESS / count * np.eye(channels)
    alike = (1 + off @ np.linalg.solve(spread, off.transpose(0, 2, 1))) / count
    rows, columns = np.repeat(windows, count, axis=1), np.tile(windows, (1, count))
    shape = (height * width, height * width)
    weights = sparse.coo_array((alike.ravel(), (rows.ravel(), columns.ravel())), shape).tocsr()
    return (sparse.diags_array(weights.sum(axis=1)) - weights).tocsr()
