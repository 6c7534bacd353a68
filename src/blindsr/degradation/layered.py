"""Blur with occlusion: depth layers blurred one by one and composed from far to near.

The generator of the data sets (SYNDOF, Lee et al., CVPR 2019; compositing after Kraus & Strengert
2007). For layer i of one circle of confusion, with its mask m_i and the picture x:

    a_i = blur(m_i),  F_i = blur(m_i x)
    M := (1 - a_i) M + F_i,   A := (1 - a_i) A + a_i,   picture = M / A

That alone leaves a hole behind every blurred foreground edge: nothing is known of the background
hidden there. From the first layer in front of the focus on, the background painted so far is
therefore extended under each new layer, see :class:`~blindsr.degradation.layers.Extension`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.gather_numpy import checked_sigma, separable_adjoint, separable_filter
from blindsr.degradation.kernels import window_size
from blindsr.degradation.layers import LayerPlan, LayerStep, split_layers, within
from blindsr.errors import ConfigError, DataError

Picture = NDArray[np.floating]


def layer_width(sigma_max: float) -> float:
    """Width of a layer in pixels of circle of confusion, with which data sets are made.

    It is 0.1; 0.5 takes a quarter of the time where blur is large.
    """
    return 0.1 if sigma_max <= 8 else 0.5


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
    plan, steps = plan_layers(
        image.shape, sigma, depth, sigma_max=sigma_max, merge_coc=merge_coc, fill=fill
    )
    source = np.ascontiguousarray(image, dtype=np.float32)
    state = np.zeros_like(source)
    for step in steps:
        paint(state, source, step)
    return state / plan.coverage  # every pixel is covered by its own layer at least


def plan_layers(
    shape: tuple[int, ...],
    sigma: NDArray[np.floating],
    depth: NDArray[np.floating],
    *,
    sigma_max: float,
    merge_coc: float,
    fill: bool,
) -> tuple[LayerPlan, Iterator[LayerStep]]:
    """Check the maps for an image of ``shape``; plan its layers, see :func:`layered_blur`."""
    if len(shape) != 3 or depth.shape != shape[:2]:
        raise DataError(
            "depth",
            found=f"shape {depth.shape} for an image of shape {shape}",
            expected="(H, W) for (H, W, C)",
        )
    if not merge_coc > 0:
        raise ConfigError("merge_coc", found=repr(merge_coc), expected="a positive number")
    window_size(sigma_max)  # checks sigma_max
    sigma = checked_sigma(shape, sigma, sigma_max)
    plan = LayerPlan(shape[:2], sigma_max=sigma_max, fill=fill)
    layers = split_layers(sigma, depth, sigma_max=sigma_max, merge_coc=merge_coc)
    return plan, plan.steps(layers)


def paint(state: Picture, source: Picture, step: LayerStep) -> None:
    """Blur a layer of ``source`` (H, W, C) and lay it over ``state``, in place."""
    rows, columns = step.layer.rows, step.layer.columns
    sheet = np.zeros_like(state[step.box])
    sheet[rows - step.box[0].start, columns - step.box[1].start] = source[rows, columns]
    if len(step.taps) > 1:
        sheet = separable_filter(sheet, step.taps)
    behind = state[step.box]
    if step.opaque is not None:
        behind /= step.opaque
    if step.extension is not None:
        part = step.extension
        known = np.zeros_like(state[part.outer])
        known[part.rim] = state[part.outer][part.rim] / part.rim_coverage
        blurred = separable_filter(known, step.taps)[within(part.inner, part.outer)]
        state[part.inner][part.strip] = blurred[part.strip] * part.factor
    behind *= 1 - step.coverage
    behind += sheet


def paint_adjoint(state: Picture, source: Picture, step: LayerStep) -> None:
    """Adjoint of :func:`paint`, in place: takes ``state`` back and adds to ``source``."""
    rows, columns = step.layer.rows, step.layer.columns
    behind = state[step.box]
    sheet = separable_adjoint(behind, step.taps)
    source[rows, columns] += sheet[rows - step.box[0].start, columns - step.box[1].start]
    behind *= 1 - step.coverage
    if step.extension is not None:
        part = step.extension
        blurred = np.zeros_like(state[part.outer])
        inside = blurred[within(part.inner, part.outer)]
        inside[part.strip] = state[part.inner][part.strip] * part.factor
        state[part.inner][part.strip] = 0
        known = separable_adjoint(blurred, step.taps)
        state[part.outer][part.rim] += known[part.rim] / part.rim_coverage
    if step.opaque is not None:
        behind /= step.opaque
