"""The precision of a training that its configuration leaves open."""

from __future__ import annotations

import torch
from jsonargparse import Namespace
from lightning.pytorch import LightningModule

from blindsr.networks.fast.bf16 import processor_has_bf16

HALF = "bf16-mixed"


def by_hardware(trainer: Namespace, model: LightningModule) -> str | None:
    """bfloat16 where a step was measured to be faster with it, else ``None``: Lightning's float32.

    Args:
        trainer: settings of the trainer. Whoever names a precision or an accelerator gets it.
        model: to be trained; its class says with ``bf16_on_cpu`` that it was measured.
    """
    named = trainer.get("precision") is not None or trainer.get("accelerator") != "auto"
    if named or torch.accelerator.is_available() or not getattr(model, "bf16_on_cpu", False):
        return None
    return HALF if processor_has_bf16() else None
