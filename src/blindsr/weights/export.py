"""Write weights: safetensors files with a description, and files with the official names.

A safetensors file holds tensors by our names and, as JSON in its metadata under
:data:`~blindsr.weights.checkpoint.SETTINGS_KEY`, the kind of the network, its settings (the window
layout among them), sigma_max, the names of the classes and the facts of the training data. An
official ``.pth`` holds tensors alone, so only networks of the official architecture can be written
as one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsr import __version__
from blindsr.errors import WeightsError
from blindsr.networks import kinds
from blindsr.networks.settings.build import network_settings
from blindsr.networks.settings.checked import FACTS_KEY

from .checkpoint import SETTINGS_KEY, read_network
from .network_file import Layout, NetworkFile, require_names
from .official import LAYOUT_KEY, official_form
from .writing import write_pth, write_safetensors

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASS_COUNT = "num_classes"
TRAINED_FOR = "trained_for"
"""Metadata key: what kind of pictures the network was trained for."""
NOT_FOR = "not_for"
"""Metadata key: pictures that it spoils, in words, see ``blindsr models``."""
UNTRUSTED_MAPS = "untrusted_maps"
"""Metadata key: why the maps of a file must not be shown; its restorer can still be used."""


def read_official(path: str | Path) -> NetworkFile:
    """Read a file with official names.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds something else, our own names included.
    """
    file = read_network(path)
    require_names(file, official=True)
    return file


def read_own(path: str | Path) -> NetworkFile:
    """Read a checkpoint of one of our tasks, or an export of one.

    Of a training with averaged weights these are the averaged ones, see
    :func:`~blindsr.weights.read_network`.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds something else, official names included.
    """
    file = read_network(path)
    require_names(file, official=False)
    return file


def from_official(file: NetworkFile, window_layout: Layout | None = None) -> NetworkFile:
    """Rename official tensors and settle their window layout; no tensor is changed.

    Args:
        file: with official names.
        window_layout: see :func:`~blindsr.weights.load_official`; of no effect on a network
            without windows.

    Raises:
        WeightsError: names what differs if a tensor is missing, unknown or of another shape.
    """
    require_names(file, official=True)
    file.network(window_layout)
    state = _released(file).by_our_names(file.state)
    layout = {LAYOUT_KEY: window_layout} if file.has_windows else {}
    settings = {**file.settings, **layout}
    if file.is_pipeline:
        parts = {role: {**part.settings, **layout} for role, part in file.parts.items()}
        settings = {**file.settings, **parts}
    return replace(file, settings=settings, state=state, official=False)


def to_official(file: NetworkFile) -> dict[str, Tensor]:
    """Tensors by the official names, a flat state dict for the released code.

    It cannot say with which window layout it was trained: the released code has computed
    ``"fixed"`` since March 2024, and ``"legacy"`` before.

    Raises:
        WeightsError: if the architecture is not the official one, naming the settings that differ.
    """
    require_names(file, official=False)
    _refuse_other_architecture(file)
    return _released(file).by_their_names(file.state)


def save_safetensors(
    path: str | Path,
    file: NetworkFile,
    trained_for: str = "",
    untrusted_maps: str = "",
    not_for: str = "",
) -> nn.Module:
    """Write weights with their description; nothing half-written stays behind.

    Args:
        path: an existing file is replaced.
        file: with our own names.
        trained_for: what kind of pictures, a few words that :func:`blindsr.load` repeats.
        untrusted_maps: why its maps are wrong; then ``estimate`` refuses it.
        not_for: pictures that it spoils, a few words that ``blindsr models`` repeats.

    Returns:
        The network that the file describes, built to prove that its tensors fit.

    Raises:
        FileError: if the file cannot be written.
        WeightsError: if tensors and settings contradict each other.
    """
    require_names(file, official=False)
    network = file.network()
    words = {TRAINED_FOR: trained_for, UNTRUSTED_MAPS: untrusted_maps, NOT_FOR: not_for}
    words = {key: word for key, word in words.items() if word}
    write_safetensors(path, file.state, {SETTINGS_KEY: json.dumps(describe(file)), **words})
    return network


def save_official(path: str | Path, file: NetworkFile) -> nn.Module:
    """Write weights as the released files are: ``torch.save`` of a flat dictionary of tensors.

    Arguments, result and errors are those of :func:`save_safetensors`; moreover:

    Raises:
        WeightsError: if the architecture is not the official one.
    """
    state = to_official(file)
    network = file.network()
    write_pth(path, state)
    return network


def describe(file: NetworkFile) -> dict[str, Any]:
    """Description of weights for a safetensors file, as plain JSON values.

    Settings are complete, so that a default may change later; only a class count that is not known
    stays out. ``sigma_max`` is null for official restorers, whose files do not tell.
    """
    complete = {role: _complete(part) for role, part in file.parts.items()}
    if file.is_pipeline:
        settings = {
            role: {kinds.KIND: part.kind.name, **complete[role]}
            for role, part in file.parts.items()
        }
        settings |= kinds.shared(
            settings | {key: file.settings.get(key) for key in ("phase", "told_max")}
        )
    else:
        (settings,) = complete.values()
    return {
        "kind": file.kind,
        "settings": settings,
        "sigma_max": file.sigma_max,
        "class_names": list(file.class_names),
        "averaged": file.averaged,
        FACTS_KEY: None if file.facts is None else file.facts.plain(),
        "blindsr_version": __version__,
    }


def layouts(file: NetworkFile) -> dict[str, str]:
    """Window layout of the network, under an empty name, or of its parts under theirs.

    Networks without windows are left out.
    """
    found = ((label, _complete(part)) for label, part in _labelled(file))
    return {label: settings[LAYOUT_KEY] for label, settings in found if LAYOUT_KEY in settings}


def _labelled(file: NetworkFile) -> Iterator[tuple[str, kinds.Part]]:
    """Every network of a file; one that is no part of a pipeline has an empty label."""
    return ((role if file.is_pipeline else "", part) for role, part in file.parts.items())


def _defaults(kind: kinds.NetworkKind) -> dict[str, Any]:
    return {
        name: value
        for name, value in kinds.constructor(kind.network).items()
        if name != CLASS_COUNT
    }


def _complete(part: kinds.Part) -> dict[str, Any]:
    """Every setting of a network, defaults included."""
    return {**_defaults(part.kind), **network_settings(part.kind.network, part.settings)}


def _released(file: NetworkFile) -> kinds.Official:
    """The released files that hold the same networks."""
    return official_form(kinds.released_as(file.kind, file.settings))


def _refuse_other_architecture(file: NetworkFile) -> None:
    found, expected = [], []
    for name, part in _labelled(file):
        settings, defaults = _complete(part), _defaults(part.kind)
        unused = ("phase",) if settings.get("skip") == "none" else ()
        official = official_form(part.kind)
        free = [CLASS_COUNT, LAYOUT_KEY, *official.rows]
        if official.settings is not None:
            free += official.settings(_released(file).by_their_names(file.state))
        for key in [key for key in settings if key not in (*free, *unused)]:
            if _shown(settings[key]) != _shown(defaults[key]):
                label = f"{name}.{key}" if name else key
                found.append(f"{label} {_shown(settings[key])}")
                expected.append(_shown(defaults[key]))
    if not found and len(set(layouts(file).values())) > 1:
        found = [f"{part}.{LAYOUT_KEY} {layout}" for part, layout in layouts(file).items()]
        expected = ["one layout for both"]
    if found:
        raise WeightsError(
            file.path,
            found=", ".join(found),
            expected=f"{', '.join(expected)} as in the official network",
            fix="Export it as .safetensors.",
        )


def _shown(value: Any) -> str:
    """A setting as text that is the same for tuples and the lists that JSON makes of them."""
    return repr(list(value) if isinstance(value, tuple) else value)
