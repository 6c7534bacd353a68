"""A task of two small branches, and a callback that keeps what became of them."""

import copy

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from torch import nn

from blindsr.callbacks import WeightInterpolation


def branch():
    return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1))


class Branches(LightningModule):
    """Two branches with targets of their own and two optimisers, by hand."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.nets = nn.ModuleDict({"general": branch(), "blur": branch()})
        self.critic = nn.Linear(2, 2)

    def training_step(self, batch, _):
        targets = batch.square(), -batch
        for net, target, opt in zip(self.nets.values(), targets, self.optimizers(), strict=True):
            opt.zero_grad()
            self.manual_backward((net(batch) - target).abs().mean())
            opt.step()

    def configure_optimizers(self):
        return [torch.optim.Adam(net.parameters(), 0.01) for net in self.nets.values()]


class Recorder(Callback):
    """Weights and logged values after each batch; listed last."""

    def __init__(self):
        self.steps, self.logged = [], []

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.steps.append(copy.deepcopy(pl_module.nets.state_dict()))
        values = trainer.callback_metrics
        self.logged.append({k: float(v) for k, v in values.items() if "interpolation" in k})


def mixing(every=4, **settings):
    return WeightInterpolation("nets.general", "nets.blur", every, **settings)
