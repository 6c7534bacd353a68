"""Load the officially released checkpoints (CMOS, RRDB-SFT, BlindSR) into our networks.

Our modules carry the official tensor names, so that loading is a matter of prefixes:
:class:`blindsr.networks.kinds.Official` says under which prefix of a file a network finds its
tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, get_args, runtime_checkable

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import kinds
from blindsr.networks.blocks.gia.spatial import WindowLayout

from .reading import read_state_dict

if TYPE_CHECKING:
    from torch import Tensor, nn


@runtime_checkable
class HasWindows(Protocol):
    """A module that puts windows of attention back, or holds such modules."""

    window_layout: WindowLayout


LAYOUT_KEY = "window_layout"
SHOWN = 3


def load_official(
    network: nn.Module,
    source: str | Path | Mapping[str, Tensor],
    *,
    window_layout: WindowLayout | None = None,
) -> None:
    """Load official weights strictly: every tensor must fit, and none may be left over.

    The six released files predate the fix of March 2024 of how the windows of GIA are put back.
    By all evidence they were trained with the old layout and need ``"legacy"``; no check
    was ever published, and the two differ by several standard deviations of the output, so the
    caller has to choose. Weights trained by this package, or by the code after that fix, need
    ``"fixed"``.

    Args:
        network: :class:`blindsr.networks.CMOS`, :class:`~blindsr.networks.RRDBSFT`,
            :class:`~blindsr.networks.BlindSR` or another class with released files (see
            :mod:`blindsr.networks.kinds`); changed in place, its window layout included (both
            layouts of ``BlindSR``).
        source: a ``.pth`` (read weights-only) or ``.safetensors`` file, or a state dict. A leading
            ``module.`` of the names is dropped; the prefix ``cmos.`` may be absent for CMOS alone.
        window_layout: ``"legacy"`` or ``"fixed"``; may be left out only for a network without
            windows, or if the source is a safetensors file whose metadata names it under
            ``window_layout``.

    Raises:
        FileError: if there is no such file.
        WeightsError: if the file is unreadable, no layout is named, or names or shapes differ; the
            network is then unchanged.
        ConfigError: if ``window_layout`` is neither of the two, the network has no official
            counterpart, or it is a restorer whose tensors would fit but mean another function.
    """
    if isinstance(source, Mapping):
        load_official_state(network, source, window_layout, "official weights")
    else:
        state, metadata = read_state_dict(source)
        layout = window_layout or metadata.get(LAYOUT_KEY)
        load_official_state(network, state, layout, str(source))


def load_official_state(
    network: nn.Module, state: Mapping[str, Tensor], window_layout: str | None, where: str
) -> None:
    """As :func:`load_official`, with tensors that were read from ``where``."""
    windows = [module for module in network.modules() if isinstance(module, HasWindows)]
    layout = _choose_layout(where, window_layout) if windows else None
    kind = kinds.released_form(network)
    official = official_form(kind, type(network).__name__)
    _check_function(network)
    renamed = official.by_our_names(state)
    _compare(where, network.state_dict(), renamed, network)
    network.load_state_dict(renamed)
    for module in windows:
        if layout is not None:
            module.window_layout = layout


def official_form(kind: kinds.NetworkKind | None, name: str = "") -> kinds.Official:
    """The released files of a kind.

    Args:
        kind: of the network; ``None`` for a class that is in no table.
        name: of that class.

    Raises:
        ConfigError: if there are none.
    """
    if kind is not None and kind.official is not None:
        return kind.official
    known = [other.network.__name__ for other in kinds.released()]
    raise ConfigError(
        "network",
        found=name if kind is None else kind.title,
        expected=" or ".join(known),
        fix="Only these have officially released weights.",
    )


def _check_function(network: nn.Module) -> None:
    """Refuse settings that change the function but no tensor, such as the size of the condition."""
    for module in network.modules():
        kind = kinds.kind_of(module)
        released = kind.official.fixed if kind is not None and kind.official is not None else {}
        for option, official in released.items():
            if getattr(module, option) != official:
                raise ConfigError(
                    option,
                    found=repr(getattr(module, option)),
                    expected=f"{official!r}, with which official weights were trained",
                    fix=f"Build the network with {option}={official!r}, or train it from scratch.",
                )


def _choose_layout(where: str, layout: str | None) -> WindowLayout:
    if layout is None:
        raise WeightsError(
            where,
            found="no window layout named",
            expected="window_layout='legacy' or 'fixed'",
            fix="The six released files predate the fix of March 2024 and need 'legacy' by all "
            "evidence; weights trained after it need 'fixed'. The wrong one loads without a "
            "complaint and gives wrong maps.",
        )
    for known in get_args(WindowLayout):
        if layout == known:
            return known
    raise ConfigError("window_layout", found=repr(layout), expected="'legacy' or 'fixed'")


def _compare(
    where: str, own: dict[str, Tensor], found: dict[str, Tensor], network: nn.Module
) -> None:
    """Raise one error that names what is missing, unknown and of another shape."""
    parts = differences(own, found)
    if parts:
        missing = [name for name in own if name not in found]
        unknown = [name for name in found if name not in own]
        shapes = [n for n in own if n in found and own[n].shape != found[n].shape]
        raise WeightsError(
            where,
            found=f"of {len(found)} tensors {parts}",
            expected=f"the {len(own)} tensors of {type(network).__name__}",
            fix=_advice(network, missing, unknown, shapes, found),
        )


def differences(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """What is missing in ``found``, unknown to ``own`` and of another shape; empty if nothing."""
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in found and own[name].shape != found[name].shape
    ]
    named = (
        ([name for name in own if name not in found], "missing"),
        ([name for name in found if name not in own], "unknown"),
        (shapes, "of another shape"),
    )
    return ", ".join(
        f"{len(names)} {what} ({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})"
        for names, what in named
        if names
    )


def _advice(
    network: nn.Module,
    missing: list[str],
    unknown: list[str],
    shapes: list[str],
    found: dict[str, Tensor],
) -> str:
    released = kinds.released()
    for official in released.values():
        for setting, ending in official.rows.items():
            wrong = [name for name in shapes if name.endswith(ending)]
            if wrong and not (missing or unknown):
                return f"Build the network with {setting}={found[wrong[0]].shape[0]}."
    marks = {kind: o for kind, o in released.items() if o.mark and o.settings is None}
    held = [kind for kind, official in marks.items() if official.marked(found)]
    own = next(kind for kind in released if isinstance(network, kind.network))
    if own.role == "pipeline" and len(held) == 1:
        return f"This is {held[0].title} alone; load it into the estimator or the restorer itself."
    if own in held and len(held) == len(marks) and not missing:
        files = f"{released[own].files}.pth"
        return f"This is a whole BlindSR network; {type(network).__name__} is in {files}."
    return "Choose the file of this network, or build the network with the options of the file."
