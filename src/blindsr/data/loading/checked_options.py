"""Checks of the options of data modules, when one is made: before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blindsr.data.files.source_values import finite, whole
from blindsr.errors import ConfigError

LARGEST_BATCH = 65536
LARGEST_SEED = 2**63 - 1
LARGEST_SIDE = 65536
"""Pixels."""


def check_whole(key: str, value: Any, *, least: int, most: int) -> None:
    """Raise ConfigError unless it is a whole number in a range; NaN, text and bool are none."""
    if not whole(value, least=least, most=most):
        _refuse(key, value, f"a whole number {least}..{most}")


def check_number(
    key: str, value: Any, *, least: float = 0.0, most: float, above: bool = False
) -> None:
    """Raise ConfigError unless it is a number from ``least`` (or ``above`` it) to ``most``."""
    good = finite(value, above=float("-inf"), most=most)
    if not good or value < least or (above and value == least):
        span = f"above {least:g}, at most {most:g}" if above else f"{least:g}..{most:g}"
        _refuse(key, value, span)


def check_choice(key: str, value: Any, known: Iterable[Any]) -> None:
    """Raise ConfigError unless it is one of the ``known`` values."""
    known = tuple(known)
    if not any(type(value) is type(choice) and value == choice for choice in known):
        _refuse(key, value, f"one of {', '.join(map(_word, known))}")


def check_flags(**flags: Any) -> None:
    """Raise ConfigError unless each is true or false."""
    for key, value in flags.items():
        check_choice(key, value, (True, False))


def check_sides(key: str, value: Any) -> None:
    """Raise ConfigError unless it is [height, width] in whole pixels."""
    if not is_list(value) or len(value) != 2:
        _refuse(key, value, "[height, width] in pixels")
    for side in value:
        if not whole(side, least=1, most=LARGEST_SIDE):
            _refuse(key, value, f"[height, width], whole pixels 1..{LARGEST_SIDE}")


def check_folders(key: str, value: Any) -> None:
    """Raise ConfigError unless it is a list of one or more paths, and no single text."""
    if not is_list(value):
        _refuse(key, value, "a list of folders")
    if not value:
        raise ConfigError(key, found="no folder", expected="at least one")
    for folder in value:
        if not str(folder):
            _refuse(key, value, "paths that are not empty")


def named_folders(key: str, value: Any) -> dict[str, str]:
    """Return a mapping of names to folders; None is an empty one.

    Raises:
        ConfigError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and isinstance(folder, str | Path) and str(folder)
        for name, folder in value.items()
    ):
        _refuse(key, value, "a mapping of names to folders")
    return dict(value)


def is_list(value: Any) -> bool:
    """Say whether a value is a sequence of things, and no text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _word(value: Any) -> str:
    names = {True: "true", False: "false", None: "null"}
    return names[value] if isinstance(value, bool) or value is None else str(value)


def _refuse(key: str, value: Any, expected: str) -> None:
    raise ConfigError(key, found=repr(value), expected=expected, fix=f"Set {key} accordingly")
