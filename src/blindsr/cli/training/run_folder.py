"""Every run has a folder of its own; runs of other commands do not shift the numbers of trainings.

``fit`` makes ``logs/<name>/version_0``, ``version_1``, and so on, ``test`` makes ``test_0``,
``test_1``, and so on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from blindsr.callbacks import WandbLogger
from blindsr.runs import SUFFIX, checkpoint_file

from .resume import say


def number_runs(trainer: Trainer, command: str) -> None:
    """Let the logger that decides the folder of a run count the runs of each command by itself.

    The folder is made when the run begins. A logger that was told its version keeps it.
    """
    logger: Any = trainer.logger
    counts = isinstance(logger, (CSVLogger, TensorBoardLogger)) and "://" not in logger.root_dir
    if counts and trainer.is_global_zero:  # the other processes are told the folder
        logger._get_next_version = lambda: claim(trainer, command)


def claim(trainer: Trainer, command: str) -> int | str:
    """Make the next folder, which no other run that starts at the same moment gets.

    Returns:
        The version that the logger is to have.
    """
    logger: Any = trainer.logger
    root, word = Path(logger.root_dir), "version" if command == "fit" else command
    root.mkdir(parents=True, exist_ok=True)
    names = [path.name.removeprefix(f"{word}_") for path in root.glob(f"{word}_*")]
    number = max((int(name) for name in names if name.isdecimal()), default=-1) + 1
    while not _made(root / f"{word}_{number}"):
        number += 1
    folder = f"{word}_{number}"
    for other in trainer.loggers[1:]:
        if isinstance(other, WandbLogger):
            other.name_run(str(logger.name), folder)
    if command != "fit":
        return folder
    if number:
        say(f"this run is {root / folder}; earlier ones stay as they are")
    return number


def _made(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def find_checkpoints(settings: Namespace | dict[str, Any], prefix: str = "") -> None:
    """Put the files in place of checkpoints that are named by run, and say which these are.

    The stored configuration then tells what a run began with.

    Args:
        settings: the configuration of a command; changed.
        prefix: of its keys, with a dot.
    """
    for key, value in list(settings.items()):  # of a Namespace: the innermost, with dots
        if isinstance(value, dict):
            find_checkpoints(value, f"{prefix}{key}.")
        elif isinstance(value, str) and value.endswith(SUFFIX):
            path = str(checkpoint_file(value))
            if path != value:
                say(f"{prefix}{key} {value}: {path}".replace(".init_args", ""))
                settings[key] = path
