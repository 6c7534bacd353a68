"""The table of metrics: what each is called, which direction is better, what it needs.

One entry adds a metric everywhere: tests and validations of the tasks, score tables and files,
scores by region, the demonstrations, the benchmarks, and the mode of a checkpoint.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from . import full_range, quality, regions
from .lpips import DISTS_LEAST_SIZE, dists_8bit, load_dists, load_lpips, lpips_8bit
from .lpips import LEAST_SIZE as LPIPS_LEAST_SIZE
from .modules import mean_iou
from .niqe import LEAST_SIZE as NIQE_LEAST_SIZE
from .niqe import niqe

if TYPE_CHECKING:
    from torch import Tensor, nn

EXACT, UNDEFINED = "_exact", "_undefined"
"""``<score>_exact`` is the number of images whose score is infinite, ``<score>_undefined`` of those
that have none (too small, or the network gave NaN): the mean holds neither."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What the library must know of one metric; its key in :data:`METRICS` is its logged name.

    Attributes:
        title: name for people.
        compares: what ``score`` is called with, and its result:
            ``"image"``: ``score(sr, hr, crop=pixels) -> (N,)``, with ``network=`` too if ``load``
            or ``needs_network`` is given; ``"region"``: ``score(sr, hr, inside) -> (N,)`` for the
            pixels of a region; ``"blur"``: ``score(estimate, blur, sigma_max=pixels)
            -> (N,)``; ``"seg"``: ``score(confusion matrix) -> ()``;
            ``"lr"``: ``score(degraded SR, lr) -> (N,)``; ``"depth"``: ``score(estimate, depth) ->
            (N,)``.
            NaN is undefined, ``+inf`` an exact match; no mean holds either.
        better: ``"higher"``, ``"lower"``, or ``"one"`` or ``"zero"`` where that is right and no
            direction is better.
        unit: of the score, e.g. ``"dB"``.
        decimals: in tables.
        least_size: of the shorter side in pixels, without the cropped border; the score of a
            smaller image is NaN.
        package: a package beside the required ones that ``score`` imports; without it there is no
            such score.
        load: reads the network that ``score`` needs from the file which the argument of the
            metric's name gives, of a task and of ``blindsr score``; without a file there is no such
            score.
        needs_network: ``score`` needs a network that comes in another way.
        reference: compares with HR. What does not has no score inside a region.
        extra: scored where all metrics are asked for alone: ``blindsr score``, and tests with
            ``--model.metrics all``.
        inside: ``inside(sr, hr, mask, crop=pixels) -> (N,)``, the score over a region's pixels.
            ``None``: ``score`` of the SR image with HR pasted outside the region.
        only_in: the only region that has the score, whose logged name then has no prefix; empty
            for all.
        every_epoch: validations of restorers score it too, not tests alone.
        in_progress: validations show it beside the progress bar.
        dropped: narrow terminals drop columns with a number, lowest number first.
    """

    title: str
    compares: Literal["image", "region", "blur", "seg", "lr", "depth"]
    score: Callable[..., Tensor]
    better: Literal["higher", "lower", "one", "zero"] = "higher"
    unit: str = ""
    decimals: int = 4
    least_size: int = 1
    package: str | None = None
    load: Callable[[str], nn.Module] | None = None
    needs_network: bool = False
    reference: bool = True
    extra: bool = False
    inside: Callable[..., Tensor] | None = None
    only_in: str = ""
    every_epoch: bool = False
    in_progress: bool = True
    dropped: int | None = None

    @property
    def column(self) -> str:
        """Title with unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title

    @property
    def higher_is_better(self) -> bool | None:
        """As torchmetrics has it; ``None`` where no direction is better."""
        return {"higher": True, "lower": False}.get(self.better)

    @property
    def has_network(self) -> bool:
        """Whether ``score`` is called with a network."""
        return self.needs_network or self.load is not None

    @property
    def installed(self) -> bool:
        """Whether the package that it needs is there."""
        return self.package is None or importlib.util.find_spec(self.package) is not None


