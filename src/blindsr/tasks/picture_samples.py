"""Arrays of one validation sample for drawing: images and maps, true and estimated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from blindsr.imaging.resize import upsample
from blindsr.metrics.quality import psnr_y
from blindsr.metrics.table import METRICS, show

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from blindsr.types import Batch, Estimate, PictureSample


def estimate_sample(
    batch: Batch,
    estimate: Estimate,
    index: int,
    *,
    scale: int,
    phase: float,
    sigma_max: float,
    class_names: Sequence[str] = (),
) -> PictureSample:
    """LR, and the true and estimated maps that there are.

    Args:
        batch: with ``lr``; ``name``, ``blur`` and ``seg`` are shown where there are some.
        estimate: of the whole batch.
        index: of the sample in the batch.
        scale: HR size over LR size.
        phase: in which LR is enlarged, see :func:`blindsr.imaging.resize.phase`.
        sigma_max: end of the sigma scale in HR pixels.
        class_names: for the legend.
    """
    sample: PictureSample = {
        "name": _name(batch, index),
        "lr": _enlarged(batch, index, scale, phase),
        "sigma_max": sigma_max,
        "class_names": list(class_names),
    }
    if "blur" in batch:
        sample["blur"] = _map(batch["blur"], index)
    if "seg" in batch:
        sample["seg"] = batch["seg"][index].cpu().numpy()
    if estimate.blur is not None:
        sample["blur_estimate"] = _map(estimate.blur, index)
    if estimate.seg_logits is not None:
        sample["seg_estimate"] = estimate.seg_logits[index].argmax(0).cpu().numpy()
    return sample


def restoration_sample(
    batch: Batch,
    restored: Mapping[str, Tensor],
    index: int,
    *,
    scale: int,
    phase: float,
    sigma_max: float | None,
    estimate: Estimate | None = None,
) -> PictureSample:
    """LR, what each method restored with its PSNR, HR, and the sigma maps that there are.

    Args:
        batch: with ``lr`` and ``hr``; ``name`` and ``blur`` are shown where there are some.
        restored: images (3, s*h, s*w) of this sample by the name of their column.
        index: of the sample in the batch.
        scale: HR size over LR size.
        phase: in which LR is enlarged, see :func:`blindsr.imaging.resize.phase`.
        sigma_max: end of the sigma scale in HR pixels; ``None`` shows no maps.
        estimate: of the whole batch; its sigma map is shown beside the true one.
    """
    hr = batch["hr"][index]
    pictures = {name: _picture(image) for name, image in restored.items()}
    sample: PictureSample = {
        "name": _name(batch, index),
        "images": {"LR": _enlarged(batch, index, scale, phase), **pictures, "HR": _picture(hr)},
        "scores": {name: _score(image, hr) for name, image in restored.items()},
    }
    if sigma_max is None:
        return sample
    sample["sigma_max"] = sigma_max
    if "blur" in batch:
        sample["blur"] = _map(batch["blur"], index)
    if estimate is not None and estimate.blur is not None:
        sample["blur_estimate"] = _map(estimate.blur, index)
    return sample


def _name(batch: Batch, index: int) -> str:
    return batch["name"][index] if "name" in batch else str(index)


def _enlarged(batch: Batch, index: int, scale: int, phase: float) -> NDArray[np.float32]:
    lr = batch["lr"][index : index + 1].float()
    return _picture(upsample(lr, scale, phase=phase, method="nearest")[0])


def _map(maps: Tensor, index: int) -> NDArray[np.float32]:
    """(N, 1, H, W) -> (H, W)."""
    return maps[index, 0].detach().float().cpu().numpy()


def _picture(image: Tensor) -> NDArray[np.float32]:
    """(3, H, W) of any range -> (H, W, 3) in [0, 1]; NaN stays."""
    return image.detach().float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()


def _score(image: Tensor, hr: Tensor) -> str:
    value = float(psnr_y(image.detach().float()[None], hr.float()[None]))
    return f"{show('psnr', value)} {METRICS['psnr'].unit}" if math.isfinite(value) else "–"
