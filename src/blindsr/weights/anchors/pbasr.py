"""The two branches of PBaSR: read from a checkpoint or a released file, averaged into one network.

PBaSR trains one copy of its anchor on general photographs and one on blurred ones; the network that
restores is their average, W_G / 2 + W_B / 2 (section 3.3). The released files hold the general
branch, the blur branch (there called ``defocus_branch``, motion blur included) and an average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks.settings.checked import (
    FACTS_KEY,
    checked_facts,
    checked_number,
    is_label,
    short_text,
)
from blindsr.types import DataFacts
from blindsr.weights.official import differences
from blindsr.weights.reading import (
    is_flat,
    is_safetensors,
    read_checkpoint,
    read_state_dict,
    require_finite,
)

from .dialects import DERIVED, PARALLEL, WRAPPERS, anchor_state, shown, unwrap
from .trust import is_trusted

if TYPE_CHECKING:
    from torch import Tensor

Branch = Literal["average", "general", "blur"]
GENERAL, BLUR, COMBINED = "general_branch.", "defocus_branch.", "combinet."
"""Prefixes of the released files. What lies under ``combinet.`` is their average at some step of
the training; it is not read but computed again."""
TASK_GENERAL, TASK_BLUR = "general.", "blur."
ANCHOR_KEY = "anchor"
"""Entry of a training's checkpoint that describes the network of the branches."""


@dataclass(frozen=True)
class PBaSRWeights:
    """Both branches of a training.

    Attributes:
        path: where they were read.
        general: general branch, tensors by the names of the network.
        blur: blur branch, ``None`` after a unified training, which has one branch.
        names: name in the dialect of the anchor -> name of the network.
        wrapper: key of a file under which the anchor keeps all tensors, empty for none.
        title: of the anchor; empty where unknown.
        scale: of the anchor, 0 where unknown.
        class_path: class of the anchor if it was named, else ``None``.
        init_args: its arguments.
        averaged: the training kept other weights too, of which these are averages over its steps.
        facts: of the training data; ``None`` where the file has none.
    """

    path: str
    general: dict[str, Tensor] = field(repr=False)
    blur: dict[str, Tensor] | None = field(repr=False)
    names: dict[str, str] = field(repr=False)
    wrapper: str
    title: str = ""
    scale: int = 0
    class_path: str | None = None
    init_args: dict[str, Any] = field(default_factory=dict)
    averaged: bool = False
    facts: DataFacts | None = None

    @property
    def own_class(self) -> bool:
        """Whether the anchor is a class of the user, which need not be importable here."""
        return self.class_path is not None and not is_trusted(self.class_path)

    def branch(self, which: Branch = "average") -> dict[str, Tensor]:
        """One branch, or the average of both, by the names of the network.

        The average of a unified training is its only branch.

        Raises:
            ConfigError: if ``which`` is unknown.
            WeightsError: if there is no blur branch, or the branches differ in shape.
        """
        if which not in get_args(Branch):
            raise ConfigError(
                "branch", found=repr(which), expected=" or ".join(map(repr, get_args(Branch)))
            )
        if self.blur is None:
            if which == "blur":
                raise WeightsError(
                    self.path,
                    found="one branch, of a unified training",
                    expected="a general and a blur branch",
                    fix="Export its average, which is this branch.",
                )
            return self.general
        if which == "average":
            return average_branches(self.general, self.blur, where=self.path)
        return self.general if which == "general" else self.blur

    def in_dialect(self, which: Branch = "average") -> dict[str, Any]:
        """:meth:`branch` as the anchor's own file keeps it, ready for ``torch.save``."""
        return anchor_state(self.names, self.wrapper, self.branch(which))


def average_branches(
    general: Mapping[str, Tensor], blur: Mapping[str, Tensor], *, where: str = "branches"
) -> dict[str, Tensor]:
    """Average two networks of one shape.

    Floating-point parameters and running statistics become the mean of both, rounded once. All
    other tensors are those of the general branch: integers (indices, counters), tables and masks
    that follow from the architecture, and tensors that are equal in both, as frozen ones are.

    Args:
        general: state dict of the general branch.
        blur: state dict of the blur branch.
        where: their file, for messages.

    Raises:
        WeightsError: if names or shapes differ.
    """
    different = differences(general, blur)
    if different:
        raise WeightsError(
            where,
            found=f"two branches that differ: in the blur branch {different}",
            expected="two copies of one network",
        )
    return {name: _mean(name, tensor, blur[name]) for name, tensor in general.items()}


def _mean(name: str, general: Tensor, blur: Tensor) -> Tensor:
    kept = not general.is_floating_point() or name.endswith(DERIVED)
    if kept or torch.equal(general, blur):
        return general
    return ((general.double() + blur.double()) / 2).to(general.dtype)


def read_pbasr(path: str | Path) -> PBaSRWeights:
    """Read the branches of a checkpoint of ``PBaSRTask`` or of a released file.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds no branches.
    """
    return branches_of(read_content(path), str(path))


