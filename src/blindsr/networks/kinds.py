"""The table of network kinds: what files, models, exports and tasks must know of each network.

A kind is added with one call, from any module::

    from blindsr.networks import kinds

    kinds.add(kinds.NetworkKind("toy", Toy, "Toy"))

What a network estimates or needs depends on its settings, so the network says it itself
(:mod:`blindsr.networks.roles`). A file of weights names kinds, and only kinds of this table are
built: nothing in a file causes an import.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from torch import Tensor, nn

from blindsr.errors import ConfigError
from blindsr.networks.fast.folding import fold_batchnorm
from blindsr.networks.settings.build import build
from blindsr.networks.settings.checked import require_limits

from .blind import BlindSR
from .kind_rows import ROWS
from .network_kind import Network, NetworkKind, Official
from .roles import Role
from .tile_needs import TileNeeds

NetworkT = TypeVar("NetworkT", bound=nn.Module)
KIND = "kind"
"""Setting of a pipeline's part that names its kind."""
DEFAULTS = {"estimator": "cmos", "restorer": "rrdb_sft"}
"""Roles of a pipeline's parts -> kind of a part that names none."""
PIPELINE = "blind"


class Part(NamedTuple):
    """One network of a file."""

    kind: NetworkKind
    settings: Mapping[str, Any]
    """Arguments of its constructor, maybe among others."""


_KINDS: dict[str, NetworkKind] = {}


def add(kind: NetworkKind) -> None:
    """Add a kind to the table; adding the same class again replaces the row.

    Raises:
        ConfigError: if the name is taken, the class has no role, or an argument of its constructor
            is not one that a file can be checked for.
    """
    taken = _KINDS.get(kind.name)
    if taken is not None and taken.network.__qualname__ != kind.network.__qualname__:
        raise ConfigError(
            "kinds", found=f"{kind.name!r} for {kind.network.__name__}", expected="a name not taken"
        )
    if getattr(kind.network, "role", None) is None:
        raise ConfigError(
            "kinds",
            found=f"{kind.network.__name__}, which has no role",
            expected="a subclass of EstimatorNetwork, RestorerNetwork or JointNetwork",
        )
    if kind.role != "pipeline":
        require_limits(kind.network, (KIND,))
    _KINDS[kind.name] = kind


def remove(name: str) -> None:
    """Take a kind out of the table."""
    del _KINDS[name]


def names(role: Role | None = None) -> tuple[str, ...]:
    """Names of all kinds, or of those of a role."""
    return tuple(name for name, kind in _KINDS.items() if role is None or serves(kind.role, role))


def serves(role: Role, wanted: Role) -> bool:
    """Whether a network of a role can be used in another: one that does both can estimate."""
    return role == wanted or (role, wanted) == ("joint", "estimator")


def every() -> tuple[NetworkKind, ...]:
    """All rows of the table."""
    return tuple(_KINDS.values())


def released() -> dict[NetworkKind, Official]:
    """The kinds that have released files."""
    return {kind: kind.official for kind in every() if kind.official is not None}


def by_name(name: object, role: Role | None = None) -> NetworkKind:
    """The kind of a name.

    Raises:
        ConfigError: if there is none, or it has another role.
    """
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None or not (role is None or serves(kind.role, role)):
        raise ConfigError(
            KIND,
            found=repr(name)[:100],
            expected=" or ".join(names(role)),
            fix="" if kind else "Import the module that adds it first; commands have --import.",
        )
    return kind


def kind_of(network: nn.Module | type[nn.Module]) -> NetworkKind | None:
    """The kind of a network or of its class; ``None`` for others."""
    own = network if isinstance(network, type) else type(network)
    fitting = [kind for kind in _KINDS.values() if issubclass(own, kind.network)]
    return max(fitting, key=lambda kind: len(kind.network.__mro__), default=None)


def recognised(state: Mapping[str, Tensor]) -> NetworkKind | None:
    """The kind that a state dict by our names fits best."""
    fitting = [kind for kind in _KINDS.values() if kind.recognises(state)]
    return max(fitting, key=lambda kind: len("".join(kind.marks)), default=None)


