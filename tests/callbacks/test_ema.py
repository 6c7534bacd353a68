"""The average of the weights: what moves is averaged, what stands still stays bit for bit."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from blindsr.callbacks import EMA
from blindsr.errors import ConfigError

DECAY = 0.7


class Walk(LightningModule):
    """One weight that grows by 1 each step, beside frozen numbers."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.frozen = torch.nn.Parameter(torch.randn(1000), requires_grad=False)
        self.register_buffer("seen", torch.randn(1000))
        self.register_buffer("count", torch.tensor(7))

    def training_step(self, batch, _):
        return -self.weight

    def configure_optimizers(self):
        return torch.optim.SGD([self.weight], lr=1.0)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_average_is_saved_and_frozen_parts_stay(tmp_path):
    torch.manual_seed(0)
    model = Walk()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[EMA(DECAY)], default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(model, DataLoader(torch.zeros(20, 1)))
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)["state_dict"]
    for name in ("frozen", "seen", "count"):
        assert torch.equal(saved[name], before[name]), name
    average, weight = 0.0, 0.0
    for step in range(20):
        weight += 1
        average = weight if step == 0 else DECAY * average + (1 - DECAY) * weight
    assert float(saved["weight"]) == pytest.approx(average, abs=1e-4)


class Measured(Walk):
    """With a number that validations measure."""

    measured = ("count",)

    def validation_step(self, batch, _):
        pass

    def on_validation_epoch_end(self):
        self.count.fill_(9)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_what_a_validation_measures_is_saved_with_the_average(tmp_path):
    model, loader = Measured(), DataLoader(torch.zeros(3, 1))
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[EMA(DECAY)], default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(model, loader, loader)
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    assert int(torch.load(tmp_path / "end.ckpt", weights_only=True)["state_dict"]["count"]) == 9
    assert int(model.count) == 9


def test_a_senseless_decay_is_refused():
    with pytest.raises(ConfigError, match=r"decay: 2"):
        EMA(2)
