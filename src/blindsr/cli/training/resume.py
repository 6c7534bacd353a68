"""Which checkpoint a run starts from, and how to go on after it was stopped."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from blindsr.errors import BlindSRError, FileError, WeightsError
from blindsr.runs import by_age
from blindsr.weights.reading import read_checkpoint

NEWEST = {"last": "*.ckpt", "best": "best*.ckpt"}
"""Words for ``--ckpt_path`` that ask for the newest whole file with such a name."""


def checkpoint_folders(trainer: Trainer) -> list[Path]:
    """Folders where the runs of a configuration keep their checkpoints."""
    folders = []
    if trainer.logger is not None:
        root = Path(trainer.logger.save_dir or trainer.default_root_dir, str(trainer.logger.name))
        folders += [*root.glob("*/checkpoints"), root / "checkpoints"]
    else:
        folders.append(Path(trainer.default_root_dir) / "checkpoints")
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.dirpath:
            folders.append(Path(callback.dirpath))
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def open_newest(word: str, trainer: Trainer, *, fit: bool) -> tuple[str, dict[str, Any]] | None:
    """Find the newest whole checkpoint of the runs of a configuration, and say which it is.

    Args:
        word: a key of :data:`NEWEST`.
        trainer: of the configuration.
        fit: a training may be the first one.

    Returns:
        Path and content; ``None`` for a training without an earlier one.

    Raises:
        FileError: there is none, or none is whole.
    """
    folders = checkpoint_folders(trainer)
    found = by_age(folders, NEWEST[word])
    for path in found:
        try:
            content = read_checkpoint(path)
        except WeightsError:
            say(f"{path} is cut or damaged and is left out")
            continue
        say(f"--ckpt_path {word}: {path}")
        return str(path), content
    places = ", ".join(str(folder) for folder in folders[:3]) or "no run of this configuration"
    if not found and fit:
        say(f"--ckpt_path {word}: no checkpoint yet ({places}); starts from the beginning")
        return None
    raise FileError(
        f"--ckpt_path {word}",
        found=f"no whole checkpoint ({places})",
        expected=f"{NEWEST[word]} of an earlier run",
        fix="Give the path of one.",
    )


def open_named(path: str, trainer: Trainer) -> dict[str, Any]:
    """Read the checkpoint that was asked for.

    Raises:
        WeightsError: it is cut or no checkpoint; names the newest whole one there is.
    """
    try:
        return read_checkpoint(path)
    except WeightsError as error:
        for other in by_age([Path(path).parent, *checkpoint_folders(trainer)], "*.ckpt"):
            if other.resolve() != Path(path).resolve() and _is_whole(other):
                raise WeightsError(
                    path,
                    found=error.found,
                    expected=error.expected,
                    fix=f"{error.fix.rstrip('.')}. The newest whole one is --ckpt_path {other}",
                ) from error
        raise


def go_on(words: Sequence[str], path: Path) -> str:
    """The command that goes on from a checkpoint: the same words with another ``--ckpt_path``."""
    kept, skip = [], False
    for word in words:
        if not skip and word != "--ckpt_path" and not word.startswith("--ckpt_path="):
            kept.append(word)
        skip = word == "--ckpt_path"
    return shlex.join(["lightning", *kept, "--ckpt_path", str(path)])


def say(line: str) -> None:
    """Print a line that is no result."""
    sys.stderr.write(f"blindsr: {line}\n")


def _is_whole(path: Path) -> bool:
    try:
        read_checkpoint(path)
    except BlindSRError:
        return False
    return True