def released_as(name: str, settings: Mapping[str, Any]) -> NetworkKind:
    """The kind whose released files hold what a file of a kind holds.

    A pipeline is one kind in our files, whatever its parts; released ones have names of their own.
    """
    kind = by_name(name)
    if kind.role != "pipeline":
        return kind
    own = tuple(found.kind.name for found in parts(name, settings).values())
    return next((other for other in _KINDS.values() if other.parts == own), kind)


def released_form(network: nn.Module) -> NetworkKind | None:
    """As :func:`released_as`, of a network; ``None`` for a class of no kind."""
    kind = kind_of(network)
    if kind is None or kind.role != "pipeline":
        return kind
    own = tuple(getattr(kind_of(getattr(network, role)), "name", "") for role in DEFAULTS)
    return next((other for other in _KINDS.values() if other.parts == own), kind)


def parts(name: str, settings: Mapping[str, Any]) -> dict[str, Part]:
    """The networks that a file holds, by role: one, or those of a pipeline.

    Raises:
        ConfigError: if a kind is unknown or has another role.
    """
    kind = by_name(name)
    if kind.role != "pipeline":
        return {kind.role: Part(kind, settings)}
    return {role: part(role, settings[role]) for role in DEFAULTS}


def part(role: Any, settings: Mapping[str, Any]) -> Part:
    """A network of a pipeline.

    Raises:
        ConfigError: if its kind is unknown or has another role.
    """
    return Part(by_name(settings.get(KIND, DEFAULTS[role]), role), settings)


def shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a pipeline beside those of its parts.

    The scale is that of the restorer, since an estimator may have 1; the phase is that of the data.
    """
    both = {"scale": settings["restorer"].get("scale"), "phase": settings.get("phase", 0.0)}
    both["told_max"] = settings.get("told_max")
    classes = {"num_classes": settings["estimator"].get("num_classes")}
    return {key: value for key, value in {**classes, **both}.items() if value is not None}


def title(name: str, settings: Mapping[str, Any]) -> str:
    """Title of a network; that of a pipeline names its parts."""
    kind = by_name(name)
    if kind.role != "pipeline":
        return kind.title
    both = " + ".join(found.kind.title for found in parts(name, settings).values())
    return f"{kind.title} ({both})"


def build_network(name: str, settings: Mapping[str, Any]) -> Network:
    """Construct a network of a kind with random weights.

    Raises:
        ConfigError: if the kind is unknown or a setting is wrong.
    """
    built: list[Any]
    built = [build(found.kind.network, found.settings) for found in parts(name, settings).values()]
    both = {"phase": settings.get("phase", 0.0), "told_max": settings.get("told_max")}
    return built[0] if len(built) == 1 else by_name(name).network(*built, **both)


def fast_copy(network: NetworkT) -> NetworkT:
    """A copy for inference with the same outputs, as the kind of the network makes it."""
    kind = kind_of(network)
    return fold_batchnorm(network) if kind is None else kind.fast(network)


def networks(network: Network) -> dict[str, Any]:
    """The networks by role: one, or those of a pipeline, the restorer last."""
    if network.role == "pipeline":
        return {role: getattr(network, role) for role in DEFAULTS}
    return {network.role: network}


def trim(network: nn.Module, copy: nn.Module) -> None:
    """Remove from a fast copy of a network the parts that only training needs."""
    kind = kind_of(network)
    if kind is not None:
        kind.trim(copy)


def tile_needs(network: nn.Module) -> TileNeeds:
    """Tile needs of an estimator or a restorer (not of accelerated copies)."""
    kind = kind_of(network)
    return TileNeeds() if kind is None else kind.tile_needs(network)


def constructor(network: type[nn.Module]) -> dict[str, Any]:
    """Arguments of a constructor and their defaults."""
    return {name: p.default for name, p in inspect.signature(network).parameters.items()}


add(
    NetworkKind(
        PIPELINE,
        BlindSR,
        "BlindSR",
        marks=("estimator.",),
        fast=lambda network: network.with_parts(
            fast_copy(network.estimator), fast_copy(network.restorer)
        ),
        official=Official("BlindSR_*", {"cmos.": "estimator.", "": "restorer."}),
        parts=("cmos", "rrdb_sft"),
    )
)
for _row in ROWS:
    add(_row)
