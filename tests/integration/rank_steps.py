"""A callback that every rank keeps its training steps with."""

from pathlib import Path

import torch
from lightning.pytorch import Callback


class RankSteps(Callback):
    """Writes ``<folder>/rank<r>.pt``: of every step the batch, weights before it, gradients.

    And the seed of what the task draws in it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.steps = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        weights = {name: p.detach().clone() for name, p in pl_module.named_parameters()}
        kept = {k: batch[k] for k in ("lr", "hr", "blur", "depth", "name") if k in batch}
        seed = pl_module.draws().initial_seed()
        self.steps.append({"batch": kept, "weights": weights, "seed": seed})

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.steps[-1]["gradients"] = {
            name: p.grad.clone() for name, p in pl_module.named_parameters() if p.grad is not None
        }

    def on_train_end(self, trainer, pl_module):
        torch.save(self.steps, self.folder / f"rank{trainer.global_rank}.pt")
