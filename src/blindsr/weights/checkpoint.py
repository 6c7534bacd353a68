"""Read a file of weights: the kind of its network, the settings, the tensors.

Files are checkpoints of ``lightning fit``, exports of this package (settings in the metadata of a
safetensors file), or the officially released ``.pth`` files, whose settings follow from the names
and shapes of their tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import kinds
from blindsr.networks.settings.checked import (
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

Layout = Literal["fixed", "legacy"]
SETTINGS_KEY = "blindsr"
"""Metadata key of a safetensors file under which an export keeps its description as JSON."""
_SHOWN = 100
DEFAULT_SIGMA_MAX = 5.0
"""That of NYUv2-BSR, for files without one."""
NETWORK_KEY = "network"
"""Key of a task's checkpoint: the kind of its network and the settings, see :func:`stored`."""
_TASK_PREFIX = "network."


class OtherNetworkError(WeightsError):
    """Readable weights of a network of no kind in :mod:`blindsr.networks.kinds`."""


@dataclass(frozen=True)
class NetworkFile:
    """Weights and what is known about them.

    Attributes:
        path: where they were read.
        kind: name in the table of :mod:`blindsr.networks.kinds`.
        settings: constructor arguments of the network; for a pipeline those of its two parts under
            ``estimator`` and ``restorer``, each with its ``kind`` unless that is the default.
        state: tensors by the names of the network.
        sigma_max: largest sigma of the training data, HR pixels; ``None`` for official restorers,
            whose files do not tell.
        class_names: names of the classes, empty where the file has none.
        official: the names are those of the released files, the layout of windows unknown.
        averaged: ``state`` holds averaged (EMA) weights.
        facts: of the training data; ``None`` where the file has none.
    """

    path: str
    kind: str
    settings: dict[str, Any]
    state: dict[str, Tensor] = field(repr=False)
    sigma_max: float | None = DEFAULT_SIGMA_MAX
    class_names: tuple[str, ...] = ()
    official: bool = False
    averaged: bool = False
    facts: DataFacts | None = None

    @property
    def title(self) -> str:
        """Name of the network for people."""
        return kinds.title(self.kind, self.settings)

    @property
    def parts(self) -> dict[str, kinds.Part]:
        """The networks that the file holds, by role: one, or those of a pipeline."""
        return kinds.parts(self.kind, self.settings)

    @property
    def is_pipeline(self) -> bool:
        """Whether it holds an estimator and a restorer."""
        return kinds.by_name(self.kind).role == "pipeline"

    def network(self, window_layout: Layout | None = None) -> kinds.Network:
        """Build the network in evaluation mode.

        Args:
            window_layout: needed for official files, see :func:`~blindsr.weights.load_official`.

        Raises:
            WeightsError: if tensors and settings contradict each other, or no layout is named.
        """
        if not self.official:
            with torch.device("meta"):  # no memory is taken before names and shapes agree
                require_fit(kinds.build_network(self.kind, self.settings), self.state, self.path)
        network = kinds.build_network(self.kind, self.settings)
        if self.official:
            load_official_state(network, self.state, window_layout, self.path)
        else:
            network.load_state_dict(self.state)
        return network.eval()


