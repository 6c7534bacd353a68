"""Read a file of weights: the kind of its network, the settings, the tensors.

Files are checkpoints of ``lightning fit``, exports of this package (settings in the metadata of a
safetensors file), or the officially released ``.pth`` files, whose settings follow from the names
and shapes of their tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import kinds
from blindsr.networks.settings.checked import (
    FACTS_KEY,
    checked_facts,
    checked_names,
)

from .network_file import DEFAULT_SIGMA_MAX, NetworkFile, checked, checked_sigma_max
from .official import SHOWN
from .reading import is_flat, is_safetensors, read_checkpoint, read_state_dict

if TYPE_CHECKING:
    from torch import Tensor

SETTINGS_KEY = "blindsr"
"""Metadata key of a safetensors file under which an export keeps its description as JSON."""
_SHOWN = 100
NETWORK_KEY = "network"
"""Key of a task's checkpoint: the kind of its network and the settings, see :func:`stored`."""
_TASK_PREFIX = "network."


class OtherNetworkError(WeightsError):
    """Readable weights of a network of no kind in :mod:`blindsr.networks.kinds`."""


def stored(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values that describe a network, under :data:`NETWORK_KEY` of a task's checkpoint."""
    return {"kind": name, "settings": {**settings}}


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
        None if sigma_max is None else checked_sigma_max(sigma_max, path),
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
        checked_sigma_max(settings.get("sigma_max", known), path),
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
    alone = _told_by_mark(path, state)
    if alone is not None:
        return alone
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


def _told_by_mark(path: str, state: dict[str, Tensor]) -> NetworkFile | None:
    """A released file of a kind that reads all its settings from names and shapes."""
    for kind, official in kinds.released().items():
        if official.settings is not None and official.marked(state):
            try:
                settings = official.settings(state)
            except (KeyError, IndexError, ValueError) as error:
                said = " ".join(str(error).split())[:_SHOWN]
                raise _foreign(path, f"a part of {official.files} ({said} is missing)") from error
            if kind.role != "pipeline":
                return NetworkFile(path, kind.name, settings, state, None, official=True)
            settings |= kinds.shared(settings)
            return NetworkFile(path, kinds.PIPELINE, settings, state, None, official=True)
    return None


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
