"""Steps that the demonstrations share: trainings of a configuration, their results, a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsr.errors import ConfigError, FileError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .background import Background

SHOWN = 3
_RUN_FILES = ("checkpoints", "metrics.csv", "hparams.yaml", "config.yaml")


def require(folder: Path, names: Sequence[str]) -> None:
    """Refuse to begin without one of the configurations."""
    for name in names:
        if not (folder / f"{name}.yaml").is_file():
            raise ConfigError(
                folder / f"{name}.yaml",
                found="no such file",
                expected="a training configuration",
                fix="Run this in the repository's folder, or name theirs with -c.",
            )


def words(arguments: argparse.Namespace, config: str, name: str) -> list[str]:
    """Words of ``lightning fit`` for a stage whose run is ``<out>/<name>``."""
    seed = [f"--seed_everything={arguments.seed}", f"--data.init_args.seed={arguments.seed}"]
    place = {"save_dir": str(arguments.out), "name": name, "version": ""}
    kind = "lightning.pytorch.loggers.CSVLogger"
    logger = json.dumps([{"class_path": kind, "init_args": place}])
    path = arguments.configs / f"{config}.yaml"
    return ["fit", "-c", str(path), *seed, f"--trainer.logger={logger}", *arguments.overrides]


def fit(arguments: argparse.Namespace, config: str, name: str, *more: str) -> Any:
    """Train a stage in this process."""
    from blindsr.cli.training.command import BlindSRCLI

    clear(arguments.out / name)
    return BlindSRCLI([*words(arguments, config, name), *more])


def script(arguments: argparse.Namespace, config: str, name: str, *more: str) -> list[str]:
    """The command that trains a stage in a process of its own."""
    command = [*words(arguments, config, name), *more]
    return [sys.executable, "-m", "blindsr.cli.lightning_script", *command]


def clear(folder: Path) -> None:
    """Remove the run of an earlier demonstration.

    Raises:
        FileError: if it is a folder of something else.
    """
    import shutil

    if not folder.exists():
        return
    if not folder.is_dir() or not any((folder / name).exists() for name in _RUN_FILES):
        raise FileError(
            folder,
            found="something that is no run of a demonstration",
            expected="no such folder, or an earlier run, which is replaced",
            fix="Choose another folder with -o.",
        )
    shutil.rmtree(folder)


def best_of(folder: Path) -> Path:
    """The best checkpoint of a run."""
    return folder / "checkpoints" / "best.ckpt"


def wait(background: Background, console: Any) -> None:
    """Wait for what runs beside this process; say what it is at."""
    import time

    with console.status("waiting for the other process") as status:
        while background.running():
            line = background.last_line()
            status.update(f"waiting for the other process: {line}" if line else "waiting")
            time.sleep(1)
    background.check()


def draw_restorations(path: Path, model: Any, batch: Any, rows: Sequence[str] = ()) -> None:
    """Draw the first samples of a batch as the rows of the table restored them, all by default."""
    import torch

    from blindsr.drawing.samples import save_samples
    from blindsr.types import counted

    with torch.inference_mode():
        sr, estimate = model.restore(batch)
        results = {**model.rivals(batch), model.title: sr}
    samples = [
        model.compared_sample(
            batch, {row: results[row][index] for row in rows or results}, index, estimate
        )
        for index in counted(batch)[:SHOWN]
    ]
    save_samples(path, samples)


def write_scores(arguments: argparse.Namespace, content: dict[str, Any]) -> None:
    """Write ``scores.json`` with the seed and the command."""
    from blindsr.imaging.files import atomic_path

    with atomic_path(arguments.out / "scores.json") as temporary:
        report = {"command": " ".join(sys.argv), "seed": arguments.seed, **content}
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
