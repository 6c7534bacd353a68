"""Draws the first validation samples during training: inputs, estimates, restorations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback, LightningModule, Trainer

from blindsr.drawing.samples import save_samples
from blindsr.errors import ConfigError
from blindsr.imaging.files import to_uint8
from blindsr.types import IGNORE_INDEX, DrawsSamples, counted

if TYPE_CHECKING:
    from blindsr.types import Batch, PictureSample

WANDB_KEY, WANDB_CLASSES = "val/pictures", "val/classes"


class Pictures(Callback):
    """Write one picture per validation to ``<run>/pictures/step_<n>.png``.

    The task says what there is to see of a sample (:class:`blindsr.types.DrawsSamples`): an
    estimator LR, true and estimated sigma, their difference and the classes; a restorer the whole
    picture, its sigma maps where there are some, and crops of LR, bicubic, SR and HR with the PSNR.
    Samples that only fill up a rank are not drawn. Where several processes validate, the first one
    draws samples of its own share. Weights & Biases gets the picture as ``val/pictures``, and
    classes as masks that can be switched on and off as ``val/classes``.

    Args:
        count: samples to show, the first of the validation set; 0 draws nothing.

    Raises:
        ConfigError: if ``count`` is negative; before a training or validation of a task that has
            nothing to show.
    """

    def __init__(self, count: int = 4) -> None:
        if count < 0:
            raise ConfigError(
                "trainer.callbacks.Pictures.count", found=str(count), expected="0 or more"
            )
        self.count = count
        self._samples: list[PictureSample] = []

    def preflight(self, stage: str, pl_module: LightningModule) -> None:
        """Refuse a task without pictures before a run leaves a trace."""
        if stage in ("fit", "validate") and not isinstance(pl_module, DrawsSamples):
            raise ConfigError(
                "trainer.callbacks.Pictures",
                found=f"{type(pl_module).__name__}, which has nothing to show",
                expected="a task with a method picture_sample",
                fix="Remove the callback, or give the task that method "
                "(blindsr.types.DrawsSamples).",
            )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check the task where no command line did."""
        self.preflight(stage, pl_module)

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
        if not trainer.is_global_zero or trainer.sanity_checking or outputs is None:
            return
        assert isinstance(pl_module, DrawsSamples)  # setup has refused others
        for index in counted(batch)[: self.count - len(self._samples)]:
            self._samples.append(pl_module.picture_sample(batch, outputs, index))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the picture."""
        folder = trainer.log_dir  # a collective call: every rank has to make it
        if not self._samples or folder is None:
            return
        step = trainer.global_step
        path = Path(folder) / "pictures" / f"step_{step:07}.png"
        own = getattr(pl_module, "title", type(pl_module).__name__)
        save_samples(path, self._samples, title=f"{own}, step {step}")
        for logger in trainer.loggers:
            if hasattr(logger, "log_image"):  # of Lightning's, that of Weights & Biases alone
                logger.log_image(WANDB_KEY, [str(path)], step=step)
                log_class_maps(logger, self._samples, step)
        self._samples = []


def log_class_maps(logger: Any, samples: list[PictureSample], step: int) -> None:
    """Give the site LR pictures with the true and the estimated classes, to be switched there."""
    shown = [sample for sample in samples if "seg_estimate" in sample and "lr" in sample]
    if not shown:
        return
    masks = []
    for sample in shown:
        labels = {**dict(enumerate(sample.get("class_names", ()))), IGNORE_INDEX: "no label"}
        maps = {"estimated": sample["seg_estimate"], "true": sample.get("seg")}
        masks.append(
            {
                name: {"mask_data": seg, "class_labels": labels}
                for name, seg in maps.items()
                if seg is not None
            }
        )
    logger.log_image(
        WANDB_CLASSES,
        [to_uint8(sample["lr"]) for sample in shown],
        step=step,
        masks=masks,
        caption=[sample.get("name", "") for sample in shown],
    )
