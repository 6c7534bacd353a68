"""Stage 1 of CMOS (CVPR 2023): train the estimator of sigma map and class map."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning.pytorch.strategies import FSDPStrategy, Strategy
from torch import Tensor

from blindsr.errors import ConfigError
from blindsr.networks import CMOS, load_imagenet
from blindsr.networks.settings.build import build
from blindsr.types import Estimate

from .estimation import EstimationTask

if TYPE_CHECKING:
    from collections.abc import Sequence

LOSS_WEIGHTS = {
    "released": {"blur": 1.0, "seg": 1.0, "aux_blur": 0.5, "aux_seg": 0.5},
    "paper": {"blur": 1.0, "seg": 1.0, "aux_blur": 1.0, "aux_seg": 1.0},
}
"""Named weightings: that of the released code, and the plain sum of the paper's eq. 14."""
CHANNELS_INNERMOST = ("cpu", "cuda")
"""Devices on which that layout was measured to be the fastest one."""


class CMOSTask(EstimationTask):
    """Train and score :class:`blindsr.networks.CMOS`.

    Args:
        num_classes: classes of the semantic map; follows the data on the command line. 0, of
            data without labels, turns ``tasks: both`` into ``blur``, and says so.
        scale: HR size over LR size; follows the data.
        sigma_max: largest sigma of the data in HR pixels, divides blur scores; follows the data.
        window_layout: how GIA puts its windows back: ``"fixed"``, or ``"legacy"`` to reproduce and
            continue the officially released weights.
        backbone: ``"hrnet_w18_small_v2"`` as in the paper, ``"pyramid_small"``, a small one for
            demonstrations and tests, an encoder of segmentation-models-pytorch (``resnet18``), or
            ``tu-`` and a model of timm.
        gia_parts: streams of GIA that are on: ``"FCS"`` (all), ``"FC"``, ``"F"`` or ``""``.
        window: rows and columns of the attention windows; 15x20 suits LR images of 120x160.
        tasks: ``"both"``, or ``"blur"`` or ``"seg"`` alone (ablation).
        auxiliary: supervise the finest heads as well; ``False`` is an ablation.
        inputs: what the backbone sees: ``"rgb"`` as released, ``"gradients"`` (how much gradient is
            left after blurs; from it blur is learnt within minutes), or ``"both"``.
        norm: ``"batch"`` as released, or ``"pixel"``: every pixel over its own channels, nothing
            over the picture or the batch.
        pretrained: ``True`` for the ImageNet backbone through timm's hub, a path for one from a
            local file, ``False`` to begin from random weights.
        losses: ``"released"`` weighs auxiliary losses by 0.5, ``"paper"`` takes the plain sum
            (eq. 14).
        loss_weights: weights by name (``blur``, ``seg``, ``aux_blur``, ``aux_seg``) that replace
            single values of ``losses``.
        warmup_steps: optimiser steps of linear warm-up.
        options: see the base classes.

    Raises:
        ConfigError: if ``loss_weights`` names a loss that does not exist.
    """

    network: CMOS
    title = "CMOS"
    architecture = tuple(inspect.signature(CMOS).parameters)
    bf16_on_cpu = True
    """A step is faster so on a CPU that computes with it; alone, it is slower on an H100."""

    def __init__(
        self,
        num_classes: int = 40,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        window_layout: Literal["fixed", "legacy"] = "fixed",
        backbone: str = "hrnet_w18_small_v2",
        gia_parts: Literal["FCS", "FC", "F", ""] = "FCS",
        window: tuple[int, int] = (15, 20),
        tasks: Literal["both", "blur", "seg"] = "both",
        auxiliary: bool = True,
        inputs: Literal["rgb", "gradients", "both"] = "rgb",
        norm: Literal["batch", "pixel"] = "batch",
        pretrained: bool | str = False,
        losses: Literal["released", "paper"] = "released",
        loss_weights: dict[str, float] | None = None,
        warmup_steps: int = 1000,
        **options: Any,
    ) -> None:
        super().__init__(warmup_steps=warmup_steps, **options)
        self.leave_out_classes(CMOS)
        self.loss_weights = _merge_loss_weights(losses, loss_weights)
        self.network = build(CMOS, self.hparams)
        self._start_from = pretrained  # until they are loaded

    def forward(self, lr: Tensor) -> Estimate:
        """See the base class."""
        return super().forward(_channels_innermost(lr))

    def estimate_to_learn(self, lr: Tensor) -> Estimate:
        """See the base class."""
        return self.network(_channels_innermost(lr), enlarge_classes=False)

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Give the backbone of a fresh training its ImageNet weights, once.

        Raises:
            FileError, WeightsError: if they cannot be had; the command line asks for them before
                the run leaves any trace.
        """
        if stage == "fit" and self._start_from and not resumed:
            self._require_released_form()
            load_imagenet(self.network.backbone, self._start_from)
            self._start_from = False

    def _require_released_form(self) -> None:
        for name, released in (("inputs", "rgb"), ("norm", "batch")):
            if self.hparams[name] != released:
                raise ConfigError(
                    "model.pretrained",
                    found=f"ImageNet weights for {name}: {self.hparams[name]}",
                    expected=f"{name}: {released}, as they were trained",
                    fix="Set --model.pretrained false.",
                )

    def setup(self, stage: str) -> None:
        """Check the data; in a fresh training load the ImageNet backbone."""
        super().setup(stage)
        if stage == "fit" and _keeps_layouts(self.trainer.strategy):
            self.network.to(memory_format=torch.channels_last)  # as the features
        self.preflight(stage, resumed=self.trainer.ckpt_path is not None)


def _keeps_layouts(strategy: Strategy) -> bool:
    """Whether weights may have their channels innermost.

    FSDP lays them out flat as they lie in memory, but Adam's moments of a checkpoint by rows and
    columns: a resumed run would take those of one weight for another's.
    """
    return strategy.root_device.type in CHANNELS_INNERMOST and not isinstance(
        strategy, FSDPStrategy
    )


def _channels_innermost(lr: Tensor) -> Tensor:
    """The layout in which a step is fastest: on an H100 too, by a fifth in float32."""
    if lr.device.type in CHANNELS_INNERMOST:
        return lr.contiguous(memory_format=torch.channels_last)
    return lr


def _merge_loss_weights(preset: str, changes: dict[str, float] | None) -> dict[str, float]:
    weights = dict(LOSS_WEIGHTS[preset])
    unknown = sorted(set(changes or ()) - set(weights))
    if unknown:
        raise ConfigError(
            "model.loss_weights",
            found=f"{_listed(unknown)}",
            expected=f"names among {_listed(list(weights))}",
        )
    return weights | (changes or {})


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
