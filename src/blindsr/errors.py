"""The errors a user can cause. Each prints as one line: where, found, expected, what to do.

Command lines catch :class:`BlindSRError`, print its message and exit with status 2; every other
exception is a defect of this library and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Any

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and bytes that are no UTF-8: names of files may hold them."""


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
        message = f"{printable(where)}: {found}" if found else _last_error(str(where))
        if expected:
            message += f", expected {expected}"
        if fix:
            message += f". {fix}"
        super().__init__(printable(" ".join(message.split())))

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the parts when the error travels between processes."""
        return _rebuild, (type(self), self.where, self.found, self.expected, self.fix)


def _rebuild(kind: type[BlindSRError], where: str, found: str, expected: str, fix: str) -> Any:
    return kind(where, found=found, expected=expected, fix=fix)


def printable(text: object) -> str:
    r"""Return one line that any terminal takes: newlines and bytes that are no UTF-8 escaped.

    A path that is given by such bytes shows them as ``\udcff``.
    """
    return _UNPRINTABLE.sub(_escaped, str(text))


def _escaped(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode("ascii")


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


_ROOM = "Free some space or choose another folder."
_RIGHTS = "Change its permissions, or choose another place."
_NAME = "Give a shorter name or folder."
_PATH = "Check the path."
_OTHER_DISK = "Choose a folder on another disk."
_AGAIN = "Check the disk, then run the same line again."
_ADVICE = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "Raise the limit on the size of files (`ulimit -f unlimited`), or choose a folder "
    "on a disk that holds files so large.",
    errno.EMFILE: "Raise the limit on open files (`ulimit -n 4096`), or use fewer workers.",
    errno.ENFILE: "Close other programs, then run the same line again.",
    errno.EROFS: _OTHER_DISK,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ELOOP: "Its symbolic links lead in a circle: mend them or give another path.",
    errno.ENAMETOOLONG: _NAME,
    errno.ENOENT: _PATH,
    errno.ENOTDIR: "A part of the path is a file, not a folder: check the path.",
    errno.EISDIR: "It is a folder: give the path of a file.",
    errno.EEXIST: "Give another name, or remove it first.",
    errno.ENOTEMPTY: "Give another name, or remove it first.",
    errno.EIO: _AGAIN,
    errno.ESTALE: _AGAIN,
    errno.ETIMEDOUT: _AGAIN,
    errno.ENXIO: "It is no ordinary file: give one.",
    errno.ENODEV: "It is no ordinary file: give one.",
    errno.ESPIPE: "It is no ordinary file: give one.",
    errno.ETXTBSY: "Another program uses it: wait for that, or give another name.",
    errno.EBUSY: "Another program uses it: wait for that, or give another name.",
    errno.ENOMEM: "Close other programs, or use a machine with more memory.",
    errno.EINVAL: "Check the name: this disk may not allow it.",
    errno.EILSEQ: "Check the name: this disk may not allow it.",
}
"""What to do about each errno; :data:`_AGAIN` where the system says something rarer."""


def os_error(error: OSError | ValueError, where: object, doing: str) -> FileError:
    """Return the one line for what the operating system refused.

    ``WHERE: cannot be written (no space left on device). Free some space or ...``

    Args:
        error: as caught; a ``ValueError`` for paths that the system was never asked about (with a
            NUL, or with characters that have no encoding). Where a library raised it without an
            errno, the one it was raised from counts.
        where: the file or folder, or ``None`` for the one that the error names.
        doing: what could not be done: ``"read"``, ``"written"``, ``"made"``.
    """
    place = where or getattr(error, "filename", None) or "file"
    if isinstance(place, bytes):
        place = os.fsdecode(place)
    number = _errno(error)
    if number is not None:
        reason = os.strerror(number)
        reason = reason[:1].lower() + reason[1:]
        advice = _ADVICE.get(number, _AGAIN)
    else:
        lines = str(error).strip().splitlines()
        reason = lines[-1] if lines else type(error).__name__
        advice = _PATH if isinstance(error, ValueError) else _AGAIN
    return FileError(place, found=f"cannot be {doing} ({reason})", fix=advice)


def _errno(error: BaseException | None) -> int | None:
    """The errno of an error or of the one it was raised from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        number = getattr(error, "errno", None)
        if isinstance(error, OSError) and isinstance(number, int) and number > 0:
            return number
        error = error.__cause__ or error.__context__
    return None


_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def special_kind(mode: int) -> str | None:
    """Return what is neither a file nor a folder, from the mode of its stat; None for these two."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return _SPECIAL.get(stat.S_IFMT(mode), "no ordinary file")


def check_ordinary(
    path: str | Path, expected: str = "an image file", fix: str = "Check the path"
) -> os.stat_result:
    """Refuse pipes, sockets and devices, which may never end; files and folders pass.

    Args:
        path: looked at, not opened.
        expected: what the file should be, for errors.
        fix: what to do where it is missing.

    Returns:
        Its status.

    Raises:
        FileError: it is missing, no file or folder, or the system refuses to look at it.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise missing_file(path, expected, fix) from None
    except (OSError, ValueError) as error:
        raise os_error(error, path, "read") from error
    kind = special_kind(status.st_mode)
    if kind is not None:
        raise FileError(path, found=kind, expected="an ordinary file", fix="Copy it into one")
    return status
