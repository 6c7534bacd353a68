"""A small task of PBaSR with random data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer, seed_everything

from blindsr.data import PBaSRScenes
from blindsr.tasks import PBaSRTask

TINY = {"arch": "esrgan", "init_args": {"num_filters": 8, "num_blocks": 1}}


def task(**options: Any) -> PBaSRTask:
    settings: dict[str, Any] = {
        "anchor": TINY,
        "losses": {"perceptual": 0.0},
        "discriminator_features": 8,
        "learning_rate": 1e-3,
        **options,
    }
    seed_everything(0)
    return PBaSRTask(**settings)


def data(**options: Any) -> PBaSRScenes:
    settings = {"train_count": 4, "val_count": 2, "test_count": 2, "size": (64, 64), "crop": 32}
    return PBaSRScenes(**{**settings, "batch_size": 2, "operator": "gather", **options})


def trainer(folder: Path, **options: Any) -> Trainer:
    settings: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 1,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "num_sanity_val_steps": 0,
        "default_root_dir": folder,
    }
    return Trainer(**{**settings, **options})


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}
