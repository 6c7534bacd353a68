"""Dialects of files: the names of a network's tensors, and the key they are stored under.

The same RRDB network is found as ``body.0.rdb1.conv1.weight`` under ``params_ema``, as
``RRDB_trunk.0.RDB1.conv1.weight`` bare, and as ``model.1.sub.0.RDB1.conv1.0.weight``. What was read
in one dialect is written in it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from blindsr.errors import WeightsError
from blindsr.weights.official import SHOWN

if TYPE_CHECKING:
    from torch import Tensor

WRAPPERS = ("model_state_dict", "state_dict", "params_ema", "params-ema", "params", "model", "net")
"""Keys under which a file may keep its tensors, the first one present counts (as in spandrel)."""
PARALLEL = "module."
"""Prefix that ``DataParallel`` puts before every name."""
DERIVED = (
    "relative_position_index",
    "relative_position_index_SA",
    "relative_position_index_OCA",
    "attn_mask",
)
"""Ends of names of buffers that follow from the architecture: tables of positions and masks."""
_FIRST_MARK = 100_000.5
"""No weight of a new network is constant with such a value; exact in float32."""


def unwrap(content: Mapping[str, Any], where: str) -> tuple[str, dict[str, Tensor]]:
    """Find the tensors of a file.

    Args:
        content: what the file holds.
        where: its path, for messages.

    Returns:
        The key they lie under (empty if under none) and the tensors by the names of the file.

    Raises:
        WeightsError: if there is no flat dictionary of tensors.
    """
    wrapper = next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), "")
    if not wrapper and len(content) == 1 and isinstance(next(iter(content.values())), Mapping):
        wrapper = str(next(iter(content)))
    state = dict(content[wrapper]) if wrapper else dict(content)
    others = [str(name) for name, value in state.items() if not isinstance(value, torch.Tensor)]
    others += [repr(name) for name in state if not isinstance(name, str)]
    if others or not state:
        raise WeightsError(
            where,
            found=f"no flat dictionary of tensors (others: {shown(others) or 'it is empty'})",
            expected=f"tensors by name, bare or under one of {', '.join(WRAPPERS)}",
        )
    return wrapper, state


def anchor_state(
    names: Mapping[str, str], wrapper: str, state: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Weights in the dialect of a file, ready for ``torch.save``.

    Args:
        names: name in the dialect -> name in the network, see
            :class:`~blindsr.weights.anchors.anchor.Anchor`.
        wrapper: key of the file under which all tensors go, empty for none.
        state: tensors by the names of the network; those without a name in the dialect (buffers
            that follow from the architecture) are left out.

    Raises:
        WeightsError: if a tensor that the dialect names is not there.
    """
    missing = [ours for ours in names.values() if ours not in state]
    if missing:
        raise WeightsError(
            "weights",
            found=f"{len(missing)} of {len(names)} tensors missing ({shown(missing)})",
            expected="all tensors of the anchor",
        )
    renamed = {theirs: state[ours] for theirs, ours in names.items()}
    return {wrapper: renamed} if wrapper else renamed


def marked(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the same names and shapes, each filled with a number of its own.

    After any renaming the value tells where a tensor came from. They take no memory. Integers are
    numbered without the half; marks of booleans are lost.
    """
    return {
        name: torch.full(
            (),
            _FIRST_MARK + index,
            dtype=torch.float32 if tensor.is_floating_point() else torch.int64,
        ).expand(tensor.shape)
        for index, (name, tensor) in enumerate(state.items())
    }


def names_from_marks(
    state: Mapping[str, Tensor], landed: Mapping[str, Tensor]
) -> dict[str, str] | None:
    """Find which tensor of a network each tensor of a file became.

    Args:
        state: tensors by the names of the file.
        landed: tensors of the network after it was loaded with ``marked(state)``.

    Returns:
        Name in the file -> name in the network, in the order of the file. Tensors that were not
        loaded are left out. ``None`` if a tensor of the network was made of several or of parts:
        the names alone do not say how to write it then.
    """
    theirs = list(state)
    went: dict[str, list[str]] = {}
    for ours, tensor in landed.items():
        index = _index(tensor)
        if index is not None and 0 <= index < len(theirs):
            went.setdefault(theirs[index], []).append(ours)
        elif _carries_marks(tensor):
            return None
    found: dict[str, str] = {}
    for name, all_ours in went.items():
        for ours in all_ours:  # several: one parameter under two names, both in the file
            found.setdefault(ours if len(all_ours) > 1 and ours in state else name, ours)
    if any(landed[ours].shape != state[name].shape for name, ours in found.items()):
        return None
    return {name: found[name] for name in theirs if name in found}


def shown(names: list[str]) -> str:
    """The first few of many names, for messages."""
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _index(tensor: Tensor) -> int | None:
    """Number of the tensor whose mark fills this one; ``None`` if it is filled by no mark."""
    if not tensor.numel():
        return None
    low, high = (float(bound) - int(_FIRST_MARK) for bound in tensor.aminmax())
    whole = int(low)
    return whole if low == high and low - whole in (0.0, 0.5) else None


def _carries_marks(tensor: Tensor) -> bool:
    return bool(tensor.numel()) and float(tensor.max()) >= int(_FIRST_MARK)
