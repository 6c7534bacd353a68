"""The network that PBaSR starts from: any super-resolution network, released or from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from blindsr.errors import ConfigError, WeightsError
from blindsr.types import DataFacts
from blindsr.weights.reading import facts_beside, require_finite

from .classes import as_released, build_class, load_strictly, measured_scale, resolve, sizes
from .dialects import DERIVED, PARALLEL, marked, names_from_marks, shown, unwrap
from .pbasr import Branch, PBaSRWeights, branches_of, is_official, is_run, read_content
from .spandrel_files import Called, plain_network, quiet, recognise
from .trust import require_plain_arguments, require_trusted

if TYPE_CHECKING:
    from torch import Tensor

FEMASR_FROZEN = ("quantize", "decoder", "after_quant_group", "out_conv")
"""FeMaSR at its second stage trains its encoder alone: parameters with one of these parts in their
names stay what they became in the autoencoder (5,766,787 of 34,059,971 at x4)."""
_UNUSED = (
    *DERIVED,
    "total_ops",
    "total_params",
)
_UNUSED_STARTS = (
    "conv_semantic.",
    "vgg_feat_extractor.",
    "sft_fusion_group.",
    "multiscale_encoder.upsampler.",
    "table_",
    "index_",
    "mask_",
)
"""What released files of FeMaSR, OmniSR and GRL carry along although no network has it."""
_TOLERANCE = 1e-4
_SMALL = 8


@dataclass(frozen=True)
class Anchor:
    """A network and the dialect of its file.

    Attributes:
        network: ``forward`` takes (N, 3, h, w) in [0, 1] to (N, 3, s*h, s*w), nominally in [0, 1]
            and not clamped.
        scale: s.
        title: name of the architecture, or of the class.
        names: name in the anchor's own dialect -> name in ``network.state_dict()``; all parameters,
            and the buffers that its file has.
        wrapper: key under which its file keeps all tensors: ``"params_ema"``, ``"params"``, or
            empty for none.
        multiple: h and w must be multiples of it, 1 if they are free.
        minimum: smallest h and w.
        class_path: class of the network if it was named, else ``None``.
        init_args: its arguments.
        recognised: whether spandrel builds the same function from the tensors alone; else the
            class and its arguments are needed.
        facts: of the data that PBaSR trained it on, where its file says them.
    """

    network: nn.Module = field(repr=False)
    scale: int
    title: str
    names: dict[str, str] = field(repr=False)
    wrapper: str
    multiple: int = 1
    minimum: int = 1
    class_path: str | None = None
    init_args: dict[str, Any] = field(default_factory=dict)
    recognised: bool = True
    facts: DataFacts | None = None

    def description(self) -> dict[str, Any]:
        """Entry ``"anchor"`` of a checkpoint, needed to write its weights in this dialect."""
        return {
            "names": dict(self.names),
            "wrapper": self.wrapper,
            "title": self.title,
            "scale": self.scale,
            "class_path": self.class_path,
            "init_args": dict(self.init_args),
        }


def read_anchor(path: str | Path) -> Anchor:
    """Read a network whose architecture follows from its tensors.

    Args:
        path: ``.pth``, ``.ckpt`` or ``.safetensors`` of any architecture and dialect that spandrel
            reads; a released file of PBaSR or a checkpoint of ``PBaSRTask``, whose branches are
            averaged.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable, of an unknown architecture, of one that needs the extra
            ``arches``, or has tensors that this architecture lacks.
    """
    content, where = read_content(path), str(path)
    if is_run(content):
        branches = branches_of(content, where)
        return replace(anchor_of_branch(branches), facts=branches.facts)
    wrapper, state = _tensors(content, where)
    return replace(anchor_of(state, wrapper, where), facts=facts_beside(path))


def build_anchor(
    class_path: str | None = None,
    init_args: dict[str, Any] | None = None,
    weights: str | Path | None = None,
) -> Anchor:
    """Read a released network, or build one from its class.

    Args:
        class_path: import path of a class, or a short name with the settings of the x4 network
            released under it: ``esrgan``, ``compact``, ``swinir``, ``hat``, and of the extra
            ``arches`` ``femasr`` and ``srformer``. A class of your own says its scale by an
            attribute ``scale`` or ``upscale``, else it is measured; attributes ``multiple`` and
            ``minimum`` limit the sizes it takes.
        init_args: arguments of the class; they go over those of a short name.
        weights: file to read, see :func:`read_anchor`. With a class, its tensors must be those of
            the class, name by name and shape by shape. Left out: from scratch.

    Raises:
        ConfigError: if neither is given, the class cannot be found or built, or its scale cannot
            be told.
        FileError: if there is no such file.
        WeightsError: as :func:`read_anchor`, or names what differs from the class.
    """
    if class_path is None:
        if weights is None or init_args:
            raise ConfigError(
                "anchor",
                found="arguments without a class" if init_args else "neither weights nor a class",
                expected="weights (a file of a released network), or class_path with init_args",
            )
        return read_anchor(weights)
    class_path, init_args = resolve(class_path, init_args or {})
    network = build_class(class_path, init_args)
    anchor = _of_spandrel(network, class_path) or _of_own_class(network, class_path)
    if weights is not None:
        anchor = _with_weights(anchor, str(weights))
    return replace(anchor, class_path=class_path, init_args=init_args)


def anchor_of(state: Mapping[str, Tensor], wrapper: str, where: str) -> Anchor:
    """:func:`read_anchor` of tensors that lie under ``wrapper`` in the file ``where``."""
    found = recognise(state, where)
    title = found.architecture.name
    names = _dialect(state, found.model, where)
    if names is None:  # tensors are split or merged: write the network's own names then
        recognise(found.model.state_dict(), where)
        names = {name: name for name in found.model.state_dict()}
    else:
        _refuse_leftovers(state, names, title, where)
    network, prefix = plain_network(found)
    return Anchor(
        network,
        found.scale,
        title,
        {theirs: prefix + ours for theirs, ours in names.items()},
        wrapper,
        found.size_requirements.multiple_of,
        max(found.size_requirements.minimum, 1),
    )


def anchor_of_branch(
    weights: PBaSRWeights, which: Branch = "average", own_class: str | None = None
) -> Anchor:
    """The network of one branch, or of the average of both, with its weights.

    Args:
        weights: both branches.
        which: the one to take.
        own_class: import path of the class, from the user, where the file names a class that is no
            architecture of spandrel: such a name is never imported.

    Raises:
        ConfigError: if ``own_class`` cannot be imported or built.
        WeightsError: if the weights do not fit, or the file names a class of its own.
    """
    if weights.class_path is None:
        wrapper, state = unwrap(weights.in_dialect(which), weights.path)
        return anchor_of(state, wrapper, weights.path)
    if own_class is None:
        state = weights.branch(which)
        require_trusted(weights.class_path, weights.init_args, state, weights.path)
    else:
        require_plain_arguments(weights.init_args, weights.path)
    anchor = build_anchor(own_class or weights.class_path, weights.init_args)
    load_strictly(anchor.network, weights.branch(which), weights.path)
    return replace(anchor, names=weights.names, wrapper=weights.wrapper)


def _tensors(content: Mapping[str, Any], where: str) -> tuple[str, dict[str, Tensor]]:
    """Wrapper key and tensors of a file, of several branches their average."""
    if is_run(content) or is_official(content):
        content = branches_of(content, where).in_dialect("average")
    wrapper, state = unwrap(content, where)
    require_finite(state, where)
    return wrapper, state


def _dialect(state: Mapping[str, Tensor], network: nn.Module, where: str) -> dict[str, str] | None:
    """Name in a file -> name in ``network``, found by loading tensors filled with marks."""
    own = network.state_dict()
    try:
        landed = recognise(marked(state), where).model.state_dict()
    except WeightsError:  # an architecture whose detection also uses values
        return None
    if {n: t.shape for n, t in landed.items()} != {n: t.shape for n, t in own.items()}:
        return None
    names = names_from_marks(state, landed)
    trained = {name for name, _ in network.named_parameters()}
    return None if names is None or trained - set(names.values()) else names


def _refuse_leftovers(
    state: Mapping[str, Tensor], names: Mapping[str, str], title: str, where: str
) -> None:
    left = [
        name
        for name in state
        if name not in names
        and not name.endswith(_UNUSED)
        and not name.removeprefix(PARALLEL).startswith(_UNUSED_STARTS)
    ]
    if left:
        raise WeightsError(
            where,
            found=f"{len(left)} of {len(state)} tensors that {title} has not ({shown(left)})",
            expected="a plain network: picture in, picture out",
            fix="Give a network of your own by class_path, and this file as its weights.",
        )


def _of_spandrel(network: nn.Module, class_path: str) -> Anchor | None:
    """A network of a class of spandrel, in the dialect that users of its architecture expect.

    Some settings do not show in the tensors (HAT's ``conv_scale``), so spandrel may build another
    function from them; such a network is kept as one of the user's own class. ``None`` for other
    classes.
    """
    if not type(network).__module__.startswith("spandrel"):
        return None
    try:
        anchor = anchor_of(as_released(network.state_dict()), "params", class_path)
    except WeightsError:
        return None
    found = anchor.network
    ours = Called(network, found.call) if isinstance(found, Called) else network
    if _differ(ours, found, -(-max(anchor.minimum, _SMALL) // anchor.multiple) * anchor.multiple):
        return _of_own_class(ours, class_path, anchor.multiple, anchor.minimum)
    return replace(anchor, network=ours)


@torch.no_grad()
def _differ(first: nn.Module, second: nn.Module, size: int) -> bool:
    """Whether two networks with the same tensors compute another function, on one small picture."""
    lr = torch.linspace(0, 1, 3 * size * size).view(1, 3, size, size)
    modes = first.training, second.training
    with quiet():
        one, other = first.eval()(lr), second.eval()(lr)
    first.train(modes[0])
    second.train(modes[1])
    return one.shape != other.shape or not torch.allclose(one, other, atol=_TOLERANCE)


def _of_own_class(
    network: nn.Module, class_path: str, multiple: int = 1, minimum: int = 1
) -> Anchor:
    multiple, minimum = sizes(network, multiple, minimum)
    scale = measured_scale(network, multiple, minimum, class_path)
    inner, prefix = (network.network, "network.") if isinstance(network, Called) else (network, "")
    names = {name: prefix + name for name in inner.state_dict()}
    title = type(inner).__name__
    return Anchor(network, scale, title, names, "", multiple, minimum, recognised=False)


def _with_weights(anchor: Anchor, where: str) -> Anchor:
    """Load a file into a network of a class, and take over the dialect of the file."""
    wrapper, state = _tensors(read_content(where), where)
    if anchor.recognised:
        read = anchor_of(state, wrapper, where)
        load_strictly(anchor.network, read.network.state_dict(), where)
        return replace(anchor, names=read.names, wrapper=wrapper)
    parallel = all(name.startswith(PARALLEL) for name in state)
    names = {name: name.removeprefix(PARALLEL) if parallel else name for name in state}
    load_strictly(anchor.network, {names[name]: state[name] for name in state}, where)
    return replace(anchor, names=names, wrapper=wrapper)
