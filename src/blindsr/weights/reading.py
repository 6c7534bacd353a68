"""Read a file of tensors without running any code in it."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from blindsr.errors import BlindSRError, WeightsError, missing_file
from blindsr.networks.settings.checked import checked_facts
from blindsr.runs import checkpoint_file
from blindsr.types import DataFacts

from . import tensorflow_file
from .ncnn.layers import param_file
from .ncnn.names import named_weights
from .torchscript import is_torchscript, read_torchscript

if TYPE_CHECKING:
    from torch import Tensor

FACTS_METADATA = "blindsr_facts"
"""Metadata key of a safetensors file in the dialect of another program."""
_DEEPEST = 20  # nested levels of a checkpoint; none of a training has so many
_LENGTH_BYTES = 8  # a safetensors file starts with the length of its header, then the header


def is_safetensors(path: str | Path) -> bool:
    """Whether a file is to be read as safetensors: by its suffix, else by how it begins."""
    path = Path(path)
    if path.suffix == ".safetensors" or not path.is_file():
        return path.suffix == ".safetensors"
    with path.open("rb") as file:
        start = file.read(_LENGTH_BYTES + 1)
    fits = int.from_bytes(start[:_LENGTH_BYTES], "little") <= path.stat().st_size - _LENGTH_BYTES
    return fits and start[_LENGTH_BYTES:] == b"{"


def read_state_dict(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a ``.safetensors`` or ``.pth`` file by name, on the CPU.

    Args:
        path: the file; its content decides where the suffix says nothing. A ``.pth`` is read
            weights-only: a pickle that would run code is refused.

    Returns:
        The tensors, and the text metadata of a safetensors file (empty for ``.pth``).

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is truncated, of another kind, not weights-only, or not a flat
            dictionary of tensors.
    """
    metadata: dict[str, str] = {}
    if is_safetensors(path):
        content, metadata = _guarded(Path(path), _read_safetensors)
    else:
        content = read_checkpoint(path)
    if not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise WeightsError(
            path,
            found=f"a {type(content).__name__} with entries that are no tensors",
            expected="a flat dictionary from names to tensors",
        )
    return content, metadata


def facts_beside(path: str | Path) -> DataFacts | None:
    """The facts of the training data in the metadata of a safetensors file, where there are some.

    Raises:
        WeightsError: if they are damaged.
    """
    if not is_safetensors(path):
        return None
    text = read_state_dict(path)[1].get(FACTS_METADATA)
    try:
        found = None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(
            path, found=f"no JSON under {FACTS_METADATA!r}", expected="facts"
        ) from error
    return checked_facts(found, str(path))


def is_flat(content: object) -> bool:
    """Whether it is a dictionary from names to tensors."""
    return isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor)
        for name, tensor in content.items()
    )


def require_finite(state: Mapping[str, Any], path: str | Path) -> None:
    """Refuse weights with NaN or infinity: no picture can come out of them.

    Raises:
        WeightsError: names the first tensor.
    """
    for name, tensor in state.items():
        floating = isinstance(tensor, torch.Tensor) and tensor.is_floating_point()
        if floating and not torch.isfinite(tensor).all():
            raise WeightsError(
                path,
                found=f"{name} with values that are not finite",
                expected="finite weights",
                fix="The training diverged: use a checkpoint from before, or a lower rate.",
            )


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a file of ``torch.save`` weights-only: tensors, numbers and names, nothing that runs.

    Of a TorchScript archive the tensors are read and the program is not. The ``.param`` of ncnn
    gives the tensors of the ``.bin`` beside it, the ``.index`` of TensorFlow those of the ``.data``
    files beside it, and an ``.npz`` its arrays.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is truncated, of another kind, or not weights-only.
    """
    path = Path(path)
    param = param_file(path)
    if param is not None:
        return dict(named_weights(param))
    content = _guarded(path, _READERS.get(path.suffix, _load))
    if not isinstance(content, dict):
        raise WeightsError(path, found=f"a {type(content).__name__}", expected="a dictionary")
    for name, tensor in _tensors(content):
        _require_plain(name, tensor, path)
    return content


def _tensors(content: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """All tensors of nested dictionaries and lists with their names."""
    if isinstance(content, torch.Tensor):
        yield name, content
    elif isinstance(content, (Mapping, list, tuple)) and depth < _DEEPEST:
        named = content.items() if isinstance(content, Mapping) else enumerate(content)
        for key, value in named:
            yield from _tensors(value, f"{name}.{key}" if name else str(key), depth + 1)


def _require_plain(name: str, tensor: Tensor, path: Path) -> None:
    """Refuse tensors larger than their storage: one stored number may claim 10**12 elements."""
    kind = tensor.dtype
    whole = not (kind.is_complex or tensor.is_quantized or tensor.is_nested)
    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or not whole:
        found = f"a tensor of {kind}, {tensor.layout}, on {tensor.device.type}"
    elif tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        found = f"a tensor of shape {tuple(tensor.shape)} with fewer stored values"
    else:
        return
    raise WeightsError(path, found=f"{name}, {found}", expected="dense tensors of numbers")


def _load(path: Path) -> Any:
    if is_torchscript(path):
        return read_torchscript(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_arrays(path: Path) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


_READERS: dict[str, Callable[[Path], Any]] = {
    tensorflow_file.SUFFIX: tensorflow_file.read_tensorflow,
    ".npz": _read_arrays,
}
"""By suffix, of files that ``torch.save`` did not write."""


def _guarded(path: Path, read: Callable[[Path], Any]) -> Any:
    """Call ``read`` and translate what it raises."""
    path = checkpoint_file(path)
    if not path.is_file():
        raise missing_file(path, "a file of weights", "Check the path.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about a pickle that it then refuses
            return read(path)
    except BlindSRError:
        raise
    except Exception as error:  # pickle, zip, EOF and safetensors each raise their own
        raise WeightsError(
            path,
            found=f"not readable as weights ({type(error).__name__})",
            expected="a checkpoint or a .pth with tensors only, or .safetensors",
            fix=_cause(error),
        ) from error


def _cause(error: Exception) -> str:
    """Advice: the class that a pickle needs beside tensors, or what else may be wrong."""
    needed = re.search(r"[Uu]nsupported (?:global: )?GLOBAL (\S+)", str(error))
    if needed is None:
        return "It may be truncated, another kind of file, or a pickle that would run code."
    return f"It is a pickle that would run code ({needed[1]}); nothing of it was run."


def _read_safetensors(path: Path) -> tuple[Any, dict[str, str]]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
