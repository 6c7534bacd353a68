"""What both processes of a group call beside commands; each writes what it saw."""

import json
import os
import sys
from pathlib import Path

import lightning
import torch
from tests.helpers.two_branches import Branches, Recorder, mixing
from torch.utils.data import DataLoader

from blindsr.data import Scenes

PAIR = {
    "accelerator": "cpu",
    "devices": 2,
    "max_epochs": 1,
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}


def imports(folder):
    """Whether wandb is loaded before a run needs it."""
    if os.environ["LOCAL_RANK"] != "0":  # one of them tells for both
        return
    from blindsr.callbacks import WandbLogger

    before = "wandb" in sys.modules
    WandbLogger(save_dir=folder).name_run("a", "b")
    seen = {"wandb": [before, "wandb" in sys.modules]}
    Path(folder, "imports.json").write_text(json.dumps(seen))


def interpolation(folder):
    """Two branches are trained and mixed."""
    torch.manual_seed(0)
    recorder = Recorder()
    trainer = lightning.Trainer(
        **PAIR,
        strategy="ddp_find_unused_parameters_true",
        callbacks=[mixing(every=2, lambda0=0.6), recorder],
    )
    trainer.fit(Branches(), DataLoader(torch.randn(20, 1, 6, 6), 2))
    path = Path(folder, f"interpolation{trainer.global_rank}.pt")
    torch.save((recorder.steps, recorder.logged), path)


class Probe(lightning.LightningModule):
    """Keeps names, whether they repeat others, and a fingerprint of each picture."""

    def __init__(self):
        super().__init__()
        self.weight, self.seen = torch.nn.Parameter(torch.zeros(1)), []

    def note(self, batch):
        repeats = batch["repeat"].tolist() if "repeat" in batch else []
        self.seen.append([batch["name"], repeats, batch["lr"].sum(dim=(1, 2, 3)).tolist()])

    def training_step(self, batch, _):
        self.note(batch)
        return self.weight.sum()

    def validation_step(self, batch, _):
        self.note(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def samples(folder):
    """Scenes are shared out and blurred on the fly, by workers."""
    task = Probe()
    trainer = lightning.Trainer(**PAIR, strategy="ddp", num_sanity_val_steps=0)
    counts = {"train_count": 5, "val_count": 3, "test_count": 1, "num_workers": 1}
    sizes = {"size": (32, 40), "batch_size": 3, "eval_batch_size": 1}
    trainer.fit(task, Scenes(**counts, **sizes, on_the_fly=True, iva=0.5))
    Path(folder, f"samples{trainer.global_rank}.json").write_text(json.dumps(task.seen))
