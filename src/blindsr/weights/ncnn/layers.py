"""Reads a network of ncnn: a ``.param`` with one layer a line, a ``.bin`` with their weights.

A line is ``kind name inputs outputs INPUTS OUTPUTS KEY=VALUE ...``; an array of values has the key
``-23300 - KEY``. The weights of a convolution begin with a tag: 16 or 32 bit floats; its bias and
the slopes of a PReLU are 32 bit floats. Every part begins at a multiple of four bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from blindsr.errors import WeightsError, check_ordinary, os_error

if TYPE_CHECKING:
    from torch import Tensor

_MAGIC = "7767517"
_HALF, _FLOAT = 0x01306B47, 0
_ARRAY = -23300
_LARGEST = 2**24  # bytes of a .param: a line has about a hundred


@dataclass(frozen=True)
class Layer:
    """One line, with its weights.

    Attributes:
        kind: ``"Convolution"`` and so on.
        name: of the layer.
        inputs: names of what it reads.
        outputs: names of what it makes.
        options: values by number, each a list.
        tensors: weight and, where there is one, bias; slopes of a PReLU.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[int, list[float]] = field(repr=False)
    tensors: tuple[Tensor, ...] = field(default=(), repr=False)

    def option(self, number: int, default: float) -> float:
        """The first value of an option."""
        return self.options.get(number, [default])[0]


def param_file(path: str | Path) -> Path | None:
    """The ``.param`` of a network if ``path`` is that or the ``.bin`` beside it, else ``None``."""
    path = Path(path)
    if path.suffix == ".param":
        return path
    beside = path.with_suffix(".param")
    return beside if path.suffix == ".bin" and beside.is_file() else None


def read_layers(param: Path) -> list[Layer]:
    """Read all layers with their weights.

    Raises:
        FileError: one of the two files is missing or cannot be read.
        WeightsError: they are no files of ncnn, do not fit each other, or hold weights of a kind
            that is not read (8 bit).
    """
    binary = param.with_suffix(".bin")
    for path in (param, binary):
        check_ordinary(path, "a pair of files of ncnn, .param and .bin", "Put both in one folder.")
    try:
        text = param.read_bytes()[:_LARGEST].decode("ascii", errors="replace")
        content = binary.read_bytes()
    except OSError as error:
        raise os_error(error, param, "read") from error
    first, *lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if first != _MAGIC:
        raise WeightsError(
            param, found="no text of ncnn", expected=f"a file that begins with {_MAGIC}"
        )
    weights = _Weights(binary, content)
    try:
        layers = [_layer(line.split(), weights) for line in lines[1:]]
    except (ValueError, IndexError, KeyError) as error:
        raise WeightsError(
            param, found=f"a damaged line ({error})", expected="layers of ncnn"
        ) from error
    weights.refuse_rest()
    return layers


def _layer(words: list[str], weights: _Weights) -> Layer:
    kind, name, *rest = words
    inputs, outputs = int(rest[0]), int(rest[1])
    blobs, values = rest[2 : 2 + inputs + outputs], rest[2 + inputs + outputs :]
    options = dict(_option(word) for word in values)
    layer = Layer(kind, name, tuple(blobs[:inputs]), tuple(blobs[inputs:]), options)
    if kind == "PReLU":
        return Layer(**{**vars(layer), "tensors": (weights.floats(int(options[0][0])),)})
    if kind == "Convolution":
        return Layer(**{**vars(layer), "tensors": _convolution(layer, weights)})
    return layer


def _option(word: str) -> tuple[int, list[float]]:
    key, _, value = word.partition("=")
    number = int(key)
    if number <= _ARRAY:  # its length, then the values
        return _ARRAY - number, [float(part) for part in value.split(",")[1:]]
    return number, [float(value)]


def _convolution(layer: Layer, weights: _Weights) -> tuple[Tensor, ...]:
    channels, side = int(layer.options[0][0]), int(layer.options[1][0])
    weight = weights.tagged(int(layer.options[6][0]), layer.name)
    shaped = weight.reshape(channels, -1, side, int(layer.option(11, side)))
    return (shaped, weights.floats(channels)) if layer.option(5, 0) else (shaped,)


class _Weights:
    """The content of a ``.bin``, taken from the front."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path, self._content, self._place = path, content, 0

    def floats(self, count: int) -> Tensor:
        return self._take(count, np.dtype("<f4"))

    def tagged(self, count: int, name: str) -> Tensor:
        tag = int(self._raw(1, np.dtype("<u4"))[0])
        if tag not in (_HALF, _FLOAT):
            raise WeightsError(
                self._path,
                found=f"weights of {name} in a form that is not read (tag {tag:#x})",
                expected="floats of 16 or 32 bits",
                fix="Take the network before it was quantised.",
            )
        return self._take(count, np.dtype("<f2" if tag == _HALF else "<f4"))

    def refuse_rest(self) -> None:
        if self._place != len(self._content):
            raise self._unfit(f"{len(self._content)} bytes", f"{self._place}")

    def _take(self, count: int, kind: np.dtype) -> Tensor:
        return torch.from_numpy(self._raw(count, kind).astype(np.float32))

    def _raw(self, count: int, kind: np.dtype) -> np.ndarray:
        end = self._place + count * kind.itemsize
        if count < 0 or end > len(self._content):
            raise self._unfit(f"{len(self._content)} bytes", f"{end} or more")
        values = np.frombuffer(self._content, kind, count, self._place)
        self._place = end + -end % 4
        return values

    def _unfit(self, found: str, expected: str) -> WeightsError:
        param = self._path.with_suffix(".param").name
        return WeightsError(
            self._path,
            found=found,
            expected=f"{expected}, as {param} says",
            fix="One of the two is cut, or they belong to different networks.",
        )