METRICS: dict[str, Metric] = {
    "psnr": Metric(
        title="PSNR",
        unit="dB",
        decimals=2,
        compares="image",
        score=quality.psnr_y,
        inside=regions.psnr_y_inside,
        every_epoch=True,
    ),
    "ssim": Metric(
        title="SSIM",
        compares="image",
        score=quality.ssim_y,
        least_size=quality.SSIM_MIN,
        inside=regions.ssim_y_inside,
        every_epoch=True,
        dropped=8,
    ),
    "lpips": Metric(
        title="LPIPS",
        better="lower",
        compares="image",
        score=lpips_8bit,
        least_size=LPIPS_LEAST_SIZE,
        load=load_lpips,
    ),
    "dists": Metric(
        title="DISTS",
        better="lower",
        compares="image",
        score=dists_8bit,
        least_size=DISTS_LEAST_SIZE,
        load=load_dists,
    ),
    "gmsd": Metric(
        title="GMSD",
        better="lower",
        compares="image",
        score=quality.gmsd,
        least_size=quality.GMSD_MIN,
        package="piq",
        dropped=7,
    ),
    "gmsd_full": Metric(
        title="GMSD (full range)",
        better="lower",
        compares="image",
        score=full_range.gmsd_full,
        least_size=quality.GMSD_MIN,
        package="piq",
        extra=True,
        dropped=5,
    ),
    "vif": Metric(
        title="VIF",
        compares="image",
        score=quality.vif,
        least_size=quality.VIF_MIN,
        dropped=6,
    ),
    "vif_wavelet": Metric(
        title="VIF (wavelets)",
        compares="image",
        score=full_range.vif_wavelet,
        least_size=full_range.VIF_WAVELET_MIN,
        package="pyrtools",
        extra=True,
        dropped=4,
    ),
    "vsi": Metric(
        title="VSI",
        compares="image",
        score=full_range.vsi,
        least_size=full_range.VSI_MIN,
        package="piq",
        extra=True,
        dropped=3,
    ),
    "ms_ssim": Metric(
        title="MS-SSIM",
        compares="image",
        score=full_range.ms_ssim,
        least_size=full_range.MS_SSIM_MIN,
        package="piq",
        extra=True,
        dropped=2,
    ),
    "niqe": Metric(
        title="NIQE (own model)",
        better="lower",
        decimals=2,
        compares="image",
        score=niqe,
        least_size=NIQE_LEAST_SIZE,
        reference=False,
        extra=True,
        dropped=1,
    ),
    "consistency": Metric(
        title="consistency", unit="dB", decimals=1, compares="lr", score=quality.psnr_of_lr
    ),
    "blur_psnr": Metric(
        title="blur PSNR", unit="dB", decimals=2, compares="blur", score=quality.blur_psnr
    ),
    "blur_ssim": Metric(
        title="blur SSIM",
        compares="blur",
        score=quality.blur_ssim,
        least_size=quality.SSIM_MIN,
        in_progress=False,
    ),
    "blur_rank": Metric(
        title="blur rank",
        decimals=3,
        compares="blur",
        score=quality.blur_rank,
        in_progress=False,
        dropped=0,
    ),
    "depth_mae": Metric(
        title="depth error",
        better="lower",
        decimals=3,
        compares="depth",
        score=quality.depth_mae,
        in_progress=False,
    ),
    "miou": Metric(title="mIoU", compares="seg", score=mean_iou),
    "texture": Metric(
        title="texture (1 = kept)",
        better="one",
        decimals=2,
        compares="region",
        score=regions.texture_ratio,
        only_in="blurred",
    ),
    "texture_log2": Metric(
        title="log2 of texture (0 = kept)",
        better="zero",
        decimals=2,
        compares="region",
        score=regions.texture_log2,
    ),
}
"""All metrics by logged name, in the order of columns."""


def metrics_of(compares: str) -> dict[str, Metric]:
    """The metrics that compare one kind of thing, see :class:`Metric`, and are installed."""
    return {n: m for n, m in METRICS.items() if m.compares == compares and m.installed}


def split_region(name: str) -> tuple[str, str]:
    """Region and score of a logged name: ``("blurred", "psnr")``, or ``("", "psnr")``."""
    place, _, rest = name.partition("_")
    if rest and place in regions.REGIONS:
        return place, rest
    metric = METRICS.get(counted(name) or name)
    return (metric.only_in if metric else ""), name


def counted(name: str) -> str | None:
    """The score whose images a name counts: ``"psnr"`` of ``"psnr_exact"``; else ``None``."""
    for suffix in (EXACT, UNDEFINED):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return None


def metric_of(key: str) -> Metric | None:
    """The metric of a logged key (``val/psnr``, ``test/Group1/blurred_psnr``), if it is one."""
    return METRICS.get(split_region(key.rpartition("/")[2])[1])


def checkpoint_mode(monitor: str) -> Literal["max", "min"] | None:
    """The mode of a checkpoint that is chosen by a logged key; ``None`` if no metric decides it.

    Args:
        monitor: a key such as ``val/psnr``, or one that holds the first metric there is of several
            that agree (``val/lpips_or_gmsd``).
    """
    found = [metric_of(part) for part in monitor.rpartition("/")[2].split("_or_")]
    directions = {metric.better if metric else None for metric in found}
    if directions == {"higher"}:
        return "max"
    return "min" if directions == {"lower"} else None


def show(name: str, value: float | None) -> str:
    """A score with its decimals, ``inf`` for an exact match, a dash where it is undefined."""
    if value is None or value != value:
        return "–"
    metric = METRICS.get(name)
    return f"{value:.{metric.decimals if metric else 4}f}"
