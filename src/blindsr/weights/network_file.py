"""A network in a file: its kind, settings and tensors, checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import kinds
from blindsr.networks.settings.checked import checked_number, checked_settings
from blindsr.types import DataFacts

from .official import LAYOUT_KEY, differences, load_official_state
from .reading import require_finite

Layout = Literal["fixed", "legacy"]
DEFAULT_SIGMA_MAX = 5.0
"""That of NYUv2-BSR, for files without one."""


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

    @property
    def has_windows(self) -> bool:
        """Whether a network in it puts windows of attention back, so that their layout matters."""
        every = (kinds.constructor(part.kind.network) for part in self.parts.values())
        return any(LAYOUT_KEY in arguments for arguments in every)

    def network(self, window_layout: Layout | None = None) -> kinds.Network:
        """Build the network in evaluation mode.

        Args:
            window_layout: needed for official files of networks with windows, see
                :func:`~blindsr.weights.load_official`.

        Raises:
            WeightsError: if tensors and settings contradict each other, or no layout is named.
        """
        if not self.official:
            # no memory is taken before names and shapes agree
            with torch.device("meta"), _Undrawn():
                require_fit(kinds.build_network(self.kind, self.settings), self.state, self.path)
        network = kinds.build_network(self.kind, self.settings)
        if self.official:
            load_official_state(network, self.state, window_layout, self.path)
        else:
            network.load_state_dict(self.state)
        return network.eval()


_DRAWS = (Tensor.normal_, Tensor.uniform_)


class _Undrawn(TorchFunctionMode):
    """Draws no weights where there are none: torch loads its compiler to draw without values."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function, but leave a tensor that is to be drawn as it is."""
        kwargs = kwargs or {}
        if func in _DRAWS or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


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


def checked_sigma_max(value: object, path: str) -> float:
    """The sigma_max of a file, if it is a number within bounds."""
    return float(checked_number("sigma_max", value, path, "sigma_max"))


def _checked_settings(file: NetworkFile) -> dict[str, Any]:
    kind, path = kinds.by_name(file.kind), file.path
    if kind.role != "pipeline":
        return checked_settings(kind.network, file.settings, path)
    settings = {role: _part(file.settings.get(role), role, path) for role in kinds.DEFAULTS}
    phase = checked_number("phase", file.settings.get("phase", 0.0), path, "phase")
    told = file.settings.get("told_max")
    if told is not None:
        told = checked_sigma_max(told, path)
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


def require_names(file: NetworkFile, *, official: bool) -> None:
    """Refuse a file with official names, or, if ``official``, one with our own.

    Raises:
        WeightsError: if it has the other names.
    """
    if file.official is official:
        return
    command, found, expected = (
        ("export", "weights with our own names", "a released file")
        if official
        else (
            "official",
            "a file with official names, which tells no window layout",
            "a checkpoint of our tasks or an export",
        )
    )
    fix = f"Use `blindsr convert {command}`."
    raise WeightsError(file.path, found=found, expected=expected, fix=fix)
