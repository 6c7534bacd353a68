"""Stop a training at SIGTERM, Ctrl-C or an error, and save its state after the last whole batch."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from torch.utils.data.dataloader import _BaseDataLoaderIter

from .non_finite import SkipNonFinite

SIGNALS = (signal.SIGTERM, signal.SIGINT)
ONE_PRESS_SECONDS = 1.0
"""`timeout` and wrappers pass a signal on to a process that gets it from its group as well."""
_DURING_WAIT = _BaseDataLoaderIter.__next__.__code__
_active: list[StopSignals] = []


def callbacks_of(trainer: Trainer) -> list[Callback]:
    """The callbacks of a trainer; the list itself, to be added to."""
    return trainer.callbacks  # type: ignore[attr-defined]  # Lightning sets it from elsewhere


class TrainingStopped(BaseException):
    """Raised where a signal ends a run; no error, so that nothing that catches errors keeps it.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class StopSignals:
    """Handlers of SIGTERM and SIGINT while a command runs.

    The first signal lets a batch that is being computed end, so that what is saved is exact; while
    data are waited for, or outside a training, it ends the run at once. The second ends it in any
    place, the third ends the process. They work too where the shell had SIGINT ignored, as it does
    for commands in the background of a script.

    Processes that are forked meanwhile (the workers of data loaders) ignore SIGINT: Ctrl-C reaches
    the whole group, and it is this process that ends them.

    Attributes:
        received: number of the first signal, or ``None``.
        patient: a training runs; the callback ends it at a place where that costs nothing.
        may_cut_waits: while data are waited for is such a place.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.patient = False
        self.may_cut_waits = False
        self._count = 0
        self._last = -ONE_PRESS_SECONDS

    @contextlib.contextmanager
    def installed(self) -> Iterator[StopSignals]:
        """Handle the signals inside the ``with`` block; other threads than the main one cannot."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGCHLD)}
        self.install()
        _active.append(self)
        try:
            yield self
        finally:
            _active.remove(self)
            for number, handler in before.items():
                signal.signal(number, handler)

    def install(self) -> None:
        """Handle the signals, also after Lightning has put its own handler in place."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._count and now - self._last < ONE_PRESS_SECONDS:
            return
        self._last, self._count = now, self._count + 1
        if self._count == 1:
            self.received = number
            # workers may end by the same signal: torch would raise that in the middle of the batch
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if self.patient and not (self.may_cut_waits and _waits_for_data(frame)):
                if sys.stderr.isatty():
                    os.write(2, b"\nblindsr: stops after this step; press again to stop at once\n")
                return
        if self._count <= 2:
            raise TrainingStopped(number)
        os._exit(128 + number)  # something hangs; files are whole at any moment


class SaveOnStop(Callback):
    """End a training at a signal, and save what it has learned; the same at an error.

    What is saved is the state after the last whole batch, so that a training that is resumed goes
    on as if it had not been interrupted: at a signal the batch is ended first; at an error
    nothing is saved once the weights of that batch began to change, and what the network's buffers
    saw of it is taken back. A validation that is interrupted is done again.

    Several processes agree after every batch; an error of one of them saves nothing, as the others
    do not take part.

    Args:
        signals: that were installed for this run.

    Attributes:
        path: the checkpoint that was written, else the newest of the run, or ``None``.
        folder: of the run, once it is known.
    """

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals
        self.path: Path | None = None
        self.folder: Path | None = None
        self._exact = False
        self._in_batch = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remember the folder of the run, for messages."""
        folder = trainer.log_dir  # a collective call: every rank has to make it
        self.folder = None if folder is None else Path(folder)

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back: Lightning's handler would talk to other ranks from inside it."""
        self.signals.install()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back; from here on they wait for a good place."""
        self.signals.install()
        self.signals.patient = True
        self.signals.may_cut_waits = trainer.world_size == 1  # ranks end together

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """From here on buffers may change."""
        self._in_batch = True

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        """From here on the weights are between two batches."""
        self._exact = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and end the run if a signal came; with gathered gradients, after their step."""
        self._in_batch = False
        self._exact = not trainer.fit_loop.epoch_loop._should_accumulate()
        if self._exact and self._all_stop(trainer):
            loop = trainer.fit_loop
            if loop._data_fetcher and loop.epoch_loop._should_check_val_fx(loop._data_fetcher):
                _count_last_batch(trainer, validate=True)
            self._save(trainer)
            raise TrainingStopped(self.signals.received or signal.SIGTERM)
        self.signals.may_cut_waits = trainer.world_size == 1 and self._exact

    def on_validation_batch_end(self, trainer: Trainer, *_: Any, **__: Any) -> None:
        """Save and end the run between two batches of a validation."""
        fitting = trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
        if fitting and self._exact and self._all_stop(trainer):
            _count_last_batch(trainer, validate=True)
            self._save(trainer)
            raise TrainingStopped(self.signals.received or signal.SIGTERM)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """There is nothing to wait for any more."""
        self.signals.patient = False

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save what there is, if it is exact and not saved yet."""
        epoch: Any = trainer.fit_loop.epoch_progress.total
        inside = epoch.ready == epoch.started == epoch.processed + 1  # else counters contradict
        if self.path is None and self._exact and inside and trainer.world_size == 1:
            self._save_after_error(trainer, pl_module)
        if self.path is None:
            self.path = _newest(last_checkpoint(trainer))

    def _save_after_error(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # what ends the run is the first error, not that it could not be saved on top of it
        with contextlib.suppress(Exception):
            for callback in callbacks_of(trainer):
                if self._in_batch and isinstance(callback, SkipNonFinite):
                    callback.take_back_buffers(pl_module)
            _count_last_batch(trainer, validate=trainer.validating)
            self._save(trainer)

    def _all_stop(self, trainer: Trainer) -> bool:
        mine = self.signals.received is not None
        if trainer.world_size == 1:
            return mine
        return bool(trainer.strategy.reduce_boolean_decision(mine, all=False))

    def _save(self, trainer: Trainer) -> None:
        path = last_checkpoint(trainer)
        if path is not None:
            trainer.save_checkpoint(path)
            self.path = path


def last_checkpoint(trainer: Trainer) -> Path | None:
    """Where the newest state of a training belongs; ``None`` where checkpoints are switched off."""
    if getattr(trainer, "fast_dev_run", False):
        return None
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.dirpath:
            return Path(callback.dirpath) / "last.ckpt"
    return None


def _newest(path: Path | None) -> Path | None:
    """The newest checkpoint in the folder of ``path``."""
    files = [] if path is None else list(path.parent.glob("*.ckpt"))
    return max(files, key=lambda file: file.stat().st_mtime_ns, default=None)


def _count_last_batch(trainer: Trainer, *, validate: bool) -> None:
    """Let counters say what the weights are: those after the last batch that was processed.

    A batch that was interrupted has not been handed out then.

    Args:
        trainer: about to save.
        validate: a validation follows, or was interrupted. Lightning repeats one of which it finds
            the first batch begun.
    """
    epoch = trainer.fit_loop.epoch_loop
    batches: Any = epoch.batch_progress
    for progress in (batches.total, batches.current):
        progress.ready = progress.started = progress.completed = progress.processed
    for loader in getattr(trainer.fit_loop._combined_loader, "flattened", ()):
        if hasattr(loader, "_done"):
            loader._done = batches.current.processed
    if validate:
        validation: Any = epoch.val_loop.batch_progress
        for progress in (validation.total, validation.current):
            progress.ready = progress.started = 1
            progress.processed = progress.completed = 0
        validation.is_last_batch = False


def _waits_for_data(frame: FrameType | None) -> bool:
    """Whether a loader is asked for its next batch: nothing of the training changes meanwhile."""
    while frame is not None:
        if frame.f_code is _DURING_WAIT:
            return True
        frame = frame.f_back
    return False


def _leave_signals_to_the_parent() -> None:
    if _active:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_signals_to_the_parent)
