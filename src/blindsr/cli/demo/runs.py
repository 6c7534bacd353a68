"""What the demonstrations share: training runs in this and other processes, pictures, scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from blindsr.cli.configs import find
from blindsr.errors import BlindSRError, ConfigError, FileError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

SHOWN = 3
_RUN_FILES = ("checkpoints", "metrics.csv", "hparams.yaml", "config.yaml")


def require(arguments: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse to begin without one of the configurations."""
    for name in names:
        path = config_file(arguments, name)
        if not path.is_file():
            raise ConfigError(
                path,
                found="no such file",
                expected="a training configuration",
                fix="Leave -c out to take the one of the package.",
            )


def config_file(arguments: argparse.Namespace, name: str) -> Path:
    """The configuration of a stage: in the folder that was asked for, or where it is found."""
    file = f"{name}.yaml"
    if arguments.configs is not None:
        return Path(arguments.configs, file)
    return find(file) or Path(file)


def words(arguments: argparse.Namespace, config: str, name: str) -> list[str]:
    """Words of ``lightning fit`` for a stage whose run is ``<out>/<name>``."""
    seed = [f"--seed_everything={arguments.seed}", f"--data.init_args.seed={arguments.seed}"]
    place = {"save_dir": str(arguments.out), "name": name, "version": ""}
    kind = "lightning.pytorch.loggers.CSVLogger"
    logger = json.dumps([{"class_path": kind, "init_args": place}])
    path = config_file(arguments, config)
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


class Background:
    """A queue of commands in a thread; leaving the ``with`` block stops what still runs.

    Args:
        commands: words of each command; one that fails ends the queue.
        log: file for all output.
    """

    def __init__(self, commands: list[list[str]], log: Path) -> None:
        self.commands, self.log = commands, log
        self.failed: list[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stopped.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        self._thread.join()

    def _work(self) -> None:
        # one thread each: the foreground has the other core
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self.log.open("wb") as file:
            for command in self.commands:
                if self._stopped.is_set():
                    return
                self._process = subprocess.Popen(
                    command, stdout=file, stderr=subprocess.STDOUT, env=environment
                )
                if self._process.wait() != 0:
                    self.failed = command
                    return

    def running(self) -> bool:
        """Whether commands are left."""
        return self._thread.is_alive()

    def last_line(self) -> str:
        """The last line that was written so far."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else ""

    def check(self) -> None:
        """Raise an error with the last line of the log if a command failed."""
        if self.failed is not None:
            raise BlindSRError(
                " ".join(self.failed[1:4]),
                found=f"failed ({self.last_line()})",
                fix=f"{self.log} has all its output.",
            )
