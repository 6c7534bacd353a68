"""Write files of weights atomically."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from blindsr.errors import FileError
from blindsr.imaging.files import atomic_path

if TYPE_CHECKING:
    from torch import Tensor


def write_safetensors(
    path: str | Path, state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors by name and text metadata; an existing file is replaced.

    Raises:
        FileError: if the file cannot be written; nothing half-written stays behind.
    """
    from safetensors.torch import save

    write_bytes(path, save(_alone(state), {"format": "pt", **(metadata or {})}))


def write_pth(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a flat dictionary of tensors, or one under a single key, by ``torch.save``.

    Raises:
        FileError: if the file cannot be written; nothing half-written stays behind.
    """
    buffer = io.BytesIO()
    wrapped = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    alone = {key: _alone(value) for key, value in wrapped.items()} if wrapped else _alone(content)
    torch.save(alone, buffer)
    write_bytes(path, buffer.getvalue())


def _alone(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies that share no memory: views would be refused, or stored with their whole storage."""
    return {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
    }


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a whole file; an existing one is replaced.

    Raises:
        FileError: if the file cannot be written; nothing half-written stays behind.
    """
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise FileError(
            path,
            found=f"cannot be written ({error.strerror})",
            expected="a place to write to",
            fix="Check the folder, its rights and the free space.",
        ) from error
