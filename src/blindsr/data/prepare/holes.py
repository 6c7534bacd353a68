"""Fills holes of a disparity or depth map along the edges of its picture."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import cg, spsolve

_COLOUR = 0.03
"""Difference of colour, picture in [0, 1], at which two pixels hold together a third as much."""
_LEAST_WEIGHT = 1e-3  # of two neighbours, so that no hole is cut off from all that is known
_REDUCED = 4  # the start of the solution is solved exactly at this fraction of the size
_STEPS, _TOLERANCE = 200, 1e-4


def fill_holes(values: np.ndarray, known: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Give unknown pixels the values of those around them that look alike.

    The sum over neighbours of ``w (v_i - v_j)^2`` is least, with ``w`` falling with the
    difference of their colours (the form of Levin's colourisation, which filled the depth of
    NYUv2): values spread over a surface and stop where the picture has an edge.

    Args:
        values: (H, W) float32; disparity or inverse depth, which is linear over a plane.
        known: (H, W) bool, at least one true; what is known stays as it is.
        picture: (H, W, 3) uint8.

    Returns:
        (H, W) float32.
    """
    if known.all():
        return values.astype(np.float32)
    start = _coarse(values, known, picture)
    return _solved(values, known, picture, start)


def _coarse(values: np.ndarray, known: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """The solution at a quarter of the size, enlarged."""
    size = picture.shape[1::-1]
    small = tuple(max(1, -(-length // _REDUCED)) for length in size)
    share = cv2.resize(known.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    summed: np.ndarray = np.where(known, values, 0).astype(np.float32)
    summed = cv2.resize(summed, small, interpolation=cv2.INTER_AREA)
    reduced: np.ndarray = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    seen = share > 0
    mean = np.where(seen, summed / np.where(seen, share, 1), 0)
    found = _solved(mean, seen, reduced, None)
    return cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)


def _solved(
    values: np.ndarray, known: np.ndarray, picture: np.ndarray, start: np.ndarray | None
) -> np.ndarray:
    """Solve for the unknown pixels: directly without a start, else by conjugate gradients."""
    filled = values.astype(np.float64)
    unknown = np.flatnonzero(~known)
    if len(unknown):
        graph = _laplacian(picture)
        rows = graph[unknown]
        inner = rows[:, unknown].tocsr()
        right = -(rows[:, np.flatnonzero(known)] @ filled[known])
        if start is None:
            solution = spsolve(inner.tocsc(), right)
        else:
            scale = diags_array(1 / inner.diagonal())
            first = start.ravel()[unknown].astype(np.float64)
            solution, _ = cg(inner, right, first, rtol=_TOLERANCE, maxiter=_STEPS, M=scale)
        filled.ravel()[unknown] = solution
    return filled.astype(np.float32)


def _laplacian(picture: np.ndarray) -> csr_array:
    """Of the graph of four neighbours, weighted by likeness; (H * W, H * W)."""
    height, width = picture.shape[:2]
    colours = picture.reshape(-1, 3).astype(np.float64) / 255
    index = np.arange(height * width).reshape(height, width)
    one = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    other = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    apart = np.abs(colours[one] - colours[other]).max(1) / _COLOUR
    weight = np.exp(-apart) + _LEAST_WEIGHT
    size = (index.size, index.size)
    joined = coo_array((weight, (one, other)), shape=size).tocsr()
    joined = joined + joined.T
    return (diags_array(joined.sum(axis=1)) - joined).tocsr()
