"""Load the officially released checkpoints (``CMOS_*.pth`` and its kin) into our networks.

Our modules carry the official tensor names, so that loading is a matter of prefixes: ``OFFICIAL``
says under which prefix of a file a network finds its tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import CMOS
from blindsr.networks.blocks.spatial import WindowLayout

from .reading import read_state_dict

if TYPE_CHECKING:
    from torch import Tensor, nn

OFFICIAL: dict[type, dict[str, str]] = {CMOS: {"cmos.": ""}}
"""Network -> {prefix of the official names: prefix of our names}; the longest match counts."""
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
    By all evidence they were trained with the old layout and need ``"legacy"``; nobody has
    published a check, and the two differ by several standard deviations of the output, so the
    caller has to choose. Weights trained by this package, or by the code after that fix, need
    ``"fixed"``.

    Args:
        network: :class:`blindsr.networks.CMOS`; changed in place, its window layout included.
        source: a ``.pth`` (read weights-only) or ``.safetensors`` file, or a state dict. A leading
            ``module.`` of the names is dropped, the official prefix (``cmos.``) may be absent.
        window_layout: ``"legacy"`` or ``"fixed"``; may be left out only if the source is a
            safetensors file whose metadata names it under ``window_layout``.

    Raises:
        FileError: if there is no such file.
        WeightsError: if the file is unreadable, no layout is named, or names or shapes differ; the
            network is then unchanged.
        ConfigError: if ``window_layout`` is neither of the two, or the network has no official
            counterpart.
    """
    metadata: dict[str, str] = {}
    if isinstance(source, Mapping):
        where, state = "official weights", dict(source)
    else:
        where = str(source)
        state, metadata = read_state_dict(source)
    layout = _choose_layout(where, window_layout or metadata.get(LAYOUT_KEY))
    prefixes = _prefixes(network)
    own = network.state_dict()
    renamed = {_our_name(name, prefixes): tensor for name, tensor in state.items()}
    _compare(where, own, renamed, type(network).__name__)
    network.load_state_dict(renamed)
    for module in network.modules():
        if hasattr(module, "window_layout"):
            module.window_layout = layout  # type: ignore[assignment]


def _prefixes(network: nn.Module) -> dict[str, str]:
    for kind, prefixes in OFFICIAL.items():
        if isinstance(network, kind):
            return prefixes
    raise ConfigError(
        "network",
        found=type(network).__name__,
        expected=" or ".join(kind.__name__ for kind in OFFICIAL),
        fix="Only these have officially released weights.",
    )


def _our_name(name: str, prefixes: dict[str, str]) -> str:
    name = name.removeprefix("module.")
    for official in sorted(prefixes, key=len, reverse=True):
        if name.startswith(official):
            return prefixes[official] + name[len(official) :]
    return name


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
    if layout not in get_args(WindowLayout):
        raise ConfigError("window_layout", found=repr(layout), expected="'legacy' or 'fixed'")
    return cast("WindowLayout", layout)


def _compare(where: str, own: dict[str, Tensor], found: dict[str, Tensor], kind: str) -> None:
    """Raise one error that names what is missing, unknown and of another shape."""
    missing = [name for name in own if name not in found]
    unknown = [name for name in found if name not in own]
    shapes = [name for name in own if name in found and own[name].shape != found[name].shape]
    different = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(own[name].shape)}" for name in shapes
    ]
    parts = [
        f"{len(names)} {what} ({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})"
        for names, what in (
            (missing, "missing"),
            (unknown, "unknown"),
            (different, "of another shape"),
        )
        if names
    ]
    if parts:
        raise WeightsError(
            where,
            found=f"of {len(found)} tensors " + ", ".join(parts),
            expected=f"the {len(own)} tensors of {kind}",
            fix=_advice(missing, unknown, shapes, found),
        )


def _advice(
    missing: list[str], unknown: list[str], shapes: list[str], found: dict[str, Tensor]
) -> str:
    classes = "predict.seg.last_layer.3.weight"
    if any(name.endswith(classes) for name in shapes) and not (missing or unknown):
        name = next(name for name in shapes if name.endswith(classes))
        return f"Build the network with num_classes={found[name].shape[0]}."
    if unknown and not missing and any(name.startswith("RRDB_trunk.") for name in unknown):
        return "This is a whole BlindSR network; CMOS is in CMOS_*.pth."
    return "Choose the file of this network, or build the network with the options of the file."
