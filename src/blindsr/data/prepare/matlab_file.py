"""Reads lists of numbers in MATLAB v5 files: ``splits.mat`` and ``classMapping40.mat``.

SciPy's reader crashes the process (segmentation fault) on some damaged files. This one reads arrays
of real numbers and skips cells, structures and objects.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blindsr.data.files.source_values import ordinary_file
from blindsr.errors import DataError, FileError, os_error

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HEADER = 128
_LARGEST = 2**26  # bytes of a file, and of a variable when it is inflated
_MATRIX, _COMPRESSED = 14, 15
_STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_CLASSES = {
    1: "a cell array", 2: "a structure", 3: "an object", 4: "text", 5: "a sparse matrix",
    16: "a function", 17: "an object",
}  # fmt: skip
_COMPLEX = 0x0800


class _Element(NamedTuple):
    kind: int
    data: bytes


class _Variable(NamedTuple):
    name: str
    shape: tuple[int, ...]
    content: np.ndarray | str
    """Numbers as they are stored, in column order, or what it is instead."""


class _Damage(Exception):
    """The content of the file is inconsistent."""


def read_number_lists(path: str | Path, names: tuple[str, ...], fix: str) -> list[np.ndarray]:
    """Return some variables of a MATLAB v5 file, each a list (n,) of the type it is stored in.

    Args:
        path: of the file.
        names: of the variables.
        fix: where to get a good file.

    Raises:
        FileError: the file is missing, truncated, or no MATLAB v5 file.
        DataError: a variable is missing, holds no real numbers, is empty or no list.
    """
    path = ordinary_file(path, f"the MATLAB file with {', '.join(names)}", fix)
    try:
        found = {variable.name: variable for variable in _variables(_content(path))}
    except OSError as error:
        raise os_error(error, path, "read") from error
    except (_Damage, struct.error, zlib.error, ValueError) as error:
        reason = str(error) if isinstance(error, _Damage) else "damaged"
        raise FileError(
            path, found=f"cannot be read ({reason})", expected="a whole MATLAB v5 file", fix=fix
        ) from error
    for name in names:
        if name not in found:
            raise DataError(path, found=f"no variable {name!r}", expected=", ".join(names), fix=fix)
    return [_checked_list(f"{path}[{name}]", found[name], fix) for name in names]


def variable_names(path: str | Path) -> set[str]:
    """Names of the variables of a MATLAB v5 file; none of any other file."""
    try:
        return {variable.name for variable in _variables(_content(Path(path)))}
    except (OSError, _Damage, struct.error, zlib.error, ValueError):
        return set()


def _checked_list(where: str, variable: _Variable, fix: str) -> np.ndarray:
    if isinstance(variable.content, str):
        raise DataError(where, found=variable.content, expected="a list of numbers", fix=fix)
    if not variable.content.size:
        raise DataError(where, found="an empty list", expected="one number or more", fix=fix)
    if variable.content.size != max(variable.shape):
        shape = " x ".join(map(str, variable.shape))
        raise DataError(where, found=f"{shape} values", expected="a list (n x 1 or 1 x n)", fix=fix)
    return variable.content


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise _Damage(f"more than {_LARGEST >> 20} MiB")
    if _HDF5 in (data[:8], data[512:520]):  # after MATLAB's header of 512 bytes
        raise _Damage("a MATLAB v7.3 file: save it with -v7")
    return data


def _variables(data: bytes) -> Iterator[_Variable]:
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise _Damage("no MATLAB v5 header")
    for element in _elements(data[_HEADER:], order):
        if element.kind == _COMPRESSED:
            matrix = next(_elements(_inflated(element.data), order), None)
        else:
            matrix = element
        if matrix is not None and matrix.kind == _MATRIX:
            yield _variable(matrix.data, order)


def _inflated(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    result = stream.decompress(data, _LARGEST)
    if not stream.eof:
        raise _Damage("a compressed variable that ends too early or is too large")
    return result


def _elements(data: bytes, order: str) -> Iterator[_Element]:
    """Yield the parts that ``data`` is made of, each a type, a length and bytes."""
    at = 0
    while at < len(data):
        first, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if first >> 16:  # up to four bytes lie in the place of the length
            first, size, start = first & 0xFFFF, first >> 16, at + 4
            if size > 4:
                raise _Damage("a damaged tag")
        if start + size > len(data):
            raise _Damage("truncated")
        yield _Element(first, data[start : start + size])
        end = max(start + size, at + 8)
        at = end if first == _COMPRESSED else end + -end % 8


def _variable(data: bytes, order: str) -> _Variable:
    parts = _elements(data, order)
    flags, shape, name = (_part(parts) for _ in range(3))
    (word,) = struct.unpack_from(f"{order}I", flags.data)
    sizes = tuple(map(int, np.frombuffer(shape.data, f"{order}i4")))
    text = name.data.decode("latin-1")
    kind = _CLASSES.get(word & 0xFF)
    if kind is not None or word & _COMPLEX:
        return _Variable(text, sizes, kind or "complex numbers")
    stored = _part(parts)
    if stored.kind not in _STORED:
        raise _Damage(f"values of the unknown type {stored.kind}")
    values = np.frombuffer(stored.data, order + _STORED[stored.kind])
    count = 1
    for size in sizes:
        count *= size
    if len(sizes) < 2 or min(sizes) < 0 or count != values.size:
        raise _Damage(f"{values.size} values where {sizes} are announced")
    return _Variable(text, sizes, values)


def _part(parts: Iterator[_Element]) -> _Element:
    part = next(parts, None)
    if part is None:
        raise _Damage("a variable that ends too early")
    return part
