"""Read a checkpoint of TensorFlow without TensorFlow: ``NAME.index`` beside ``NAME.data-*``.

The index is a table of the LevelDB format, from names to where each tensor lies in the data files;
its values are protocol buffers of a few fields. Nothing in either file is run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from blindsr.errors import WeightsError, missing_file

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".index"
_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER, _TRAILER = 48, 5  # of the file; of each block: kind of compression, checksum
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
"""Number of a type -> how it is stored; tensors of other types are left out."""
_LARGEST = 1 << 32  # bytes of one tensor
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE = 1, 2, 3, 4, 5
"""Fields of an entry."""


def read_tensorflow(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint by TensorFlow's names and with its axes.

    Args:
        path: ``NAME.index``, written by TensorFlow's ``Saver`` (its second format, since 2016).

    Raises:
        FileError: if a data file beside it is not there.
        WeightsError: if it is damaged or of another format.
    """
    try:
        entries = dict(_table(path.read_bytes()))
        header = _fields(entries.pop(b"", b""))
        shards = int(header.get(1, [1])[0])
        return {
            name.decode("utf-8"): tensor
            for name, value in entries.items()
            if (tensor := _tensor(path, _fields(value), shards)) is not None
        }
    except (IndexError, ValueError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:80]
        raise WeightsError(
            path,
            found=f"no checkpoint that can be read ({said})",
            expected="the .index of a TensorFlow checkpoint, beside its .data files",
            fix="Or store the variables as .npz, array by name.",
        ) from error


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a LevelDB table."""
    if len(content) < _FOOTER or content[-8:] != _MAGIC:
        raise ValueError("it does not end as a table does")
    footer, at = content[-_FOOTER:], 0
    for _ in range(2):  # of the index of metadata, which nobody needs
        _, at = _varint(footer, at)
    start, at = _varint(footer, at)
    size, _ = _varint(footer, at)
    for _, handle in _block(content, start, size):
        offset, at = _varint(handle, 0)
        yield from _block(content, offset, _varint(handle, at)[0])


def _block(content: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block; each key repeats the beginning of the one before."""
    if start + size + _TRAILER > len(content):
        raise ValueError("it is truncated")
    if content[start + size]:
        raise ValueError("its index is compressed")
    block = content[start : start + size]
    restarts = int.from_bytes(block[-4:], "little")
    end, at, key = len(block) - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        if at + own + length > end or shared > len(key):
            raise ValueError("an entry leaves its block")
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise ValueError("a number of more than 64 bits")


def _fields(message: bytes) -> dict[int, list[int | bytes]]:
    """Fields of a protocol buffer by their number."""
    found: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = _varint(message, at)
        else:
            fixed = {1: 8, 5: 4}.get(tag & 7)
            if fixed is None and tag & 7 != 2:
                raise ValueError("a field of unknown kind")
            length, at = (fixed, at) if fixed is not None else _varint(message, at)
            if at + length > len(message):
                raise ValueError("a field leaves its entry")
            value, at = message[at : at + length], at + length
        found.setdefault(tag >> 3, []).append(value)
    return found


def _tensor(path: Path, entry: dict[int, list[int | bytes]], shards: int) -> Tensor | None:
    """One tensor, from the data file that its entry names."""

    def number(field: int) -> int:
        return int(entry.get(field, [0])[0])

    kind = _TYPES.get(number(_DTYPE))
    if kind is None:
        return None
    shape = _shape(entry.get(_SHAPE, [b""])[0])
    size = math.prod(shape) * np.dtype(kind).itemsize
    if size != number(_SIZE) or size > _LARGEST:
        raise ValueError(f"{number(_SIZE)} bytes of a tensor {shape}")
    data = path.with_name(f"{path.stem}.data-{number(_SHARD):05}-of-{shards:05}")
    if not data.is_file():
        raise missing_file(data, f"the tensors of {path.name}", "Copy all files of the checkpoint.")
    with data.open("rb") as file:
        file.seek(number(_OFFSET))
        content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{data.name} is truncated")
    array = np.frombuffer(content, np.dtype(kind)).reshape(shape)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


def _shape(message: int | bytes) -> tuple[int, ...]:
    sides = _fields(bytes(message) if isinstance(message, int) else message).get(2, [])
    return tuple(int(_fields(bytes(side)).get(1, [0])[0]) for side in sides)
