"""Pictures while training: what the network says about the first validation samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from blindsr.imaging.resize import upsample

if TYPE_CHECKING:
    from blindsr.types import Batch, Estimate


class SampleGrid(Callback):
    """Write one picture strip per validation to ``<run>/pictures/step_<n>.png``.

    Columns: LR, true and estimated sigma on one fixed scale, their difference, true and estimated
    classes. LR is enlarged in the phase of the data's down-sampler, so that columns coincide.

    Args:
        count: samples to show, the first of the validation set.
    """

    def __init__(self, count: int = 4) -> None:
        self.count = count
        self._samples: list[dict[str, Any]] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the samples of the last validation."""
        self._samples = []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the first samples."""
        if trainer.is_global_zero and not trainer.sanity_checking and outputs is not None:
            room = self.count - len(self._samples)
            phase = getattr(getattr(trainer, "datamodule", None), "phase", 0.0)
            scale = int(pl_module.hparams.get("scale", 1))
            for index in range(min(room, len(batch["lr"]))):
                self._samples.append(to_strip(batch, outputs, index, scale=scale, phase=phase))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the strip."""
        folder = trainer.log_dir  # a collective call: every rank has to make it
        if not self._samples or folder is None:
            return
        from blindsr.imaging.plot import save_blur_strips

        path = Path(folder) / "pictures" / f"step_{trainer.global_step:07}.png"
        data = getattr(trainer, "datamodule", None)
        save_blur_strips(
            path,
            self._samples,
            sigma_max=float(pl_module.hparams["sigma_max"]),
            class_names=getattr(data, "class_names", None),
            title=f"step {trainer.global_step}",
        )
        for logger in trainer.loggers:
            if type(logger).__name__ == "WandbLogger":
                logger.log_image("val/strip", [str(path)], step=trainer.global_step)  # type: ignore[attr-defined]
        self._samples = []


def to_strip(
    batch: Batch, estimate: Estimate, index: int, *, scale: int, phase: float
) -> dict[str, Any]:
    """Arrays of one sample for :func:`blindsr.imaging.plot.save_blur_strips`."""
    lr = batch["lr"][index].float().permute(1, 2, 0).cpu().numpy()
    strip: dict[str, Any] = {
        "lr": np.clip(upsample(lr, scale, phase=phase, method="nearest"), 0, 1),
        "name": batch["name"][index] if "name" in batch else str(index),
    }
    if "blur" in batch:
        strip["blur"] = batch["blur"][index, 0].float().cpu().numpy()
    if "seg" in batch:
        strip["seg"] = batch["seg"][index].cpu().numpy()
    if estimate.blur is not None:
        strip["blur_estimate"] = estimate.blur[index, 0].float().cpu().numpy()
    if estimate.seg_logits is not None:
        strip["seg_estimate"] = estimate.seg_logits[index].argmax(0).cpu().numpy()
    return strip
