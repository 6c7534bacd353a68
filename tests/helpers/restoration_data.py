"""Random samples with all keys, and trainers for tests of the restoration tasks."""

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from blindsr.types import DataFacts

RESTORER = {
    "code_length": 4,
    "features": 8,
    "growth": 4,
    "blocks": 1,
    "condition": "lr",
    "window": (4, 4),
}
ESTIMATOR = {"backbone": "pyramid_small", "window": (4, 4), "gia_parts": "F"}


class Fake(LightningDataModule):
    """Samples of LR 16x16; keys may be left out."""

    def __init__(self, *, without=(), groups=("test",), count=4, scale=4, num_classes=6):
        super().__init__()
        self.without, self.count, self.group_names = without, count, groups
        names = tuple("abcdef") if num_classes == 6 else ()
        self.facts = DataFacts(scale, 0.0, "sfold", 5.0, 21, num_classes, names)

    def sample(self, index):
        draw = torch.Generator().manual_seed(index)
        hr = torch.rand(3, 64, 64, generator=draw)
        sample = {
            "lr": hr[:, ::4, ::4],
            "hr": hr,
            "blur": 5 * torch.rand(1, 64, 64, generator=draw),
            "seg": torch.randint(0, 6, (64, 64), generator=draw),
            "name": f"{index:04}",
            "group": self.group_names[index % len(self.group_names)],
        }
        return {key: value for key, value in sample.items() if key not in self.without}

    def train_dataloader(self):
        return DataLoader([self.sample(i) for i in range(self.count)], batch_size=2)

    val_dataloader = test_dataloader = predict_dataloader = train_dataloader


class WithDepth(Fake):
    """With depth, as bicubic data."""

    def __init__(self, **options):
        super().__init__(**options)
        self.facts = DataFacts(4, 1.5, "bicubic", 5.0, 21)

    def sample(self, index):
        sample = super().sample(index)
        draw = torch.Generator().manual_seed(100 + index)
        sample["depth"] = 1 + 4 * torch.rand(1, 64, 64, generator=draw)
        sample["lr"] = torch.nn.functional.avg_pool2d(sample["hr"], 4)
        return {key: value for key, value in sample.items() if key not in self.without}


def trainer(folder, **options):
    settings = {"max_epochs": 1, "accelerator": "cpu", "logger": False}
    return Trainer(
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        **settings | options,
    )
