"""The table at the end of a test run: methods, groups, the mean over the groups.

The paper's figures are those of CMOS (CVPR 2023, arXiv 2304.03542): means over the five test groups
of NYUv2-BSR, 654 images each, and of Cityscapes-BSR, 1525 each. They stand beside ours where the
same images were scored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from blindsr.imaging.files import atomic_path
from blindsr.metrics.picture_scores import PictureScores
from blindsr.metrics.score_rows import (
    MEAN,
    Row,
    as_csv,
    as_json,
    as_markdown,
    as_table,
    as_values,
    rows_of,
)
from blindsr.metrics.score_sheet import ScoreSheet
from blindsr.types import counted

if TYPE_CHECKING:
    from blindsr.types import Batch

WIDE = 160
"""Characters of a line where there is no terminal: a file has room for all columns."""
FULL_GROUPS = 5


class PaperTable(NamedTuple):
    """What a paper printed of one data set."""

    images: int
    """In each of the five test groups."""
    rows: tuple[Row, ...]


def _row(method: str, psnr: float, ssim: float) -> Row:
    return Row(f"paper: {method}", MEAN, {"psnr": psnr, "ssim": ssim})


PAPER = {
    "NYUv2BSR": PaperTable(
        654,
        (
            _row("KernelGAN + ZSSR", 23.15, 0.7446),
            _row("KOALAnet", 27.70, 0.8758),
            _row("DCLS", 27.89, 0.8781),
            _row("DAN", 27.90, 0.8791),
            _row("MANet + RRDB-SFT", 30.12, 0.9106),
            _row("CMOS + RRDB-SFT", 32.03, 0.9154),
            _row("RRDB-SFT, true maps", 33.75, 0.9300),
            Row("paper: CMOS", MEAN, {"blur_psnr": 24.52, "blur_ssim": 0.8340, "miou": 0.3561}),
        ),
    ),
    "CityscapesBSR": PaperTable(
        1525,
        (
            _row("KernelGAN + ZSSR", 28.96, 0.8469),
            _row("KOALAnet", 32.38, 0.9166),
            _row("DCLS", 32.39, 0.9167),
            _row("DAN", 32.32, 0.9156),
            _row("MANet + RRDB-SFT", 34.25, 0.9287),
            _row("CMOS + RRDB-SFT", 35.58, 0.9383),
        ),
    ),
}
"""By class of the data: its Tables 2 and 3, and what it says of the maps."""


def paper_rows(data: str, scale: int, images: Mapping[str, int], scores: set[str]) -> list[Row]:
    """Rows of the paper that may stand beside ours; none unless the full test set was scored.

    Args:
        data: class name of the data.
        scale: HR size over LR size.
        images: number of images scored by group.
        scores: names of our scores; rows that share none are left out.
    """
    paper = PAPER.get(data)
    if paper is None or scale != 4 or len(images) != FULL_GROUPS:
        return []
    if any(count != paper.images for count in images.values()):
        return []
    return [row for row in paper.rows if scores & set(row.scores)]


class ScoreTable(Callback):
    """Print the scores of ``lightning test``; write them to the run's folder.

    Files: ``scores.json``, ``scores.csv`` and ``scores.md``, and ``pictures.json`` with the scores
    of every image. The figures of the paper stand in the table only when its full test set was
    scored; otherwise the title says how many images were. In Jupyter the callback shows the table
    of the last test.

    Args:
        printed: print the table, or only write it.

    Attributes:
        pictures: scores of every image of the last test.
        paper: rows of the paper that may stand beside them.
    """

    def __init__(self, *, printed: bool = True) -> None:
        self.printed = printed
        self.pictures = PictureScores()
        self.paper: list[Row] = []
        self.sheet: ScoreSheet | None = None

    def _repr_html_(self) -> str | None:
        """For Jupyter: the last table; nothing before the first test."""
        return None if self.sheet is None else self.sheet._repr_html_()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self.pictures = PictureScores()

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Remember the names of the images by group."""
        groups = batch.get("group", ["test"] * len(batch["lr"]))
        names = batch.get("name", [""] * len(batch["lr"]))
        for index in counted(batch):
            self.pictures.names.setdefault(groups[index], []).append(names[index])

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the scores of every image, those of all ranks together."""
        collectors = getattr(pl_module, "collectors", None)  # a task of the user's may have none
        self.pictures.take(collectors() if callable(collectors) else {})
        if trainer.world_size == 1:
            return
        everyone = [PictureScores() for _ in range(trainer.world_size)]
        torch.distributed.all_gather_object(everyone, self.pictures)
        self.pictures = everyone[0]
        for other in everyone[1:]:
            self.pictures.add(other)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print and write."""
        folder = trainer.log_dir  # a collective call: every rank has to make it
        if not trainer.is_global_zero:
            return
        own = getattr(pl_module, "title", type(pl_module).__name__)
        rows = rows_of({k: float(v) for k, v in trainer.callback_metrics.items()}, own)
        names = {name for row in rows for name in row.scores}
        data = type(getattr(trainer, "datamodule", None)).__name__
        by_group = {group: len(found) for group, found in self.pictures.names.items()}
        self.paper = paper_rows(data, int(pl_module.hparams.get("scale", 0)), by_group, names)
        images, paper = sum(by_group.values()), self.paper
        title = f"{own}: {images} test images"
        if data in PAPER and not paper:
            title += f" (the paper's test set has {FULL_GROUPS} x {PAPER[data].images})"
        self.sheet = ScoreSheet([*paper, *rows], title)
        console = table_console()
        if self.printed:
            console.print(as_table([*paper, *rows], title, width=console.width))
        for logger in trainer.loggers:
            if hasattr(logger, "log_table"):  # of Lightning's, that of Weights & Biases alone
                titles, cells = as_values(rows)
                logger.log_table("test/scores", columns=titles, data=cells)
        if folder is None:
            return
        content = {"images": images, "images_by_group": by_group, **as_json(rows, own)}
        files = {
            "scores.json": json.dumps(content, indent=2) + "\n",
            "scores.csv": as_csv(rows),
            "scores.md": as_markdown([*paper, *rows], title),
            "pictures.json": json.dumps(self.pictures.plain()) + "\n",
        }
        for name, text in files.items():
            with atomic_path(Path(folder) / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        if self.printed:
            console.print(f"scores written to {Path(folder) / 'scores.json'} (also .csv, .md)")


def table_console() -> Console:
    """Where tables are printed: the terminal, or wide lines into a file."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=WIDE)
