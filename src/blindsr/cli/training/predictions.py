"""Files of ``lightning predict``: the same that ``upscale`` and ``estimate`` write."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from blindsr.cli.pictures.map_files import MapFacts, open_maps
from blindsr.errors import ConfigError, FileError
from blindsr.imaging.files import to_uint8
from blindsr.photo.formats import Layout
from blindsr.photo.writer import open_writer
from blindsr.tasks.base import RestorationTask
from blindsr.types import Estimate

FOLDER = "predictions"
"""In the run's folder, where no other was asked for."""


class PredictionFiles(BasePredictionWriter):
    """Write ``<group>/<name>.png``, and ``_sigma``, ``_classes``, ``_preview`` of its maps.

    Args:
        folder: ``None`` for :data:`FOLDER` in the run's folder.

    Raises:
        FileError: the folder holds something.
        ConfigError: in the first batch, if the model predicts neither pictures nor maps.
    """

    def __init__(self, folder: str | Path | None) -> None:
        super().__init__("batch")
        self.folder = None if folder is None else Path(folder)
        self._pictures = 0
        if self.folder is not None and not _is_free(self.folder):
            raise FileError(
                self.folder,
                found="not an empty folder",
                expected="one for predictions alone",
                fix="Give another --out.",
            )

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the folder."""
        run = trainer.log_dir  # a collective call: every rank has to make it
        if self.folder is None:
            self.folder = Path(run or trainer.default_root_dir) / FOLDER

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write the pictures of a batch."""
        sr, estimate = _parts(prediction, type(pl_module).__name__)
        repeats = batch.get("repeat")
        settings = pl_module.hparams
        data = pl_module.facts if isinstance(pl_module, RestorationTask) else None
        facts = MapFacts(
            int(settings.get("scale", 1)),
            float(settings.get("sigma_max", 5.0)),
            () if data is None else data.class_names,
        )
        for index in range(len(batch["lr"])):
            if repeats is not None and bool(repeats[index]):
                continue
            name = batch["name"][index] if "name" in batch else f"{batch_idx:06}_{index:03}"
            group = batch["group"][index] if "group" in batch else ""
            base = self._base(str(group), str(name))
            if sr is not None:
                _write_picture(base.with_name(f"{base.name}.png"), sr[index])
            if estimate is not None:
                _write_maps(base, batch["lr"][index], estimate, index, facts)
            self._pictures += 1

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say where they are."""
        count = torch.tensor(float(self._pictures), device=pl_module.device)
        total = int(torch.as_tensor(trainer.strategy.reduce(count, reduce_op="sum")))
        if trainer.is_global_zero:
            sys.stdout.write(f"predictions of {total} pictures written to {self.folder}\n")

    def _base(self, group: str, name: str) -> Path:
        """Folder and stem; a name stays inside the folder whatever it says."""
        parts = [p for p in PurePosixPath(group, name.lstrip("/")).parts if p not in ("/", "..")]
        return Path(self.folder or FOLDER, *parts)


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _parts(prediction: Any, model: str) -> tuple[Tensor | None, Estimate | None]:
    """SR images and estimate of what a task predicts."""
    if isinstance(prediction, Estimate):
        return None, prediction
    if isinstance(prediction, Tensor) and prediction.ndim == 4:
        return prediction, None
    if isinstance(prediction, tuple) and len(prediction) == 2:
        return prediction
    raise ConfigError(
        "predict",
        found=f"{model}, which returns a {type(prediction).__name__}",
        expected="a task that returns pictures or maps",
    )


def _write_picture(path: Path, image: Tensor) -> None:
    rows = to_uint8(image.float().permute(1, 2, 0).cpu().numpy())
    height, width, channels = rows.shape
    with open_writer(path, width=width, height=height, layout=Layout(channels, 8)) as writer:
        writer.write(rows)


def _write_maps(base: Path, lr: Tensor, estimate: Estimate, index: int, facts: MapFacts) -> None:
    blur, seg_logits, error = estimate.blur, estimate.seg_logits, estimate.blur_scale
    picture = lr.float().permute(1, 2, 0).cpu().numpy()
    with open_maps(base, picture, facts) as maps:
        maps.add(
            0,
            None if blur is None else blur[index, 0].float().cpu().numpy(),
            None
            if seg_logits is None
            else seg_logits[index].argmax(0).to(torch.uint8).cpu().numpy(),
            None if error is None else error[index, 0].float().cpu().numpy(),
        )
        maps.finish()
