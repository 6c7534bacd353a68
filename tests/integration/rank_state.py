"""A callback that every rank writes its own state with."""

from pathlib import Path

import torch
from lightning.pytorch import Callback


class RankState(Callback):
    """Writes ``<folder>/rank<r>.pt``: weights before and after, names of the pictures, logs."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.names = []
        self.start = {}

    def on_train_start(self, trainer, pl_module):
        self.start = weights(pl_module)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.names.append([*batch["general"]["name"], *batch["blur"]["name"]])

    def on_train_end(self, trainer, pl_module):
        logged = {
            name.removeprefix("interpolation/"): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("interpolation/")
        }
        content = {"names": self.names, "logged": logged, "start": self.start}
        content["weights"] = weights(pl_module)
        torch.save(content, self.folder / f"rank{trainer.global_rank}.pt")


def weights(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}
