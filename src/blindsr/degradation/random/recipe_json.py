"""Steps as dictionaries of plain values, checked on the way back."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from blindsr.degradation.random.steps import STEPS, Step
from blindsr.errors import DataError

_BY_NAME = {kind.__name__: kind for kind in STEPS}


def step_to_dict(step: Step) -> dict[str, Any]:
    """Return the fields of a step, led by its class name under ``step``."""
    return {"step": type(step).__name__, **asdict(step)}  # type: ignore[call-overload]


def step_from_dict(values: Any) -> Step:
    """Rebuild a step.

    Raises:
        DataError: unknown step, missing or unknown field, or a value of the wrong type.
    """
    name = values.get("step") if isinstance(values, dict) else values
    if not (isinstance(values, dict) and name in _BY_NAME):
        raise DataError("recipe step", found=repr(name), expected=f"one of {', '.join(_BY_NAME)}")
    hints = _fields(name)
    fields = {key: value for key, value in values.items() if key != "step"}
    if set(fields) != set(hints):
        raise DataError(
            f"recipe step {name}", found=f"fields {sorted(fields)}", expected=str(sorted(hints))
        )
    return _BY_NAME[name](**{key: _checked(name, key, fields[key], hints[key]) for key in fields})


@lru_cache
def _fields(name: str) -> dict[str, Any]:
    return get_type_hints(_BY_NAME[name])


def _checked(step: str, field: str, value: Any, hint: Any) -> Any:
    """Return the value in the type of its field: tuples came back from JSON as lists."""
    if get_origin(hint) is Literal:
        good, expected = value in get_args(hint), " or ".join(get_args(hint))
    elif get_origin(hint) is tuple:
        value = tuple(value) if isinstance(value, list) else value
        good = isinstance(value, tuple) and all(type(item) in (float, int) for item in value)
        expected = "a list of numbers"
    elif hint is float:
        good, expected = type(value) in (float, int), "a number"
    else:
        good, expected = type(value) is hint, hint.__name__
    if not good:
        raise DataError(f"recipe step {step}, {field}", found=repr(value), expected=expected)
    return value