def read_pbasr_official(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Read a released file: ``PBaSR-ESRGAN.pth`` and the like.

    Returns:
        General and blur branch, by the names of the anchor's own dialect (BasicSR's).

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable, lacks a branch, or holds other tensors beside them.
    """
    _, general, blur = official_branches(read_content(path), str(path))
    return general, blur


def read_pbasr_run(path: str | Path) -> PBaSRWeights:
    """Read the branches from a checkpoint of ``PBaSRTask``.

    Of a training with averages over its steps (lightning's ``WeightAveraging``) these are read.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or the checkpoint of another task.
    """
    return run_branches(read_content(path), str(path))


def read_content(path: str | Path) -> dict[str, Any]:
    """Content of a ``.ckpt``, ``.pth`` or ``.safetensors`` file; nothing in it is run."""
    return dict(read_state_dict(path)[0]) if is_safetensors(path) else read_checkpoint(path)


def branches_of(content: Mapping[str, Any], path: str) -> PBaSRWeights:
    """:func:`read_pbasr` of a file that was read from ``path``."""
    if is_run(content):
        return run_branches(content, path)
    wrapper, general, blur = official_branches(content, path)
    return PBaSRWeights(path, general, blur, {name: name for name in general}, wrapper)


def is_run(content: Mapping[str, Any]) -> bool:
    """Whether this is a checkpoint of ``PBaSRTask``."""
    return isinstance(content.get("state_dict"), Mapping) and ANCHOR_KEY in content


def is_official(content: Mapping[str, Any]) -> bool:
    """Whether names of a general or a blur branch of the released files occur."""
    wrapper = next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), "")
    names = (
        str(name).removeprefix(PARALLEL) for name in (content[wrapper] if wrapper else content)
    )
    return any(name.startswith((GENERAL, BLUR)) for name in names)


def official_branches(
    content: Mapping[str, Any], path: str
) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
    """Wrapper key, general and blur branch of a released file that was read from ``path``.

    Raises:
        WeightsError: if there is no flat dictionary of tensors, a branch is missing, or tensors lie
            beside the branches.
    """
    wrapper, tensors = unwrap(content, path)
    tensors = {name.removeprefix(PARALLEL): tensor for name, tensor in tensors.items()}
    general, blur = _under(tensors, GENERAL), _under(tensors, BLUR)
    others = [name for name in tensors if not name.startswith((GENERAL, BLUR, COMBINED))]
    missing = [prefix for prefix, part in ((GENERAL, general), (BLUR, blur)) if not part]
    if missing or others:
        what = [f"none under {prefix}" for prefix in missing]
        what += [f"{len(others)} beside ({shown(others)})"] if others else []
        raise WeightsError(
            path,
            found=f"{len(tensors)} tensors, {' and '.join(what)}",
            expected=f"a checkpoint of PBaSRTask, or a released file with {GENERAL} and {BLUR}",
            fix="" if not general and not blur else "It may be cut.",
        )
    return wrapper, general, blur


def run_branches(content: Mapping[str, Any], path: str) -> PBaSRWeights:
    """:func:`read_pbasr_run` of a checkpoint that was read from ``path``."""
    if not is_run(content):
        raise WeightsError(
            path,
            found=f"no training of PBaSR ({shown([str(key) for key in content])})",
            expected="a checkpoint of PBaSRTask",
        )
    stored = content["state_dict"]
    if not is_flat(stored):
        raise WeightsError(path, found="entries that are no tensors", expected="named tensors")
    general, blur = _under(stored, TASK_GENERAL), _under(stored, TASK_BLUR)
    require_finite(general, path)
    require_finite(blur, path)
    weights = PBaSRWeights(
        path,
        general,
        blur or None,
        averaged="current_model_state" in content,
        facts=checked_facts(content.get(FACTS_KEY), path),
        **_checked_anchor(content[ANCHOR_KEY], path),
    )
    missing = [ours for ours in weights.names.values() if ours not in general]
    if missing:
        raise WeightsError(
            path,
            found=f"a general branch without {len(missing)} of {len(weights.names)} tensors "
            f"({shown(missing)})",
            expected="all tensors of its anchor",
        )
    return weights


def _checked_anchor(about: Any, path: str) -> dict[str, Any]:
    """Description of the anchor in a checkpoint, its types checked."""
    about = about if isinstance(about, Mapping) else {}
    names, init_args, class_path = (about.get(k) for k in ("names", "init_args", "class_path"))
    init_args = {} if init_args is None else init_args
    fits = {
        "names": isinstance(names, Mapping) and all(map(is_label, [*names, *names.values()])),
        "wrapper": is_label(about.get("wrapper")),
        "title": is_label(about.get("title")),
        "class_path": class_path is None or is_label(class_path),
        "init_args": isinstance(init_args, Mapping) and all(map(is_label, init_args)),
    }
    wrong = [name for name, well in fits.items() if not well]
    if wrong:
        raise WeightsError(
            path,
            found=f"an anchor that cannot be read ({wrong[0]} {short_text(about.get(wrong[0]))})",
            expected="names, wrapper, title, scale, class_path and init_args",
        )
    scale = checked_number("scale", about.get("scale"), path, "anchor.scale")
    return {
        "names": dict(names),
        "wrapper": about["wrapper"],
        "title": about["title"],
        "scale": int(scale),
        "class_path": class_path,
        "init_args": dict(init_args),
    }


def _under(tensors: Mapping[str, Any], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
