"""Settings that come from a file: checked against the constructor before it is called.

A file of weights may come from anyone. Every setting must have the type that the constructor
declares and lie within bounds; a name must be a known one. Nothing else reaches a constructor, an
import or a hub.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, get_args, get_origin, get_type_hints

from blindsr.errors import ConfigError, WeightsError
from blindsr.imaging.resize import Downsampler
from blindsr.types import DataFacts

if TYPE_CHECKING:
    from torch import nn

LIMITS: dict[str, tuple[float, float]] = {
    "num_classes": (1, 4096),
    "scale": (1, 16),
    "window": (1, 1024),
    "code_length": (1, 1024),
    "features": (1, 1024),
    "growth": (1, 1024),
    "width": (1, 1024),
    "blocks": (1, 256),
    "residual": (0, 1),
    "phase": (0, 16),
    "sigma_max": (0, 1000),
    "facts.sigma_max": (0, 1000),
    "facts.window_taps": (1, 4001),
    "facts.num_classes": (0, 4096),
}
"""Argument -> least and largest value; every number in a constructor needs an entry. Those that
are no integers must be more than a least value of 0, but for those where 0 means none."""
FACTS_KEY = "facts"
"""Where checkpoints and descriptions of exports keep what their data were."""
_ZERO_ALLOWED = (
    "num_classes",
    "phase",
    "kappa",
    "iterations",
    "facts.sigma_max",
    "facts.num_classes",
)
_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,100}")
_LONGEST_NAME = 100  # of a class, in characters
_SHOWN = 60


def checked_settings(
    kind: type[nn.Module], settings: object, where: str, key: str = "settings"
) -> dict[str, Any]:
    """The arguments of a constructor among the settings of a file.

    Args:
        kind: class of the network; its annotations say what an argument is.
        settings: as read; other keys, as those of a task, are left out.
        where: the file, for messages.
        key: where in the file, for messages.

    Returns:
        Arguments that ``kind`` takes: plain values of the declared types, tuples as lists.

    Raises:
        WeightsError: names the first that has another type, an unknown name, or is out of bounds.
    """
    if not isinstance(settings, Mapping):
        raise _refused(where, key, settings, "a dictionary")
    hints = get_type_hints(kind.__init__)
    limits = _limits(kind)
    without = getattr(kind, "without_classes", {})
    if any(settings.get(name) == value for name, value in without.items()):
        limits = {**limits, "num_classes": (0, limits["num_classes"][1])}
    return {
        name: None
        if settings[name] is None and _without_none(hints[name]) is not hints[name]
        else _checked(
            _without_none(hints[name]), name, settings[name], where, f"{key}.{name}", limits
        )
        for name in inspect.signature(kind).parameters
        if name in settings
    }


def require_limits(kind: type[nn.Module], reserved: tuple[str, ...] = ()) -> None:
    """Refuse a class whose settings could not be checked when a file names them.

    Args:
        kind: class of the network.
        reserved: names that no argument may have.

    Raises:
        ConfigError: if an argument has a reserved name, no default (but ``num_classes``), a type
            that no file can be checked for, or is a number without limits.
    """
    hints, limits = get_type_hints(kind.__init__), _limits(kind)
    for name, argument in inspect.signature(kind).parameters.items():
        if name in reserved or (argument.default is argument.empty and name != "num_classes"):
            why = "taken by the table" if name in reserved else "without a default"
            raise ConfigError(f"{kind.__name__}.{name}", found=why, expected="a plain argument")
        hint = _without_none(hints.get(name))
        numbers = get_args(hint) if get_origin(hint) is tuple else (hint,)
        if hint is bool or get_origin(hint) is Literal or name == "backbone":
            continue
        if not set(numbers) <= {int, float} or name not in limits:
            raise ConfigError(
                f"{kind.__name__}.{name}",
                found=f"{hint} without limits" if set(numbers) <= {int, float} else f"{hint}",
                expected="bool, Literal, or a number (or tuple of numbers) named in `limits`",
                fix=f"Give the class limits = {{{name!r}: (least, largest)}}.",
            )


def _without_none(hint: Any) -> Any:
    """What an argument is beside ``None``: of ``int | None`` it is ``int``."""
    others = [one for one in get_args(hint) if one is not type(None)]
    return others[0] if isinstance(hint, UnionType) and len(others) == 1 else hint


def _limits(kind: type[nn.Module]) -> Mapping[str, tuple[float, float]]:
    return {**getattr(kind, "limits", {}), **LIMITS}


def checked_number(
    name: str,
    value: object,
    where: str,
    key: str,
    limits: Mapping[str, tuple[float, float]] = LIMITS,
) -> float:
    """A finite number within the entry ``name`` of ``limits``; an ``int`` stays one.

    Raises:
        WeightsError: if it is none, or out of bounds.
    """
    low, high = limits[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refused(where, key, value, f"a number from {low:g} to {high:g}")
    finite = isinstance(value, int) or math.isfinite(value)
    above = value > 0 or (low == 0 and value == 0 and name in _ZERO_ALLOWED)
    if not finite or not above or not low <= value <= high:
        start = "more than 0, at most" if low == 0 and name not in _ZERO_ALLOWED else f"{low:g} to"
        raise _refused(where, key, value, f"{start} {high:g}")
    return value


def checked_names(value: object, where: str, key: str = "class_names") -> tuple[str, ...]:
    """Names of classes: a list of short printable texts; ``None`` counts as empty.

    Raises:
        WeightsError: if it is something else.
    """
    if value is None:
        return ()
    found = value if isinstance(value, (list, tuple)) else (None,)
    names = tuple(name for name in found if is_label(name))
    if len(found) > LIMITS["num_classes"][1] or len(names) < len(found):
        raise _refused(where, key, value, f"a list of texts of at most {_LONGEST_NAME} characters")
    return names


def checked_facts(value: object, where: str, key: str = "facts") -> DataFacts | None:
    """What a file says of the data that its weights were trained on; ``None`` if nothing.

    Args:
        value: as :meth:`~blindsr.types.DataFacts.plain` wrote it; other keys are left out.
        where: the file, for messages.
        key: where in the file, for messages.

    Raises:
        WeightsError: names the first fact that is missing, of another type, or out of bounds.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _refused(where, key, value, "a dictionary, or none")
    limits = {"scale": "scale", "phase": "phase"}
    found: dict[str, Any] = {
        name: _checked(hint, limits.get(name, f"facts.{name}"), value[name], where, f"{key}.{name}")
        if name in value
        else _missing(where, f"{key}.{name}")
        for name, hint in _FACTS.items()
    }
    names = checked_names(value.get("class_names"), where, f"{key}.class_names")
    if names and len(names) != found["num_classes"]:
        raise _refused(where, f"{key}.class_names", len(names), f"{found['num_classes']}, or none")
    metric = value.get("metric_depth")
    if metric is not None and not isinstance(metric, bool):
        raise _refused(where, f"{key}.metric_depth", metric, "true, false or none")
    return DataFacts(**found, class_names=names, metric_depth=metric)


