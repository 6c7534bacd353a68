"""What a file of weights says of the network it belongs to: kind, settings, tensors.

Files are checkpoints of ``lightning fit``, exports of this package (settings in the metadata of a
safetensors file), or the officially released ``.pth`` files, whose settings follow from the names
and shapes of their tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import nn

from blindsr.errors import WeightsError
from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.networks.build import build
from blindsr.networks.settings import (
    FACTS_KEY,
    checked_facts,
    checked_names,
    checked_number,
    checked_settings,
)
from blindsr.types import DataFacts

from .official import SHOWN, differences, load_official_state
from .reading import is_flat, is_safetensors, read_checkpoint, read_state_dict, require_finite

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["cmos", "rrdb_sft", "blind"]
Layout = Literal["fixed", "legacy"]
SETTINGS_KEY = "blindsr"
"""Metadata key of a safetensors file under which an export keeps its description as JSON."""
_SHOWN = 100
DEFAULT_SIGMA_MAX = 5.0
"""Of NYUv2-BSR; for files that do not say it."""
NETWORKS: dict[str, type[nn.Module]] = {"cmos": CMOS, "rrdb_sft": RRDBSFT, "blind": BlindSR}
PARTS: dict[str, type[nn.Module]] = {"estimator": CMOS, "restorer": RRDBSFT}
_SHARED = ("num_classes", "scale")
_TASK_PREFIX = "network."
_SIGMA_MAX = {40: 5.0, 19: 15.0}
"""Class count -> sigma_max of the data set that official weights were trained on."""


class OtherNetworkError(WeightsError):
    """Readable weights of a network that is none of CMOS, RRDB-SFT and BlindSR."""


@dataclass(frozen=True)
class NetworkFile:
    """Weights and what is known about them.

    Attributes:
        path: where they were read.
        kind: ``"cmos"``, ``"rrdb_sft"`` or ``"blind"``.
        settings: constructor arguments of the network; for ``"blind"`` those of its two parts under
            ``estimator`` and ``restorer``.
        state: tensors by the names of the network.
        sigma_max: largest sigma of the training data, HR pixels; ``None`` for official restorers,
            which do not show it.
        class_names: names of the classes, empty where the file has none.
        official: the names are those of the released files, the layout of windows unknown.
        averaged: the training stored other weights beside these, which are their average.
        facts: of the training data; ``None`` where the file says nothing of them.
    """

    path: str
    kind: Kind
    settings: dict[str, Any]
    state: dict[str, Tensor] = field(repr=False)
    sigma_max: float | None = DEFAULT_SIGMA_MAX
    class_names: tuple[str, ...] = ()
    official: bool = False
    averaged: bool = False
    facts: DataFacts | None = None

    def network(self, window_layout: Layout | None = None) -> nn.Module:
        """Build the network in evaluation mode.

        Args:
            window_layout: needed for official files, see :func:`~blindsr.weights.load_official`.

        Raises:
            WeightsError: if tensors and settings contradict each other, or no layout is named.
        """
        if not self.official:
            with torch.device("meta"):  # no memory is taken before names and shapes agree
                require_fit(build_network(self.kind, self.settings), self.state, self.path)
        network = build_network(self.kind, self.settings)
        if self.official:
            load_official_state(network, self.state, window_layout, self.path)
        else:
            network.load_state_dict(self.state)
        return network.eval()


def build_network(kind: Kind, settings: Mapping[str, Any]) -> nn.Module:
    """Construct a network of a kind with random weights."""
    if kind == "cmos":
        return build(CMOS, settings)
    if kind == "rrdb_sft":
        return build(RRDBSFT, settings)
    return BlindSR(build(CMOS, settings["estimator"]), build(RRDBSFT, settings["restorer"]))


def require_fit(network: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Compare the tensors of a file with those of a network, name by name and shape by shape.

    Args:
        network: may be on the meta device.
        state: tensors by its names.
        where: their file, for messages.

    Raises:
        WeightsError: names what differs.
    """
    different = differences(network.state_dict(), state)
    if different:
        raise WeightsError(
            where,
            found=f"tensors that differ from the network: {different}",
            expected=f"those of {type(network).__name__} with the settings of the same file",
        )


def checked(file: NetworkFile) -> NetworkFile:
    """A file whose settings fit their constructors and whose weights are finite.

    Raises:
        WeightsError: names the setting or tensor that is wrong.
    """
    path, settings = file.path, file.settings
    if file.kind == "blind":
        parts = {part: _part(settings, part, path) for part in PARTS}
        shared = {key: parts["estimator"][key] for key in _SHARED if key in parts["estimator"]}
        settings = {**parts, **shared}
        count = parts["estimator"].get("num_classes")
    else:
        settings = checked_settings(NETWORKS[file.kind], settings, path)
        count = settings.get("num_classes") if file.kind == "cmos" else None
    names = len(file.class_names)
    if names and count not in (None, names):
        raise WeightsError(
            path, found=f"{names} class names", expected=f"{count}, one per class, or none"
        )
    if file.facts is not None and file.facts.scale != settings.get("scale", file.facts.scale):
        raise WeightsError(
            path,
            found=f"facts of data at x{file.facts.scale}",
            expected=f"x{settings['scale']} as the network",
        )
    require_finite(file.state, path)
    return replace(file, settings=settings)


