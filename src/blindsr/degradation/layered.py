"""Blur with occlusion: depth layers blurred one by one and composed from far to near.

The generator of the data sets (SYNDOF, Lee et al., CVPR 2019; compositing after Kraus & Strengert
2007). For layer i of one circle of confusion, with its mask m_i and the picture x:

    a_i = blur(m_i),  F_i = blur(m_i x)
    M := (1 - a_i) M + F_i,   A := (1 - a_i) A + a_i,   picture = M / A

That alone leaves a hole behind every blurred foreground edge: nothing is known of the background
hidden there. From the first layer in front of the focus on, the background painted so far is
therefore extended under each new layer, see :func:`_extend_background`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.gather_numpy import checked_sigma, separable_filter
from blindsr.degradation.kernels import trimmed_window, window_size
from blindsr.errors import ConfigError, DataError


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


_COVERAGE_FLOOR = 1e-4  # blurred masks below are no coverage at all
_REACH_FLOOR = 1e-3  # how much painted area a pixel must see for the background to reach it

_NEIGHBOURS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_TINY = np.float32(1e-12)


def layered_blur(
    image: NDArray[np.float32],
    sigma: NDArray[np.floating],
    depth: NDArray[np.floating],
    *,
    sigma_max: float,
    merge_coc: float = 0.1,
    fill: bool = True,
) -> NDArray[np.float32]:
    """Blur with occlusion, as the data sets were made.

    Args:
        image: (H, W, 3) float32 in [0, 1].
        sigma: (H, W) nominal sigma in pixels, a function of depth as
            :func:`~blindsr.degradation.sigma_from_depth` returns it.
        depth: (H, W), positive, any unit, ``inf`` allowed; only its order matters.
        sigma_max: fixes the window.
        merge_coc: width of a layer in pixels of circle of confusion. The generator's is 0.1; 0.5
            at ``sigma_max`` 15 takes a quarter of the time and is 43 dB and more from it.
        fill: extend the background under blurred foregrounds. Without it, compositing is the
            plain "over" and rims of the foreground show themselves instead of the background.

    Returns:
        (H, W, 3) float32.

    Raises:
        DataError: shapes that do not fit, values out of range, or sigma that is no function of
            depth.
        ConfigError: ``merge_coc`` not positive.
    """
    if image.ndim != 3 or depth.shape != image.shape[:2]:
        raise DataError(
            "depth",
            found=f"shape {depth.shape} for an image of shape {image.shape}",
            expected="(H, W) for (H, W, C)",
        )
    if not merge_coc > 0:
        raise ConfigError("merge_coc", found=repr(merge_coc), expected="a positive number")
    window_size(sigma_max)  # checks sigma_max
    sigma = checked_sigma(image.shape, sigma, sigma_max)
    canvas = _Canvas(np.ascontiguousarray(image, dtype=np.float32))
    focus_passed = False
    for layer in split_layers(sigma, depth, sigma_max=sigma_max, merge_coc=merge_coc):
        canvas.paint(layer, sigma_max, extend=fill and focus_passed)
        focus_passed = focus_passed or layer.sigma == 0
    return canvas.picture()


class _Canvas:
    """What has been painted so far: premultiplied colour, coverage, and which pixels are done."""

    def __init__(self, image: NDArray[np.float32]) -> None:
        height, width, channels = image.shape
        # The last plane of both is coverage, so that one filter call serves mask and colour.
        self._source = np.concatenate([image, np.ones((height, width, 1), np.float32)], axis=2)
        self._state = np.zeros((height, width, channels + 1), np.float32)
        self._painted = np.zeros((height, width), bool)

    def paint(self, layer: Layer, sigma_max: float, *, extend: bool) -> None:
        """Blur a layer and lay it over the canvas, in the box that its blur can reach."""
        taps = trimmed_window(layer.sigma, sigma_max)
        radius = len(taps) // 2
        box = layer.box(radius, self._painted.shape)
        rows, columns = layer.rows - box[0].start, layer.columns - box[1].start
        sheet = np.zeros((*self._painted[box].shape, self._source.shape[2]), np.float32)
        sheet[rows, columns] = self._source[layer.rows, layer.columns]
        if radius:
            sheet = separable_filter(sheet, taps)
        coverage = sheet[..., -1:]
        coverage[coverage < _COVERAGE_FLOOR] = 0
        state = self._state[box]
        if extend:
            _make_opaque(state)
            self._extend_background(layer, taps)
        state *= 1 - coverage
        state += sheet
        self._painted[layer.rows, layer.columns] = True

    def _extend_background(self, layer: Layer, taps: NDArray[np.float64]) -> None:
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
            return
        rim = painted != cv2.erode(painted, _NEIGHBOURS)
        colours = self._state[outer][rim]
        known = np.zeros((*painted.shape, 1 + colours.shape[1]), np.float32)
        known[..., 0] = painted
        known[rim, 1:] = colours / colours[:, -1:]
        blurred = separable_filter(known, taps)[within(inner, outer)]
        strip = (blurred[..., 0] >= _REACH_FLOOR) & ~self._painted[inner]
        reach, colour = blurred[strip][:, :1], blurred[strip][:, 1:]
        weight = np.sqrt(np.minimum(1, 2 * reach))
        self._state[inner][strip] = colour * (weight / np.maximum(colour[:, -1:], _TINY))

    def picture(self) -> NDArray[np.float32]:
        """Return M / A; every pixel is covered by its own layer at least."""
        return np.ascontiguousarray(self._state[..., :-1] / self._state[..., -1:])


def _make_opaque(state: NDArray[np.float32]) -> None:
    """Divide colour by coverage in place; what nothing covers stays empty."""
    partly = (state[..., -1] > 0) & (state[..., -1] != 1)
    state[partly] /= state[partly][:, -1:]


def within(inner: tuple[slice, slice], outer: tuple[slice, slice]) -> tuple[slice, slice]:
    """Return the inner box in coordinates of the outer one."""
    rows, columns = (
        slice(small.start - large.start, small.stop - large.start)
        for small, large in zip(inner, outer, strict=True)
    )
    return rows, columns