_FACTS: dict[str, Any] = {
    "scale": int,
    "phase": float,
    "downsampler": Downsampler,
    "sigma_max": float,
    "window_taps": int,
    "num_classes": int,
}
"""Facts that a file must say, and what they are."""


def _missing(where: str, key: str) -> Any:
    raise WeightsError(where, found=f"no {key}", expected="all facts of the data, or none")


def is_label(value: object) -> TypeGuard[str]:
    """Whether this is a short text that a terminal and a picture can show."""
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and value.isprintable()


def _checked(
    hint: Any,
    name: str,
    value: object,
    where: str,
    key: str,
    limits: Mapping[str, tuple[float, float]] = LIMITS,
) -> Any:
    if hint is bool:
        if not isinstance(value, bool):
            raise _refused(where, key, value, "true or false")
        return value
    if get_origin(hint) is Literal:
        if not isinstance(value, str) or value not in get_args(hint):
            raise _refused(where, key, value, " or ".join(repr(one) for one in get_args(hint)))
        return value
    if get_origin(hint) is tuple:
        count = len(get_args(hint))
        if not isinstance(value, (list, tuple)) or len(value) != count:
            raise _refused(where, key, value, f"{count} values")
        pairs = zip(get_args(hint), value, strict=True)
        return [_checked(each, name, one, where, key, limits) for each, one in pairs]
    if hint is int:
        number = checked_number(name, value, where, key, limits)
        if not isinstance(number, int):
            raise _refused(where, key, value, "a whole number")
        return number
    if hint is float:
        return float(checked_number(name, value, where, key, limits))
    if name == "backbone":
        return _checked_backbone(value, where, key)
    raise TypeError(f"{name}: no rule for settings of type {hint}")


def _checked_backbone(value: object, where: str, key: str) -> str:
    """A backbone that is built here from code alone: no hub, no folder, no file."""
    from blindsr.networks.backbones.by_name import BACKBONES
    from blindsr.networks.backbones.encoder import is_known_encoder

    plain = isinstance(value, str) and _NAME.fullmatch(value) is not None
    if not plain or not (value in BACKBONES or is_known_encoder(str(value))):
        raise _refused(
            where,
            key,
            value,
            f"{', '.join(BACKBONES)}, an encoder of segmentation-models-pytorch, "
            "or tu-<model of timm>",
        )
    return str(value)


def _refused(where: str, key: str, value: object, expected: str) -> WeightsError:
    return WeightsError(
        where,
        found=f"{key} {short_text(value)}",
        expected=expected,
        fix="The file is damaged or was not written by blindsr.",
    )


def short_text(value: object) -> str:
    """A value from a file, short enough for one line; its type where it is long or deep."""
    if isinstance(value, (Mapping, list, tuple, set)) and not _is_flat(value):
        return f"of type {type(value).__name__}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return "with hundreds of digits"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_flat(value: Any) -> bool:
    plain = (str, int, float, bool, type(None))
    return (
        isinstance(value, (list, tuple))
        and len(value) <= 8
        and all(isinstance(one, plain) for one in value)
    )