def _sigma_max(value: object, path: str) -> float:
    return float(checked_number("sigma_max", value, path, "sigma_max"))


def _part(settings: Mapping[str, Any], part: str, path: str) -> dict[str, Any]:
    return checked_settings(PARTS[part], settings.get(part), path, part)


def read_network(path: str | Path) -> NetworkFile:
    """Read any file of weights of this package or of the official release.

    A training with a callback of lightning's ``WeightAveraging`` family stores the averaged
    weights as ``state_dict`` and those being trained as ``current_model_state``: the averaged ones
    are read, which are also the ones that it validated.

    Args:
        path: ``.ckpt``, ``.pth`` or ``.safetensors``; nothing in it is run.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds another network.
    """
    return checked(_read(path))


def _read(path: str | Path) -> NetworkFile:
    if is_safetensors(path):
        state, metadata = read_state_dict(path)
        if SETTINGS_KEY in metadata:
            return _from_export(str(path), state, metadata[SETTINGS_KEY])
        return _from_official(str(path), state)
    content = read_checkpoint(path)
    if "state_dict" in content:
        return _from_training(str(path), content)
    return _from_official(str(path), content)


def _from_export(path: str, state: dict[str, Tensor], description: str) -> NetworkFile:
    try:
        about = json.loads(description)
        kind, settings, sigma_max = about["kind"], about["settings"], about["sigma_max"]
        if kind not in get_args(Kind):
            raise ValueError(f"kind {kind!r}")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:_SHOWN]
        raise WeightsError(
            path,
            found=f"a description that cannot be used ({type(error).__name__}: {said})",
            expected=f"JSON with kind, settings and sigma_max under {SETTINGS_KEY!r}",
            fix="Export the weights again with `blindsr convert`.",
        ) from error
    if not isinstance(settings, dict):
        raise _foreign(path, "settings that are no dictionary")
    return NetworkFile(
        path,
        kind,
        settings,
        state,
        None if sigma_max is None else _sigma_max(sigma_max, path),
        checked_names(about.get("class_names"), path),
        averaged=about.get("averaged") is True,
        facts=checked_facts(about.get(FACTS_KEY), path),
    )


def _from_training(path: str, content: dict[str, Any]) -> NetworkFile:
    settings, stored = content.get("hyper_parameters", {}), content["state_dict"]
    if not isinstance(settings, dict) or not is_flat(stored):
        raise _foreign(path, f"a checkpoint of another program ({_listed(content)})")
    state = {
        name.removeprefix(_TASK_PREFIX): tensor
        for name, tensor in stored.items()
        if name.startswith(_TASK_PREFIX)
    }
    kind = _kind_of(state)
    if kind is None or not settings:
        raise _foreign(path, f"a checkpoint of another task ({_listed(stored)})")
    return NetworkFile(
        path,
        kind,
        settings,
        state,
        _sigma_max(settings.get("sigma_max", DEFAULT_SIGMA_MAX), path),
        checked_names(content.get("class_names"), path),
        averaged="current_model_state" in content,
        facts=checked_facts(content.get(FACTS_KEY), path),
    )


def _kind_of(state: Mapping[str, Tensor]) -> Kind | None:
    if any(name.startswith("estimator.") for name in state):
        return "blind"
    if "conv_first.weight" in state:
        return "rrdb_sft"
    return "cmos" if any(name.startswith("predict.") for name in state) else None


def _from_official(path: str, content: dict[str, Any]) -> NetworkFile:
    if not is_flat(content):
        raise _foreign(path, f"entries that are no tensors ({_listed(content)})")
    state = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    classes = _rows(state, "predict.seg.last_layer.3.weight")
    code_length = _rows(state, "blur_conv.weight")
    if classes is None and code_length is None:
        raise _foreign(path, f"{len(state)} tensors of another network ({_listed(state)})")
    estimator = {"num_classes": classes, "scale": 4}
    restorer = {"code_length": code_length, "scale": 4}
    if classes is None:
        return NetworkFile(path, "rrdb_sft", restorer, state, None, official=True)
    sigma_max = _SIGMA_MAX.get(classes, DEFAULT_SIGMA_MAX)
    if code_length is None:
        return NetworkFile(path, "cmos", estimator, state, sigma_max, official=True)
    restorer["num_classes"] = classes
    both = {"estimator": estimator, "restorer": restorer, "scale": 4}
    return NetworkFile(path, "blind", both, state, sigma_max, official=True)


def _listed(content: Mapping[Any, Any]) -> str:
    """The first names, for messages."""
    names = [str(name) for name in content]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "") if names else "none"


def _rows(state: Mapping[str, Tensor], ending: str) -> int | None:
    found = next((tensor for name, tensor in state.items() if name.endswith(ending)), None)
    return None if found is None or not found.ndim else int(found.shape[0])


def _foreign(path: str, found: str) -> OtherNetworkError:
    return OtherNetworkError(
        path,
        found=found,
        expected="a checkpoint of CMOSTask, RRDBSFTTask or BlindSRTask, an export of them, or an "
        "official CMOS_*, RRDB_SFT_* or BlindSR_* file",
    )
