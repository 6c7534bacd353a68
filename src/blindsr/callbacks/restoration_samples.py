"""Samples of restoration sheets, from a batch and what methods made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blindsr.imaging.resize import upsample
from blindsr.metrics.quality import psnr_y
from blindsr.metrics.table import METRICS, show

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from blindsr.types import Batch, Estimate


def sheet_sample(
    batch: Batch,
    results: Mapping[str, Tensor],
    index: int,
    *,
    scale: int,
    phase: float,
    estimate: Estimate | None = None,
) -> dict[str, Any]:
    """One sample for :func:`blindsr.imaging.plot_restoration.save_restoration_sheet`.

    Args:
        batch: with ``lr`` and ``hr``; ``name`` and ``blur`` are shown where there are some.
        results: restored images (N, 3, s*h, s*w) by the name of their column.
        index: of the sample in the batch.
        scale: HR size over LR size.
        phase: see :func:`blindsr.imaging.resize.phase`.
        estimate: its sigma map is shown beside the true one.
    """
    lr, hr = (x[index : index + 1].float() for x in (batch["lr"], batch["hr"]))
    restored = {name: images[index : index + 1].float() for name, images in results.items()}
    enlarged = upsample(lr, scale, phase=phase, method="nearest")
    sample: dict[str, Any] = {
        "name": batch["name"][index] if "name" in batch else str(index),
        "images": {k: _array(x) for k, x in {"LR": enlarged, **restored, "HR": hr}.items()},
        "scores": {name: _score(image, hr) for name, image in restored.items()},
    }
    if "blur" in batch:
        sample["blur"] = batch["blur"][index, 0].float().cpu().numpy()
    if estimate is not None and estimate.blur is not None:
        sample["blur_estimate"] = estimate.blur[index, 0].float().cpu().numpy()
    return sample


def _array(picture: Tensor) -> NDArray[np.float32]:
    """(1, 3, H, W) of any range -> (H, W, 3) in [0, 1]; NaN stays."""
    return picture[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()


def _score(image: Tensor, hr: Tensor) -> str:
    value = float(psnr_y(image, hr))
    return f"{show('psnr', value)} {METRICS['psnr'].unit}" if math.isfinite(value) else "–"
