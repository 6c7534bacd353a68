"""The table at the end of a test run: methods, groups, and the mean over the groups."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from blindsr.imaging.files import atomic_path
from blindsr.types import counted

from .published_scores import FULL_GROUPS, FULL_IMAGES, paper_rows
from .score_rows import as_csv, as_json, as_markdown, as_table, rows_of

if TYPE_CHECKING:
    from blindsr.types import Batch

WIDE = 160
"""Characters of a line where there is no terminal: a file has room for all columns."""


class ScoreTable(Callback):
    """Print the scores of ``lightning test``; write them to the run's folder.

    Files: ``scores.json``, ``scores.csv`` and ``scores.md``. The figures of the paper stand in the
    table only when its full test set was scored; otherwise the title says how many images were.
    """

    def __init__(self) -> None:
        self._images: Counter[str] = Counter()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count from zero."""
        self._images = Counter()

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the images by group."""
        groups = batch.get("group", ["test"] * len(batch["lr"]))
        self._images.update(groups[index] for index in counted(batch))

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add up the images of all ranks."""
        if trainer.world_size == 1:
            return
        everyone: list[Counter[str]] = [Counter() for _ in range(trainer.world_size)]
        torch.distributed.all_gather_object(everyone, self._images)
        self._images = sum(everyone, Counter())

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print and write."""
        folder = trainer.log_dir  # a collective call: every rank has to make it
        if not trainer.is_global_zero:
            return
        own = getattr(pl_module, "title", type(pl_module).__name__)
        rows = rows_of({k: float(v) for k, v in trainer.callback_metrics.items()}, own)
        names = {name for row in rows for name in row.scores}
        data = type(getattr(trainer, "datamodule", None)).__name__
        paper = paper_rows(data, int(pl_module.hparams.get("scale", 0)), self._images, names)
        images = sum(self._images.values())
        title = f"{own}: {images} test images"
        if data == "NYUv2BSR" and not paper:
            title += f" (the paper's test set has {FULL_GROUPS} x {FULL_IMAGES})"
        console = table_console()
        console.print(as_table([*paper, *rows], title, width=console.width))
        if folder is None:
            return
        content = {"images": images, "images_by_group": dict(self._images), **as_json(rows, own)}
        files = {
            "scores.json": json.dumps(content, indent=2) + "\n",
            "scores.csv": as_csv(rows),
            "scores.md": as_markdown([*paper, *rows], title),
        }
        for name, text in files.items():
            with atomic_path(Path(folder) / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        console.print(f"scores written to {Path(folder) / 'scores.json'} (also .csv, .md)")


def table_console() -> Console:
    """Where tables are printed: the terminal, or wide lines into a file."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=WIDE)
