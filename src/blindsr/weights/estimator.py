"""From a file to an estimator that is ready to look at pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import torch

from blindsr.errors import WeightsError

from .checkpoint import DEFAULT_SIGMA_MAX, read_network

if TYPE_CHECKING:
    from torch import nn

    from blindsr.networks import BlindSR


@dataclass(frozen=True)
class LoadedEstimator:
    """An estimator in evaluation mode with what its maps mean.

    Attributes:
        network: ``forward(lr) -> Estimate``.
        sigma_max: largest sigma of its training data, HR pixels.
        num_classes: classes of its semantic map.
        scale: HR size over LR size.
        class_names: names of the classes, empty where the file has none.
        device: where the network is.
    """

    network: nn.Module
    sigma_max: float
    num_classes: int
    scale: int
    class_names: tuple[str, ...]
    device: torch.device


def load_estimator(
    path: str | Path,
    *,
    window_layout: Literal["fixed", "legacy"] | None = None,
    device: str | torch.device = "cpu",
) -> LoadedEstimator:
    """Load the estimator of a file, without running code that the file may carry.

    Args:
        path: a checkpoint of :class:`blindsr.tasks.CMOSTask` or :class:`blindsr.tasks.BlindSRTask`,
            an export of one, or an official ``CMOS_*.pth`` or ``BlindSR_*.pth``.
        window_layout: needed for official weights, see :func:`~blindsr.weights.load_official`.
        device: where to put the network.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it cannot be read safely, or holds something else.
    """
    file = read_network(path)
    if file.kind == "rrdb_sft":
        raise WeightsError(
            path,
            found="a restorer, which needs maps and estimates none",
            expected="a checkpoint of CMOSTask or BlindSRTask",
        )
    network = file.network(window_layout)
    settings = file.settings
    if file.kind == "blind":
        network, settings = cast("BlindSR", network).estimator, settings["estimator"]
    device = torch.device(device)
    return LoadedEstimator(
        network.to(device),
        DEFAULT_SIGMA_MAX if file.sigma_max is None else file.sigma_max,
        int(settings["num_classes"]),
        int(settings["scale"]),
        file.class_names,
        device,
    )
