"""Pictures while training: what a restorer makes of the first validation samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback, LightningModule, Trainer

from blindsr.errors import ConfigError
from blindsr.imaging.resize import upsample
from blindsr.imaging.zoom_boxes import choose_boxes, crop_side

from .restoration_samples import sheet_sample

if TYPE_CHECKING:
    from blindsr.types import Batch

_CROPS = 2
_METHODS = ("bicubic", "SR")


class RestorationGrid(Callback):
    """Write one sheet of pictures per validation to ``<run>/pictures/restored_<step>.png``.

    Each sample shows the whole picture, its sigma maps where there are some, and crops of LR,
    bicubic, SR and HR with the PSNR of the picture. LR and bicubic are enlarged in the phase of the
    data's down-sampler. The crops lie where bicubic and HR differ most, so they stay in place
    during a training.

    Args:
        count: samples to show, the first of the validation set.

    Raises:
        ConfigError: in the first validation of a task that returns no SR image.
    """

    def __init__(self, count: int = 3) -> None:
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
        if not isinstance(outputs, Mapping) or "sr" not in outputs:
            raise ConfigError(
                "trainer.callbacks.RestorationGrid",
                found=f"{type(pl_module).__name__}, which returns no SR image",
                expected="a task that restores",
                fix="Use SampleGrid for an estimator.",
            )
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        room = self.count - len(self._samples)
        phase = getattr(getattr(trainer, "datamodule", None), "phase", 0.0)
        scale = int(pl_module.hparams["scale"])
        repeats = batch.get("repeat")
        for index in range(len(batch["lr"])):
            if room > 0 and (repeats is None or not bool(repeats[index])):
                self._samples.append(to_sheet(batch, outputs, index, scale=scale, phase=phase))
                room -= 1

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the sheet."""
        folder = trainer.log_dir  # a collective call: every rank has to make it
        if not self._samples or folder is None:
            return
        from blindsr.imaging.plot_restoration import save_restoration_sheet

        path = Path(folder) / "pictures" / f"restored_{trainer.global_step:07}.png"
        save_restoration_sheet(
            path,
            self._samples,
            methods=_METHODS,
            sigma_max=float(pl_module.hparams.get("sigma_max", 0.0)),
            title=f"step {trainer.global_step}",
        )
        for logger in trainer.loggers:
            if type(logger).__name__ == "WandbLogger":
                logger.log_image("val/restored", [str(path)], step=trainer.global_step)  # type: ignore[attr-defined]
        self._samples = []


def to_sheet(
    batch: Batch, outputs: Mapping[str, Any], index: int, *, scale: int, phase: float
) -> dict[str, Any]:
    """One sample for :func:`blindsr.imaging.plot_restoration.save_restoration_sheet`.

    Args:
        batch: with ``lr`` and ``hr``; ``name`` and ``blur`` are shown where there are some.
        outputs: ``sr`` (N, 3, s*h, s*w) and ``estimate``, an Estimate or ``None``.
        index: of the sample in the batch.
        scale: HR size over LR size.
        phase: see :func:`blindsr.imaging.resize.phase`.
    """
    bicubic = upsample(batch["lr"].float(), scale, phase=phase, method="bicubic")
    results = {"bicubic": bicubic, "SR": outputs["sr"]}
    estimate = outputs.get("estimate")
    sheet = sheet_sample(batch, results, index, scale=scale, phase=phase, estimate=estimate)
    sheet["scores"]["HR"] = "PSNR (Y)"
    images = sheet["images"]
    sheet["boxes"] = choose_boxes(
        images["bicubic"],
        [images["HR"]],
        reference=images["HR"],
        count=_CROPS,
        side=crop_side(*images["HR"].shape[:2]),
    )
    return sheet
