"""Depth layers: which pixels are blurred together, and what each layer does to those behind it.

How much a layer covers, where the background behind it must be extended, and from which pixels,
depends on sigma and depth alone, not on colours. That is planned here; :mod:`.layered` carries it
out. For fixed sigma and depth, blur with occlusion is therefore linear in the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.gather_numpy import separable_filter
from blindsr.degradation.kernels import trimmed_window
from blindsr.errors import DataError

Box = tuple[slice, slice]
_COVERAGE_FLOOR = 1e-4  # blurred masks below are no coverage at all
_REACH_FLOOR = 1e-3  # how much painted area a pixel must see for the background to reach it

_NEIGHBOURS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_TINY = np.float32(1e-12)


@dataclass(frozen=True)
class Layer:
    """Pixels that are blurred together."""

    sigma: float
    """Nominal sigma in pixels; 0 in focus."""
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    def box(self, margin: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Return rows and columns of the bounding box, widened by ``margin`` inside the image."""
        rows, columns = (
            slice(max(int(index.min()) - margin, 0), min(int(index.max()) + margin + 1, length))
            for index, length in zip((self.rows, self.columns), shape, strict=True)
        )
        return rows, columns


def split_layers(
    sigma: NDArray[np.float32],
    depth: NDArray[np.floating],
    *,
    sigma_max: float,
    merge_coc: float,
) -> Iterator[Layer]:
    """Yield layers from far to near: runs of equal circle of confusion along depth.

    Runs, not values: the same circle of confusion before and behind the focus is two layers.

    Raises:
        DataError: NaN in depth, or sigma changes so often along depth that it is no function of it.
    """
    if np.isnan(depth).any():
        raise DataError("depth", found="NaN", expected="numbers", fix="Fill the holes first")
    coc = np.rint((4.0 * sigma.astype(np.float64) + 1.0) / merge_coc).astype(np.int64).ravel()
    in_focus = round(1.0 / merge_coc)
    coc[(coc * merge_coc <= 1.0 + 1e-6) | (sigma.ravel() == 0)] = in_focus
    order = np.lexsort((-coc, -depth.ravel().astype(np.float64)))  # equal depth: larger coc first
    sorted_coc = coc[order]
    starts = np.flatnonzero(np.diff(sorted_coc, prepend=sorted_coc[0] - 1))
    limit = 8 * round((4 * sigma_max + 1) / merge_coc) + 16
    if len(starts) > limit:
        raise DataError(
            "sigma",
            found=f"{len(starts)} layers along depth",
            expected=f"a function of depth, at most {limit}",
            fix="Make the map with sigma_from_depth, or use the gather operator",
        )
    rows, columns = np.divmod(order, sigma.shape[1])
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        index = int(sorted_coc[start])
        nominal = 0.0 if index == in_focus else (index * merge_coc - 1.0) / 4.0
        yield Layer(min(nominal, sigma_max), rows[start:stop], columns[start:stop])


@dataclass(frozen=True)
class Extension:
    """Colours of the rim of what is painted, blurred into the strip that a layer uncovers."""

    inner: Box
    """Where the strip is looked for."""
    outer: Box
    """``inner`` and all that its blur sees."""
    rim: NDArray[np.bool_]
    """In ``outer``."""
    rim_coverage: NDArray[np.float32]
    """(n, 1), by which colours of the rim are divided."""
    strip: NDArray[np.bool_]
    """In ``inner``."""
    factor: NDArray[np.float32]
    """(m, 1), by which blurred colours are multiplied."""


@dataclass(frozen=True)
class LayerStep:
    """How one layer is painted: state := state / opaque, extended, (1 - coverage) + its blur."""

    layer: Layer
    taps: NDArray[np.float64]
    box: Box
    """All that the blurred layer reaches."""
    coverage: NDArray[np.float32]
    """(h, w, 1) in ``box``, in [0, 1]."""
    opaque: NDArray[np.float32] | None
    """(h, w, 1) in ``box``, by which what lies behind is divided first; ``None`` for not."""
    extension: Extension | None


class LayerPlan:
    """Plans the layers from far to near.

    Args:
        shape: H and W.
        sigma_max: fixes the window.
        fill: extend the background under layers in front of the focus.

    Attributes:
        coverage: (H, W, 1) by which the colours are divided after the last step.
    """

    def __init__(self, shape: tuple[int, int], *, sigma_max: float, fill: bool) -> None:
        self.coverage = np.zeros((*shape, 1), np.float32)
        self._painted = np.zeros(shape, bool)
        self._sigma_max, self._fill = sigma_max, fill

    def steps(self, layers: Iterator[Layer]) -> Iterator[LayerStep]:
        """Yield one step for each layer; ``coverage`` is final after the last one."""
        focus_passed = False
        for layer in layers:
            yield self._step(layer, extend=self._fill and focus_passed)
            focus_passed = focus_passed or layer.sigma == 0

    def _step(self, layer: Layer, *, extend: bool) -> LayerStep:
        taps = trimmed_window(layer.sigma, self._sigma_max)
        radius = len(taps) // 2
        box = layer.box(radius, self._painted.shape)
        coverage = np.zeros((*self._painted[box].shape, 1), np.float32)
        coverage[layer.rows - box[0].start, layer.columns - box[1].start] = 1
        if radius:
            coverage = separable_filter(coverage, taps)
        coverage[coverage < _COVERAGE_FLOOR] = 0
        state = self.coverage[box]
        opaque, extension = None, None
        if extend:
            opaque = np.where(state > 0, state, np.float32(1))
            state /= opaque
            extension = self._extend_background(layer, taps)
        state *= 1 - coverage
        state += coverage
        self._painted[layer.rows, layer.columns] = True
        return LayerStep(layer, taps, box, coverage, opaque, extension)

    def _extend_background(self, layer: Layer, taps: NDArray[np.float64]) -> Extension | None:
        """Continue the painted colours into the strip that the new layer's blur will uncover.

        The strip is where the layer's window sees painted pixels S: blur(S) >= 0.001 outside S.
        The generator solves Laplace's equation there, from the colour at the rim of S on one side
        to nothing on the other. Here the colours of the rim are blurred and divided by the blurred
        rim (the whole of S instead would be 2 to 12 dB farther from the membrane), and fall off
        over the strip with weight sqrt(min(1, 2 blur(S))).
        """
        radius = len(taps) // 2
        inner = layer.box(radius, self._painted.shape)
        outer = layer.box(2 * radius, self._painted.shape)
        painted = self._painted[outer].view(np.uint8)
        if painted[within(inner, outer)].all():
            return None
        rim = painted != cv2.erode(painted, _NEIGHBOURS)
        known = np.stack([painted, rim], axis=2).astype(np.float32)
        reach, colour = np.moveaxis(separable_filter(known, taps)[within(inner, outer)], 2, 0)
        strip = (reach >= _REACH_FLOOR) & ~self._painted[inner]
        weight = np.sqrt(np.minimum(1, 2 * reach[strip]))
        factor = (weight / np.maximum(colour[strip], _TINY))[:, None]
        rim_coverage = self.coverage[outer][rim]
        self.coverage[inner][strip] = colour[strip][:, None] * factor
        return Extension(inner, outer, rim, rim_coverage, strip, factor)


def within(inner: Box, outer: Box) -> Box:
    """Return the inner box in coordinates of the outer one."""
    rows, columns = (
        slice(small.start - large.start, small.stop - large.start)
        for small, large in zip(inner, outer, strict=True)
    )
    return rows, columns
