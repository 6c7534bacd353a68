"""From a file to an estimator that is ready to look at pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from blindsr.errors import WeightsError
from blindsr.networks import CMOS

from .official import load_official
from .reading import read_checkpoint

if TYPE_CHECKING:
    from torch import nn

OFFICIAL_CLASSES = "predict.seg.last_layer.3.weight"
"""The tensor of official CMOS weights whose first axis counts the classes."""
OFFICIAL_SIGMA_MAX = {40: 5.0, 19: 15.0}
"""Class count -> sigma_max of the data set that official weights were trained on."""


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
    """Load a checkpoint of ``lightning fit`` or official CMOS weights, without running its code.

    Args:
        path: ``.ckpt`` of :class:`blindsr.tasks.CMOSTask`, or an official ``CMOS_*.pth``.
        window_layout: needed for official weights, see :func:`~blindsr.weights.load_official`.
        device: where to put the network.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it cannot be read safely, or holds something else.
    """
    path = Path(path)
    content = read_checkpoint(path)
    if "hyper_parameters" in content:
        loaded = _from_checkpoint(path, content)
    else:
        loaded = _from_official(path, content, window_layout)
    network, sigma_max, num_classes, scale, class_names = loaded
    device = torch.device(device)
    return LoadedEstimator(
        network.eval().to(device), sigma_max, num_classes, scale, class_names, device
    )


_Parts = tuple["nn.Module", float, int, int, tuple[str, ...]]


def _from_checkpoint(path: Path, content: dict[str, Any]) -> _Parts:
    from blindsr.tasks import CMOSTask

    settings = {
        name: value
        for name, value in content["hyper_parameters"].items()
        if not name.startswith("_")
    }
    try:
        task = CMOSTask(**settings)
        task.load_state_dict(content["state_dict"])
    except (TypeError, KeyError, RuntimeError) as error:
        raise WeightsError(
            path,
            found=f"not a checkpoint of CMOSTask ({str(error).splitlines()[0]})",
            expected="one written by `lightning fit` with model.class_path blindsr.tasks.CMOSTask",
        ) from error
    names = tuple(content.get("class_names", ()))
    return (
        task.network,
        float(settings["sigma_max"]),
        settings["num_classes"],
        settings["scale"],
        names,
    )


def _from_official(
    path: Path, content: dict[str, Any], layout: Literal["fixed", "legacy"] | None
) -> _Parts:
    last = next((v for k, v in content.items() if k.endswith(OFFICIAL_CLASSES)), None)
    if last is None:
        raise WeightsError(
            path, found="no CMOS weights in it", expected=f"a tensor ...{OFFICIAL_CLASSES}"
        )
    classes = int(last.shape[0])
    network = CMOS(classes)
    load_official(network, content, window_layout=layout)
    return network, OFFICIAL_SIGMA_MAX.get(classes, 5.0), classes, 4, ()
