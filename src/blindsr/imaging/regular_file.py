"""Open picture files from any source: ordinary files only, every failure as one line."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import UnidentifiedImageError

from blindsr.errors import BlindSRError, FileError, check_ordinary, missing_file, os_error

# Damaged EXIF makes Pillow warn tag by tag; what is lost is said in the notes of the picture.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")


class UnsupportedPictureError(Exception):
    """A whole picture of a kind that is not read; says which kind."""


@contextlib.contextmanager
def open_regular(path: str | Path) -> Iterator[BinaryIO]:
    """Open an ordinary file for reading.

    Raises:
        FileError: nothing is there, it is no ordinary file, or the system refuses it.
    """
    check_ordinary(path)
    try:
        file = Path(path).open("rb")  # noqa: SIM115 (closed below)
    except (FileNotFoundError, IsADirectoryError):
        raise missing_file(path, "an image file", "Check the path") from None
    except OSError as error:
        raise os_error(error, path, "read") from error
    with file:
        yield file


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn whatever a decoder raises into one line: their authors promise no kind of exception.

    Raises:
        FileError: the picture is damaged, unsupported or too large, or not a picture.
    """
    try:
        yield
    except BlindSRError:
        raise
    except UnsupportedPictureError as error:
        raise FileError(
            path,
            found=f"{error}, a kind that is not supported",
            expected="an 8 or 16 bit image",
            fix="Convert it to an 8 or 16 bit PNG",
        ) from error
    except UnidentifiedImageError:
        raise FileError(
            path, found="not an image", expected="PNG, JPEG, WebP or TIFF", fix="Replace the file"
        ) from None
    except MemoryError as error:
        raise FileError(
            path, found="memory ran out while decoding", fix="Cut it into parts"
        ) from error
    except OSError as error:
        if error.errno:
            raise os_error(error, path, "read") from error
        raise _damaged(path, error) from error
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: str | Path, error: Exception) -> FileError:
    lines = str(error).strip().splitlines()
    reason = lines[0][:200] if lines else type(error).__name__
    return FileError(
        path, found=f"damaged image ({reason})", expected="a complete file", fix="Copy it again"
    )
