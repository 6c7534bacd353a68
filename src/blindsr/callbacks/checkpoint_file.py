"""Atomic writing of checkpoints: a reader sees a whole file or none, even after a power failure.

Lightning writes to the folder for temporary files and moves the result. Where that is another disk
the move is a copy, and a full disk or a kill leaves a part of it under the final name.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import Trainer

from blindsr.errors import os_error
from blindsr.imaging.temporary import removed_at_exit, sweep, temporary_beside


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's reader and writer of checkpoints, with a writer that never leaves a part.

    Names that are no paths of this machine (``s3://...``) are left to Lightning.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint; what was there before stays until the new one is on disk.

        Raises:
            FileError: the file cannot be written; there is no part of it, and the former is whole.
        """
        if "://" in str(path) or storage_options is not None:
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        try:
            write_whole(Path(path), buffer.getbuffer())
        except (OSError, ValueError) as error:
            raise os_error(error, path, "written") from error


def use_whole_checkpoints(trainer: Trainer) -> None:
    """Let a trainer write whole checkpoints, unless it was given a writer of its own."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = WholeCheckpointIO()


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file of which a reader sees all or nothing, after a loss of power too.

    Raises:
        OSError: as the system says it; nothing new is left in the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path, suffix=".part")  # not of checkpoints: they are looked for
    with removed_at_exit(temporary):
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    with contextlib.suppress(OSError), _opened(path.parent) as folder:  # not every disk can
        os.fsync(folder)


def sweep_parts(folder: Path) -> None:
    """Remove what processes of this machine that are gone left of checkpoints below ``folder``."""
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sweep(place)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
