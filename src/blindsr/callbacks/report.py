"""The table at the end of a test run: one row per group and the mean over the groups."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blindsr.imaging.io import atomic_path

TITLES = {"blur_psnr": "blur PSNR [dB]", "blur_ssim": "blur SSIM", "miou": "mIoU"}
DECIMALS = {"blur_psnr": 2, "blur_ssim": 4, "miou": 4}


def scores_by_group(metrics: dict[str, float]) -> dict[str, dict[str, float]]:
    """Turn ``test/<group>/<score>`` and ``test/<score>`` into rows; the mean is called ``mean``."""
    rows: dict[str, dict[str, float]] = {}
    for key, value in metrics.items():
        parts = key.split("/")
        if parts[0] == "test" and len(parts) in (2, 3):
            group = parts[1] if len(parts) == 3 else "mean"
            rows.setdefault(group, {})[parts[-1]] = float(value)
    if "mean" in rows:  # last, whatever the order of logging
        rows["mean"] = rows.pop("mean")
    return rows


def show(name: str, value: float | None) -> str:
    """A score with its usual decimals, a dash where it is undefined."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{DECIMALS.get(name, 3)}f}"


def as_table(rows: dict[str, dict[str, float]], title: str) -> Table:
    """Rich table of the rows."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    table = Table(title=title, title_justify="left")
    table.add_column("group")
    for name in names:
        table.add_column(Text(TITLES.get(name, name)), justify="right")
    for group, row in rows.items():
        if group == "mean":
            table.add_section()
        table.add_row(group, *(show(name, row.get(name)) for name in names))
    return table


class ScoreTable(Callback):
    """Print the scores of ``lightning test``; write them to ``scores.json`` in the run's folder."""

    def __init__(self) -> None:
        self._images = 0

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count from zero."""
        self._images = 0

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: dict,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the images."""
        repeat = batch.get("repeat")
        self._images += len(batch["lr"]) - (0 if repeat is None else int(repeat.sum()))

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add up the images of all ranks."""
        count = torch.tensor(float(self._images), device=pl_module.device)
        self._images = int(trainer.strategy.reduce(count, reduce_op="sum"))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print and write."""
        folder = trainer.log_dir  # a collective call: every rank has to make it
        if not trainer.is_global_zero:
            return
        rows = scores_by_group({k: float(v) for k, v in trainer.callback_metrics.items()})
        title = f"{type(pl_module).__name__} on {self._images} test images"
        Console().print(as_table(rows, title))
        if folder is None:
            return
        finite = {
            group: {name: None if math.isnan(v) else v for name, v in row.items()}
            for group, row in rows.items()
        }
        path = Path(folder) / "scores.json"
        with atomic_path(path) as temporary:
            temporary.write_text(
                json.dumps({"images": self._images, "scores": finite}, indent=2) + "\n",
                encoding="utf-8",
            )
        Console().print(f"scores written to {path}", highlight=False, soft_wrap=True)
