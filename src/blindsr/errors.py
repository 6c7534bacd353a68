"""The errors a user can cause. Each prints as one line: where, found, expected, what to do.

Command lines catch :class:`BlindSRError`, print its message and exit with status 2; every other
exception is a defect of this library and keeps its traceback.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class BlindSRError(Exception):
    """Base of all errors caused by input, configuration or environment.

    Args:
        where: the file, key, argument or tensor that is wrong.
        found: what was there.
        expected: what should have been there.
        fix: what to do about it; a command to type where there is one.
    """

    def __init__(
        self, where: object, *, found: str = "", expected: str = "", fix: str = ""
    ) -> None:
        self.where, self.found, self.expected, self.fix = str(where), found, expected, fix
        message = f"{where}: {found}" if found else _last_error(str(where))
        if expected:
            message += f", expected {expected}"
        if fix:
            message += f". {fix}"
        super().__init__(" ".join(message.split()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the parts when the error travels between processes."""
        return _rebuild, (type(self), self.where, self.found, self.expected, self.fix)


def _rebuild(kind: type[BlindSRError], where: str, found: str, expected: str, fix: str) -> Any:
    return kind(where, found=found, expected=expected, fix=fix)


def _last_error(text: str) -> str:
    """The error at the end of a traceback in ``text``, or ``text`` where there is none.

    A loader's worker process hands its exceptions over as text: torch raises them again as
    ``kind(text)``, the whole traceback included.
    """
    _, traceback, rest = text.partition("Original Traceback")
    return rest.rpartition("Error: ")[2] if traceback else text


class FileError(BlindSRError):
    """A file is missing, unreadable, truncated or of the wrong format."""


class DataError(BlindSRError):
    """A data set or an array does not hold what its format promises."""


class ConfigError(BlindSRError):
    """A configuration key or command-line argument is unknown, ill-typed or inconsistent."""


class WeightsError(BlindSRError):
    """Weights do not fit the network, or cannot be had."""


def missing_file(path: str | Path, expected: str, fix: str) -> FileError:
    """Return the error for a path that does not exist."""
    return FileError(path, found="no such file or folder", expected=expected, fix=fix)
