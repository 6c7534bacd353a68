"""Draws the course of a training: its loss curve, and maps of scenes before and after it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.grid import Row, Tile, draw_grid
from blindsr.drawing.page import GAP, MARGIN, Page, Rectangle
from blindsr.drawing.palette import blur_to_rgb
from blindsr.drawing.scales import draw_sigma_bar
from blindsr.imaging.files import to_uint8

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from blindsr.types import PictureSample

_TILE, _CURVE, _DPI = 208, (848, 264), 100
_LOSS = "train/blur"
Curve = NDArray[np.float64]


def loss_curve(metrics: Path) -> Curve:
    """(n, 2): optimiser step, and mean |error| of sigma in HR pixels there; may be empty.

    Args:
        metrics: ``metrics.csv`` of the run.
    """
    with metrics.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    named = {key for row in rows for key in (_LOSS, f"{_LOSS}_step") if row.get(key)}
    points = [(float(row["step"]), float(row[key])) for row in rows for key in named if row[key]]
    return np.array(sorted(points), np.float64).reshape(-1, 2)


def learning_page(
    samples: Sequence[PictureSample],
    before: Sequence[NDArray[np.float32]],
    curve: Curve,
    constant: float,
    title: str,
) -> Page:
    """Draw the loss over the training, and for some scenes LR, truth, map before and after.

    Args:
        samples: with ``lr``, ``blur``, ``blur_estimate`` and ``sigma_max``.
        before: sigma maps of the same scenes with random weights.
        curve: see :func:`loss_curve`.
        constant: mean |error| of the best constant on held-out scenes, HR pixels.
        title: a line above.
    """
    sigma_max = samples[0]["sigma_max"]
    page = Page(title)
    picture = _plot(curve, constant)
    height, width = picture.shape[:2]
    page.picture(Rectangle(MARGIN, page.bottom, width, height), picture)
    rows = []
    for sample, first in zip(samples, before, strict=True):
        maps = (sample["blur"], first, sample["blur_estimate"])
        notes = ("", *(f"mean |error| {np.abs(m - maps[0]).mean():.2f} px" for m in maps[1:]))
        tiles = [
            Tile(blur_to_rgb(m, sigma_max), note=note) for m, note in zip(maps, notes, strict=True)
        ]
        rows.append(Row([Tile(to_uint8(sample["lr"])), *tiles]))
    headings = ["LR", "true sigma", "before training", "after training"]
    grid = draw_grid(page, MARGIN, page.bottom + GAP, _TILE, headings, rows)
    left, width = grid.span(1, 3)
    shown = [*before, *(sample[key] for sample in samples for key in ("blur", "blur_estimate"))]
    draw_sigma_bar(page, left, grid.bottom + GAP, width, shown, end=sigma_max)
    return page


def _plot(curve: Curve, constant: float) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_CURVE[0] / _DPI, _CURVE[1] / _DPI), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(curve[:, 0], curve[:, 1], color="#9ecae1", linewidth=1)
    width = max(1, len(curve) // 12)
    if len(curve) > width:
        smooth = np.convolve(curve[:, 1], np.ones(width) / width, "valid")
        steps = curve[width - 1 :, 0]
        axes.plot(steps, smooth, color="#08519c", linewidth=2, label=f"mean of {width} values")
    label = "best constant on held-out scenes"
    axes.axhline(constant, color="#d94801", linestyle="--", linewidth=1.2, label=label)
    axes.set(xlabel="optimiser step", ylabel="mean |error| of sigma [HR px]", ylim=(0, None))
    axes.legend(frameon=False, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def maps_of(model: Any, samples: Any) -> list[NDArray[np.float32]]:
    """Sigma maps (H, W) of LR pictures (3, h, w), not below 0."""
    import torch

    with torch.inference_mode():
        found = [model(lr[None]).blur[0, 0] for lr in samples]
    return [blur.clamp_min(0).float().cpu().numpy() for blur in found]