def stored(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values that describe a network, under :data:`NETWORK_KEY` of a task's checkpoint."""
    return {"kind": name, "settings": {**settings}}


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
    path, settings = file.path, _checked_settings(file)
    estimator = kinds.parts(file.kind, settings).get("estimator")
    count = None if estimator is None else estimator.settings.get("num_classes")
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


def _checked_settings(file: NetworkFile) -> dict[str, Any]:
    kind, path = kinds.by_name(file.kind), file.path
    if kind.role != "pipeline":
        return checked_settings(kind.network, file.settings, path)
    settings = {role: _part(file.settings.get(role), role, path) for role in kinds.DEFAULTS}
    phase = checked_number("phase", file.settings.get("phase", 0.0), path, "phase")
    told = file.settings.get("told_max")
    if told is not None:
        told = _sigma_max(told, path)
    return settings | kinds.shared(settings | {"phase": float(phase), "told_max": told})


def _part(settings: object, role: str, path: str) -> dict[str, Any]:
    """Checked settings of a part with its kind."""
    named = settings if isinstance(settings, Mapping) else {}
    try:
        kind = kinds.part(role, named).kind
    except ConfigError as error:
        key = f"{role}.{error.where}"
        raise WeightsError(
            path, found=f"{key} {error.found}", expected=error.expected, fix=error.fix
        ) from error
    return {kinds.KIND: kind.name, **checked_settings(kind.network, settings, path, role)}


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
        named, settings, sigma_max = about["kind"], about["settings"], about["sigma_max"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:_SHOWN]
        raise WeightsError(
            path,
            found=f"a description that cannot be used ({type(error).__name__}: {said})",
            expected=f"JSON with kind, settings and sigma_max under {SETTINGS_KEY!r}",
            fix="Export the weights again with `blindsr convert`.",
        ) from error
    kind, settings = _said(named, settings, path)
    return NetworkFile(
        path,
        kind.name,
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
    kind, about = kinds.recognised(state), settings  # for checkpoints without a kind
    said = content.get(NETWORK_KEY)
    if isinstance(said, dict) and "kind" in said:
        kind, about = _said(said["kind"], said.get("settings"), path)
    if kind is None or not about:
        raise _foreign(path, f"a checkpoint of another task ({_listed(stored)})")
    facts = checked_facts(content.get(FACTS_KEY), path)
    known = (facts.sigma_max if facts is not None else 0) or DEFAULT_SIGMA_MAX
    return NetworkFile(
        path,
        kind.name,
        about,
        state,
        _sigma_max(settings.get("sigma_max", known), path),
        checked_names(content.get("class_names"), path),
        averaged="current_model_state" in content,
        facts=facts,
    )


def _said(name: object, settings: object, path: str) -> tuple[kinds.NetworkKind, dict[str, Any]]:
    """Kind and settings that a file names."""
    try:
        kind = kinds.by_name(name)
    except ConfigError as error:
        raise WeightsError(
            path, found=f"a network of kind {error.found}", expected=error.expected, fix=error.fix
        ) from error
    if not isinstance(settings, dict):
        raise _foreign(path, "settings that are no dictionary")
    return kind, settings


def _from_official(path: str, content: dict[str, Any]) -> NetworkFile:
    if not is_flat(content):
        raise _foreign(path, f"entries that are no tensors ({_listed(content)})")
    state = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    found = {
        kind.role: (kind, official, sizes)
        for kind, official in kinds.released().items()
        if (sizes := _rows(state, official.rows))
    }
    if not found:
        raise _foreign(path, f"{len(state)} tensors of another network ({_listed(state)})")
    scale = {"scale": 4}
    settings = {role: {**sizes, **scale} for role, (_, _, sizes) in found.items()}
    sigma_max = None
    if "estimator" in found:
        count = settings["estimator"]["num_classes"]
        sigma_max = found["estimator"][1].sigma_max.get(count, DEFAULT_SIGMA_MAX)
    if len(found) == 1:
        ((kind, _, _),) = found.values()
        return NetworkFile(path, kind.name, settings[kind.role], state, sigma_max, official=True)
    settings["restorer"]["num_classes"] = settings["estimator"]["num_classes"]
    return NetworkFile(path, kinds.PIPELINE, settings | scale, state, sigma_max, official=True)


def _listed(content: Mapping[Any, Any]) -> str:
    """The first names, for messages."""
    names = [str(name) for name in content]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "") if names else "none"


def _rows(state: Mapping[str, Tensor], endings: Mapping[str, str]) -> dict[str, int]:
    """Settings that follow from the number of rows of a tensor."""
    return {
        setting: int(tensor.shape[0])
        for setting, ending in endings.items()
        for name, tensor in state.items()
        if name.endswith(ending) and tensor.ndim
    }


def _foreign(path: str, found: str) -> OtherNetworkError:
    files = [official.files for official in kinds.released().values()]
    return OtherNetworkError(
        path,
        found=found,
        expected=f"a checkpoint or an export of a network of kind {' or '.join(kinds.names())}, or "
        f"an official {' or '.join(files)} file",
    )
