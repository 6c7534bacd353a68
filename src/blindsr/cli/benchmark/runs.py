"""Trains and tests one job in this process; what is finished is kept in ``run.json``."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer

from blindsr.callbacks import SaveOnStop, ScoreTable, StopSignals, callbacks_of
from blindsr.cli.terminal import Teller
from blindsr.cli.training.command import BlindSRCLI
from blindsr.errors import BlindSRError, FileError, printable
from blindsr.imaging.files import atomic_path

from .costs import Costs
from .jobs import RUN, Job, difference
from .told import Told

TRACEBACK = "error.txt"
TRAINED = 90
"""Percent of a run that its training is; the rest is the test."""


class RunCLI(BlindSRCLI):
    """``lightning fit`` and ``test`` with callbacks more, whose table is only written."""

    def __init__(self, words: list[str], stop: SaveOnStop, more: list[Callback]) -> None:
        self.more = more
        super().__init__(words, stop)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the callbacks."""
        made = super().instantiate_trainer(**kwargs)
        callbacks_of(made)[:0] = self.more
        for callback in callbacks_of(made):
            if isinstance(callback, ScoreTable):
                callback.printed = False
        return made


def state_of(job: Job) -> dict[str, Any]:
    """What is known of a job: ``training`` and ``testing`` as they were, ``trained``, ``result``.

    Empty where it was never begun; a file that is damaged counts as that.
    """
    try:
        content = json.loads((job.folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def finished(job: Job) -> dict[str, Any] | None:
    """The result of a job as it is configured now, if there is one."""
    state = state_of(job)
    same = state.get("training") == job.training and state.get("testing") == job.testing
    return state.get("result") if same else None


def check_folder(job: Job) -> None:
    """Refuse a folder that holds something else.

    Raises:
        FileError: names it.
    """
    if not state_of(job) and job.folder.exists() and any(job.folder.iterdir()):
        raise FileError(
            job.folder,
            found="holds something without run.json",
            expected="runs of this benchmark, or nothing",
            fix="Move it away, or choose another folder with -o.",
        )


def begin(job: Job) -> tuple[dict[str, Any], str]:
    """State to go on from, and why a job that was begun before has to begin again, in words."""
    state, changed = state_of(job), ""
    if state and state["training"] != job.training:
        changed = f"{difference(state['training'], job.training)} changed, runs again"
        shutil.rmtree(job.folder)
        state = {}
    elif state and state["testing"] != job.testing:
        changed = f"{difference(state['testing'], job.testing)} changed, is tested again"
        state["result"] = None
    state |= {"training": job.training, "testing": job.testing, "failed": None}
    return state, changed


def perform(
    job: Job, tell: Teller, say: Callable[[str], None], broken: Job | None = None
) -> str | None:
    """Train (from where it was) and test; returns one line about what failed, or ``None``.

    Args:
        job: to do.
        tell: of its percentage.
        say: of a changed configuration.
        broken: a job that it needs and that has failed.
    """
    state, changed = begin(job)
    if changed:
        say(f"{job.title}: {changed}")
    _write(job, state)
    try:
        if broken is not None:
            raise BlindSRError(
                job.title, found=f"needs {broken.title}, which failed", expected="its weights"
            )
        with StopSignals().installed() as signals:
            if job.row.trained and not state.get("trained"):
                _train(job, state, signals, tell)
            if job.row.tested == "none":
                state["result"] = {}
                _write(job, state)
            else:
                _test(job, state, signals, tell)
    except Exception as error:
        line = str(error) if isinstance(error, BlindSRError) else _line(error)
        state["failed"] = line
        _write(job, state)
        with atomic_path(job.folder / TRACEBACK) as temporary:
            temporary.write_text(traceback.format_exc(), encoding="utf-8")
        return line
    finally:
        gc.collect()  # a trainer and its parts name each other
    return None


def _train(job: Job, state: dict[str, Any], signals: StopSignals, tell: Teller) -> None:
    begin_time, begin_cpu = time.monotonic(), cpu_seconds()
    row = job.row
    words = ["fit", *_configs(row.config), *_logger(job)]
    words += [f"--{key}={job.seed}" for key in row.seeded]
    if row.max_steps:
        words += [f"--trainer.max_steps={row.max_steps}", "--trainer.max_epochs=-1"]
    if row.max_time:
        words += [f"--trainer.max_time={row.max_time}"]
    words += _values(job.filled(row.overrides))
    if job.weights("last"):
        words += ["--ckpt_path=last"]
    try:
        with _silent():
            cli = RunCLI(words, SaveOnStop(signals), [Told(tell, 0, TRAINED)])
        state["steps"] = cli.trainer.global_step
    finally:
        state["seconds"] = state.get("seconds", 0.0) + time.monotonic() - begin_time
        state["cpu_seconds"] = state.get("cpu_seconds", 0.0) + cpu_seconds() - begin_cpu
        _write(job, state)
    state["trained"] = True
    _write(job, state)


def cpu_seconds() -> float:
    """Processor time that this process and its ended children have used, on all cores."""
    return sum(os.times()[:4])


def _test(job: Job, state: dict[str, Any], signals: StopSignals, tell: Teller) -> None:
    row, costs = job.row, Costs()
    words = ["test", *_configs((*row.config, *row.test_config)), *_logger(job)]
    words += _values(job.filled({**row.overrides, **row.test_overrides}))
    weights = job.weights(row.tested)
    if row.trained and weights is None:
        raise FileError(job.folder, found="no checkpoint", expected="ModelCheckpoint in config")
    if weights is not None:
        words += [f"--ckpt_path={weights}"]
    with _silent():
        cli = RunCLI(
            words, SaveOnStop(signals), [Told(tell, TRAINED if row.trained else 0, 99), costs]
        )
    table = next(one for one in callbacks_of(cli.trainer) if isinstance(one, ScoreTable))
    state["result"] = {
        "pictures": table.pictures.plain(),
        "costs": costs.found,
        "weights": weights.name if weights is not None and row.trained else "",
        "rule": getattr(cli.model, "rule", ""),
        "paper": [[one.method, dict(one.scores)] for one in table.paper],
    }
    _write(job, state)


def _configs(paths: tuple[Path, ...]) -> list[str]:
    return [word for path in paths for word in ("-c", str(path))]


def _logger(job: Job) -> list[str]:
    kind = "lightning.pytorch.loggers.CSVLogger"
    place = {"save_dir": str(job.folder.parent), "name": job.folder.name}
    logger = json.dumps([{"class_path": kind, "init_args": place}])
    return [f"--trainer.logger={logger}", "--trainer.enable_progress_bar=false"]


def _values(overrides: Mapping[str, Any]) -> list[str]:
    return [
        f"--{key}={value if isinstance(value, str) else json.dumps(value, default=str)}"
        for key, value in overrides.items()
    ]


@contextlib.contextmanager
def lightning_says_less() -> Iterator[None]:
    """Without what it says of the machine at every start."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Lines of one run are no result of the benchmark; errors go to standard error as ever."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return printable(f"{type(error).__name__}: {lines[-1] if lines else 'no message'}")


def _write(job: Job, state: Mapping[str, Any]) -> None:
    with atomic_path(job.folder / RUN) as temporary:
        temporary.write_text(json.dumps(state, default=str) + "\n", encoding="utf-8")
