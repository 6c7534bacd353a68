"""Metrics of pyiqa by name, for those who have installed it; it is no dependency.

Its licence (PolyForm Noncommercial since 0.1.16) allows no commercial use, and it fetches weights
by itself when a metric is first made.
"""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING, Any

import torch

from blindsr.errors import ConfigError

from .full_range import rgb_8bit
from .table import METRICS, Metric

if TYPE_CHECKING:
    from torch import Tensor, nn

PREFIX = "pyiqa_"


def add_pyiqa_metric(name: str) -> tuple[str, nn.Module]:
    """Add a metric of pyiqa to the table of metrics, and make its network.

    Args:
        name: as pyiqa has it, such as ``ahiq`` or ``musiq``.

    Returns:
        Its name in :data:`~blindsr.metrics.METRICS`, and the network that scores with it.

    Raises:
        ConfigError: if pyiqa is not installed, or cannot make such a metric.
    """
    if importlib.util.find_spec("pyiqa") is None:
        raise ConfigError(
            "pyiqa",
            found=f"{name} wanted, and pyiqa is not installed",
            expected="pyiqa beside blindsr",
            fix="Install it (`uv pip install pyiqa`) if its non-commercial licence suits you.",
        )
    import pyiqa

    try:
        network: Any = pyiqa.create_metric(name, device=torch.device("cpu"))
    except Exception as error:  # unknown name, no network to fetch weights with, an older version
        found = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(
            "pyiqa",
            found=f"{name}: {found}",
            expected="a metric that pyiqa lists and can get the weights of",
            fix="See pyiqa.list_models().",
        ) from error
    key = PREFIX + re.sub(r"\W", "_", name.lower())
    METRICS[key] = Metric(
        title=f"{name} (pyiqa)",
        compares="image",
        score=_score,
        better="lower" if network.lower_better else "higher",
        needs_network=True,
        reference=network.metric_mode == "FR",
        package="pyiqa",
    )
    return key, network


def _score(sr: Tensor, hr: Tensor, *, network: Any, crop: int = 0) -> Tensor:
    """Of each image after rounding to 8 bit, (N, 3, H, W) in [0, 1] -> (N,) float64."""
    scores = []
    for seen, true in zip(rgb_8bit(sr, crop).split(1), rgb_8bit(hr, crop).split(1), strict=True):
        pair = [(image / 255).float() for image in (seen, true)]
        found = network(*pair) if network.metric_mode == "FR" else network(pair[0])
        scores.append(torch.as_tensor(found).detach().double().reshape(1).to(sr.device))
    return torch.cat(scores)
