"""A kind of network: its class, title, tile needs, fast copy and released files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from blindsr.networks.fast.folding import fold_batchnorm

from .blind import BlindSR
from .roles import EstimatorNetwork, JointNetwork, RestorerNetwork, Role
from .tile_needs import TileNeeds

Network = EstimatorNetwork | RestorerNetwork | JointNetwork | BlindSR


@dataclass(frozen=True)
class Official:
    """The released files of a kind.

    Attributes:
        files: their names, for messages.
        prefixes: prefix of their tensor names -> prefix of ours; the longest match counts.
        mark: part of a tensor name that only these files have, or parts that they alone have all.
        rows: setting -> ending of the name of the tensor that has as many rows.
        fixed: settings that change the function but none of the tensors -> value when released.
        sigma_max: class count -> sigma_max of the data that they were trained on.
        settings: tensors by official names -> arguments of the constructor, for kinds whose files
            are told by ``mark`` alone and never hold another kind.
        ours: tensors by official names -> by ours, where more than prefixes differ.
        theirs: the inverse of ``ours``.
    """

    files: str
    prefixes: Mapping[str, str]
    mark: str | tuple[str, ...] = ""
    rows: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    sigma_max: Mapping[int, float] = field(default_factory=dict)
    settings: Callable[[Mapping[str, Tensor]], dict[str, Any]] | None = None
    ours: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] | None = None
    theirs: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] | None = None

    def marked(self, state: Mapping[str, Tensor]) -> bool:
        """Whether tensors by official names are those of one of these files."""
        marks = (self.mark,) if isinstance(self.mark, str) else self.mark
        return all(any(mark in name for name in state) for mark in marks)

    def by_our_names(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Official tensors by our names; a leading ``module.`` is dropped."""
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
        if self.ours is not None:
            return self.ours(state)
        return {_swap_prefix(name, self.prefixes): tensor for name, tensor in state.items()}

    def by_their_names(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The inverse of :meth:`by_our_names`."""
        if self.theirs is not None:
            return self.theirs(state)
        inverse = {ours: official for official, ours in self.prefixes.items()}
        return {_swap_prefix(name, inverse): tensor for name, tensor in state.items()}


def _swap_prefix(name: str, prefixes: Mapping[str, str]) -> str:
    for prefix in sorted(prefixes, key=len, reverse=True):
        if name.startswith(prefix):
            return prefixes[prefix] + name[len(prefix) :]
    return name


@dataclass(frozen=True, eq=False)
class NetworkKind:
    """One row of the table.

    Attributes:
        name: that files store; never changed.
        network: the class. Its constructor takes plain values by keyword, and has a default for
            each but the class count.
        title: for people.
        marks: beginnings of tensor names, all of which a state dict of this kind has; they tell the
            kind of checkpoints that store none.
        tile_needs: network -> size, overlap and memory of its tiles.
        fast: network in evaluation mode -> a copy for inference with the same outputs.
        bf16: what it restores in bfloat16 is within 0.05 dB of what it restores in float32, so that
            precision ``"auto"`` may choose it.
        trim: removes from a copy the parts that only training needs.
        official: its released files, if any.
        parts: of a pipeline, the kinds of its estimator and restorer in released files.
    """

    name: str
    network: type[Network]
    title: str
    marks: tuple[str, ...] = ()
    tile_needs: Callable[[Any], TileNeeds] = lambda _: TileNeeds()
    fast: Callable[[Any], Any] = fold_batchnorm
    bf16: bool = False
    trim: Callable[[Any], None] = lambda _: None
    official: Official | None = None
    parts: tuple[str, str] | None = None

    @property
    def role(self) -> Role:
        """What the network is for."""
        return self.network.role

    def recognises(self, state: Mapping[str, Tensor]) -> bool:
        """Whether a state dict by our names is one of this kind."""
        return bool(self.marks) and all(
            any(name.startswith(mark) for name in state) for mark in self.marks
        )
