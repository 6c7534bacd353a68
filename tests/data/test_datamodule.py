"""Order and augmentation depend on (seed, epoch, item), not on workers or on resuming."""

import lightning
import pytest
import torch

from blindsr.data import NYUv2BSR
from blindsr.data.sampler import SeededSampler

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*",  # advice for speed; these sets have five pictures
    "ignore:The number of training batches.*",  # about logging
)


def test_sampler_counts_epochs():
    sampler = SeededSampler(20, seed=3)
    epochs = [list(sampler) for _ in range(3)]
    assert all(sorted(draw.item for draw in epoch) == list(range(20)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    seeds = [{draw.item: draw.seed for draw in epoch} for epoch in epochs]
    assert not set(seeds[0].values()) & set(seeds[1].values())
    sampler.set_epoch(1)
    assert list(sampler) == epochs[1]
    assert list(SeededSampler(20, seed=3, epoch=2)) == epochs[2]
    assert list(SeededSampler(20, seed=4)) != epochs[0]


class Recorder(lightning.LightningModule):
    """Keeps what it is trained on: (epoch, names, a fingerprint of the pixels)."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def training_step(self, batch, _):
        self.seen.append((self.current_epoch, tuple(batch["name"]), batch["lr"].sum().item()))
        return self.weight.sum()

    def validation_step(self, batch, _):
        assert batch["group"] == ["Group1"]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def train(root, folder, *, epochs, num_workers=0, resume=None, seed=0):
    data = NYUv2BSR(
        root=str(root), batch_size=2, num_workers=num_workers, crop=[5, 5], seed=seed,
        vertical_flip=True, validation="group1", holdout=0.1,
    )  # fmt: skip
    task = Recorder()
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(task, data, ckpt_path=resume)
    checkpoint = folder / f"after_{epochs}.ckpt"
    trainer.save_checkpoint(checkpoint)
    return task.seen, checkpoint


def test_same_batches_whatever_the_workers_and_after_resuming(prepared, tmp_path):
    whole, _ = train(prepared, tmp_path, epochs=3)
    assert len(whole) == 6
    assert len({fingerprint for *_, fingerprint in whole}) == 6  # every draw differs
    torch.manual_seed(123)  # the global seed has no part in it
    with_workers, _ = train(prepared, tmp_path, epochs=3, num_workers=2)
    assert with_workers == whole
    begun, checkpoint = train(prepared, tmp_path, epochs=1)
    resumed, _ = train(prepared, tmp_path, epochs=3, resume=checkpoint)
    assert begun + resumed == whole
    resumed, _ = train(prepared, tmp_path, epochs=3, resume=checkpoint, num_workers=1)
    assert begun + resumed == whole
    assert train(prepared, tmp_path, epochs=1, seed=1)[0] != whole[:2]


def test_plain_loop_gets_a_new_draw_every_epoch(prepared):
    data = NYUv2BSR(root=str(prepared), batch_size=4, num_workers=0, crop=[5, 5])
    data.setup("fit")
    loader = data.train_dataloader()
    epochs = [next(iter(loader))["lr"] for _ in range(3)]
    assert not torch.equal(epochs[0], epochs[1])
    again = data.train_dataloader()
    assert torch.equal(next(iter(again))["lr"], epochs[0])
