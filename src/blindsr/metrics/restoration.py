"""The scores of a restored image: PSNR, SSIM, and more where asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from .by_pyiqa import add_pyiqa_metric
from .collector import ScoreCollector, mean_over_images
from .table import METRICS, Metric, metrics_of


class RestorationScores(ScoreCollector):
    """Collects scores of SR images over a set, each the mean over its images.

    The metrics that compare images in :data:`~blindsr.metrics.METRICS`: ``psnr`` [dB] and ``ssim``
    on 8-bit luma as in the papers; with ``full`` also ``gmsd`` (where piq is installed) and
    ``vif``, and ``lpips`` and ``dists`` on 8-bit RGB where networks are given; with ``extra`` all
    others. Images that are too small for a metric do not count for it.

    Args:
        crop: border in pixels left out on every side: 0 as in the papers' tests, or the scale.
        full: more than the scores of every epoch.
        extra: with ``full``, also what takes long or stands for other conventions.
        networks: by metric, ``lpips`` from :func:`~blindsr.metrics.lpips.load_lpips`.
    """

    def __init__(
        self,
        crop: int = 0,
        *,
        full: bool = False,
        extra: bool = False,
        **networks: nn.Module | None,
    ) -> None:
        chosen = image_scores(crop, full=full, extra=extra, networks=networks)
        super().__init__({n: mean_over_images(m, f, crop=crop) for n, (m, f) in chosen.items()})
        self._networks = networks  # in a dict: the weights are no part of a checkpoint

    def update(self, sr: Tensor, hr: Tensor) -> None:
        """Add a batch, both (N, 3, H, W) in [0, 1]; values outside are clipped."""
        if not len(hr):
            return
        to_device(self._networks, hr)
        for score in self.by_name.values():
            score.update(sr.float(), hr)

    def forward(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Add a batch as :meth:`update` does, and return its own scores by name."""
        to_device(self._networks, hr)
        return {name: score(sr.float(), hr) for name, score in self.by_name.items()}


def image_scores(
    crop: int, *, full: bool, extra: bool = False, networks: Mapping[str, nn.Module | None]
) -> dict[str, tuple[Metric, Callable[..., Tensor]]]:
    """Entry and bound function ``(sr, hr) -> (N,)`` of the metrics that there are."""
    chosen: dict[str, tuple[Metric, Callable[..., Tensor]]] = {}
    for name, metric in metrics_of("image").items():
        network = networks.get(name)
        wanted = metric.every_epoch or (full and (extra or not metric.extra))
        if not wanted or (metric.has_network and network is None):
            continue
        options: dict[str, Any] = {"network": network} if metric.has_network else {}
        chosen[name] = metric, partial(metric.score, crop=crop, **options)
    return chosen


def load_networks(settings: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Networks of the metrics whose files, or names under ``pyiqa``, the settings have.

    Raises:
        FileError, WeightsError: if a file cannot be used.
        ConfigError: if pyiqa, or a metric of it, is not there.
    """
    networks = {
        name: metric.load(settings[name])
        for name, metric in METRICS.items()
        if metric.load and settings.get(name)
    }
    return networks | dict(map(add_pyiqa_metric, settings.get("pyiqa") or ()))


def to_device(networks: Mapping[str, nn.Module | None], image: Tensor) -> None:
    """Bring the networks of metrics to where the images are."""
    for network in networks.values():
        if network is not None:
            network.to(image.device)
