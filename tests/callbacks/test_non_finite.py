import copy

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from blindsr.callbacks import SkipNonFinite
from blindsr.errors import DataError


class Net(LightningModule):
    """A convolution and a batch norm; remembers its weights after every step."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
        self.history = []

    def training_step(self, batch, batch_idx):
        return self.network(batch["lr"]).square().mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.1)

    def on_train_batch_end(self, outputs, batch, batch_idx):
        optimizer = self.optimizers()
        self.history.append(copy.deepcopy((self.network.state_dict(), optimizer.state_dict())))


def fit(bad, tmp_path, patience=10):
    samples = []
    for index in range(12):
        image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(index))
        samples.append({"lr": image * float("nan") if index in bad else image, "name": f"s{index}"})
    model, guard = Net(), SkipNonFinite(patience)
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        callbacks=[guard],
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(model, DataLoader(samples, batch_size=2))
    return model, guard


def equal(first, second):
    flat_first = torch.utils._pytree.tree_leaves(first)
    flat_second = torch.utils._pytree.tree_leaves(second)
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for a, b in zip(flat_first, flat_second, strict=True)
    )


def test_a_bad_step_changes_nothing_and_the_next_one_trains(tmp_path):
    model, guard = fit({4}, tmp_path)  # step 2 of six
    assert guard.skipped == 1
    assert equal(model.history[1], model.history[2])
    assert not equal(model.history[2], model.history[3])
    assert all(torch.isfinite(value).all() for value in model.network.state_dict().values())


def test_patience_ends_the_run_and_names_the_samples(tmp_path):
    with pytest.raises(DataError, match=r"3 steps in a row .*s4, s5, s6, s7, s8, s9"):
        fit(set(range(4, 12)), tmp_path, patience=3)


def test_a_good_step_in_between_starts_the_count_again(tmp_path):
    _, guard = fit({0, 4, 8}, tmp_path, patience=2)
    assert guard.skipped == 3
