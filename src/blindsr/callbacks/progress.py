"""Progress of a training: loss parts, rate, time left, share of time spent waiting for data.

On a terminal a rich bar, elsewhere (log files, batch systems) one line now and then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar
from lightning.pytorch.callbacks.progress.rich_progress import RichProgressBarTheme
from rich.console import Console

REFRESH_BATCHES = 5
"""The default of Lightning's rich bar, 100, looks frozen on slow machines."""


def tidy(metrics: dict[str, Any]) -> dict[str, Any]:
    """Shorten names (``train/loss`` -> ``loss``) and print undefined scores as a dash."""
    rows = {}
    for name, value in metrics.items():
        if name == "v_num":
            continue
        undefined = isinstance(value, float) and math.isnan(value)
        rows[name.removeprefix("train/")] = "–" if undefined else value
    return rows


class DataWait:
    """Measures the share of training time that passed between two batches."""

    def __init__(self) -> None:
        self._waited = self._worked = 0.0
        self._mark: float | None = None

    def batch_starts(self) -> None:
        """Call when a batch has arrived."""
        now = time.perf_counter()
        if self._mark is not None:
            self._waited += now - self._mark
        self._mark = now

    def batch_ends(self) -> None:
        """Call when a step is done."""
        now = time.perf_counter()
        if self._mark is not None:
            self._worked += now - self._mark
        self._mark = now

    def restart(self) -> None:
        """Count from zero, from the last event on."""
        self._waited = self._worked = 0.0

    def pause(self) -> None:
        """Call before validation, whose time is neither."""
        self._mark = None

    @property
    def share(self) -> float:
        """Waiting over all, in [0, 1]."""
        total = self._waited + self._worked
        return self._waited / total if total else 0.0


class RichProgress(RichProgressBar):
    """Lightning's rich bar with a higher refresh rate and readable scores."""

    def __init__(self) -> None:
        super().__init__(
            refresh_rate=REFRESH_BATCHES,
            leave=False,
            theme=RichProgressBarTheme(metrics_format=".4g"),
        )

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Scores beside the bar."""
        return tidy(super().get_metrics(trainer, pl_module))

    def _get_train_description(self, current_epoch: int) -> str:
        """The epoch, counted from 1 as in :class:`LineProgress`."""
        return epoch_of(self.trainer, current_epoch).ljust(len(self.validation_description))


class LineProgress(ProgressBar):
    """One line every ``interval`` seconds and one per epoch; for output that is not a terminal.

    Validation, test and prediction have lines as well once they take that long.

    Args:
        interval: seconds between two lines.
    """

    def __init__(self, interval: float = 15.0) -> None:
        super().__init__()
        self.interval = interval
        self._console = Console(soft_wrap=True, highlight=False)
        self._enabled = True
        self._wait = DataWait()
        self._begin = self._last = self._look_begin = 0.0
        self._done = self._looked = 0

    def disable(self) -> None:
        """Say nothing (ranks other than 0)."""
        self._enabled = False

    def enable(self) -> None:
        """Speak again."""
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; a resumed run counts from where it resumed."""
        self._begin = self._last = time.perf_counter()
        self._done = 0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the wait for data."""
        self._wait.batch_starts()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Print a line when it is time."""
        self._wait.batch_ends()
        self._done += 1
        last = batch_idx + 1 >= self.total_train_batches  # the line of the epoch follows
        due = time.perf_counter() - self._last >= self.interval
        if self._enabled and due and not last:
            self._print(trainer, pl_module, batch_idx)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the data clock."""
        self._wait.pause()
        self._start_looking()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what comes: the first batch may take minutes."""
        self._start_looking("test", trainer.num_test_batches)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what comes."""
        self._start_looking("prediction", trainer.num_predict_batches)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any
    ) -> None:
        """Print a line when it is time."""
        if not trainer.sanity_checking:
            self._look("validation", trainer.num_val_batches)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any
    ) -> None:
        """Print a line when it is time."""
        self._look("test", trainer.num_test_batches)

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any
    ) -> None:
        """Print a line when it is time."""
        self._look("prediction", trainer.num_predict_batches)

    def _start_looking(self, doing: str = "", batches: Sequence[int | float] = ()) -> None:
        self._look_begin = self._last = time.perf_counter()
        self._looked = 0
        if self._enabled and doing:
            self._console.print(f"{doing} of {sum(batches)} batches")

    def _look(self, doing: str, batches: Sequence[int | float]) -> None:
        """Count a batch without training, and print a line when it is time."""
        self._looked += 1
        now, total = time.perf_counter(), sum(batches)
        if not self._enabled or now - self._last < self.interval or self._looked == total:
            return
        self._last = now
        rate = self._looked / max(now - self._look_begin, 1e-9)
        left = "?" if math.isinf(total) else clock((total - self._looked) / rate)
        self._console.print(f"{doing} batch {self._looked}/{total} | {rate:.2f} it/s | left {left}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line of the epoch, with its validation scores."""
        self._wait.pause()
        if self._enabled:
            self._print(trainer, pl_module, int(min(self.total_train_batches, 1 << 62)) - 1)

    def _print(self, trainer: Trainer, pl_module: LightningModule, batch_idx: int) -> None:
        self._last = time.perf_counter()
        rate = self._done / max(self._last - self._begin, 1e-9)
        total = trainer.estimated_stepping_batches * trainer.accumulate_grad_batches
        left = total - trainer.fit_loop.epoch_loop.total_batch_idx - 1
        eta = "?" if math.isinf(left) or rate == 0 else clock(max(left, 0) / rate)
        scores = " ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in tidy(self.get_metrics(trainer, pl_module)).items()
        )
        self._console.print(
            f"{epoch_of(trainer, trainer.current_epoch)} batch {batch_idx + 1}"
            f"/{self.total_train_batches} | {rate:.2f} it/s | left {eta} | "
            f"data wait {self._wait.share:.0%} | {scores}"
        )


def epoch_of(trainer: Trainer, index: int) -> str:
    """``epoch 3/20``: counted from 1, as people do."""
    last = "" if trainer.max_epochs in (None, -1) else f"/{trainer.max_epochs}"
    return f"epoch {index + 1}{last}"


def clock(seconds: float) -> str:
    """``h:mm:ss`` of a duration."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def progress_bar() -> ProgressBar:
    """The bar that suits the output: rich on a terminal, lines elsewhere."""
    return RichProgress() if Console().is_terminal else LineProgress()
