"""Tensors of a TorchScript file by name, without running the program that it holds.

A TorchScript archive is a program with its data. Loading it with ``torch.jit`` runs that program;
here only the data is read: objects become plain attributes, and the tensors among them get the
names that ``state_dict()`` of the module would give them.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_PREFIX = "__torch__."
_LISTS = ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist")
_DEEPEST = 100


def is_torchscript(path: str | Path) -> bool:
    """Whether a file is an archive with a program beside its data."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
    return "data.pkl" in names and any(name.startswith("code/") for name in names)


def read_torchscript(path: str | Path) -> dict[str, Tensor]:
    """Read the parameters and buffers of a TorchScript module.

    Args:
        path: an archive of ``torch.jit.save``.

    Returns:
        Tensors on the CPU by their names in the module.

    Raises:
        pickle.UnpicklingError: if it holds anything but modules, tensors and plain values.
    """
    reader = torch._C.PyTorchFileReader(str(path))
    module = _Reader(io.BytesIO(reader.get_record("data.pkl")), reader).load()
    return dict(_named_tensors(module))


class _Attributes:
    """Stands for every object of the program: its attributes and nothing else."""

    def __setstate__(self, state: Any) -> None:
        self.values = state if isinstance(state, dict) else {}


class _Reader(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, records: Any) -> None:
        super().__init__(stream)
        self.records = records

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}".startswith(_PREFIX):
            return _Attributes
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return torch._utils._rebuild_tensor_v2
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle" and name in _LISTS:
            return list
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")

    def persistent_load(self, pid: Any) -> Any:
        _, kind, key, _, count = pid
        dtype = torch.serialization.StorageType(str(kind)).dtype
        record = f"data/{key}"
        storage = self.records.get_storage_from_record(record, count, dtype).untyped_storage()
        return torch.storage.TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)


def _named_tensors(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, _Attributes) and depth < _DEEPEST:
        for key, inner in getattr(value, "values", {}).items():
            yield from _named_tensors(inner, f"{name}.{key}" if name else str(key), depth + 1)
