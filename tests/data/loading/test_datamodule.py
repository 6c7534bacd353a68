"""Order and augmentation depend on (seed, epoch, item), not on workers or on resuming."""

import itertools
from types import SimpleNamespace

import lightning
import pytest
import torch

from blindsr.data import NYUv2BSR, Scenes
from blindsr.data.loading.samplers import EvalSampler, SeededSampler

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


@pytest.mark.parametrize(("length", "world_size"), [(20, 2), (7, 3), (2, 5), (1, 4)])
def test_processes_share_an_epoch(length, world_size):
    ranks = [
        SeededSampler(length, seed=3, epoch=4, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    shares = [list(sampler) for sampler in ranks]
    assert {len(share) for share in shares} == {len(ranks[0])} == {-(-length // world_size)}
    whole = list(SeededSampler(length, seed=3, epoch=4))
    together = [draw for turn in zip(*shares, strict=True) for draw in turn]
    assert together[:length] == whole  # one permutation, each item with the seed it always has
    fillers = together[length:]
    assert [d.item for d in fillers] == [d.item for d in whole * world_size][: len(fillers)]
    assert len({draw.seed for draw in together}) == len(together)  # never the same draw twice
    for sampler in ranks:
        sampler.set_epoch(5)
    assert [list(sampler) for sampler in ranks] != shares or length == 1


@pytest.mark.parametrize(("length", "world_size"), [(6, 1), (6, 2), (7, 3), (2, 5)])
def test_positions_of_an_evaluation(length, world_size):
    shares = [
        list(EvalSampler(length, rank=rank, world_size=world_size)) for rank in range(world_size)
    ]
    assert len({len(share) for share in shares}) == 1
    assert sorted(itertools.chain(*shares)) == list(range(world_size * -(-length // world_size)))
    assert all(share == sorted(share) for share in shares)


def test_repeats_are_marked():
    data = Scenes(
        val_count=3, test_count=2, train_count=5, size=(32, 40), eval_batch_size=2,
        batch_size=2, test_groups=2,
    )  # fmt: skip
    data.setup()
    assert [batch["repeat"].tolist() for batch in data.val_dataloader()] == [[False] * 2, [False]]
    assert "repeat" not in next(iter(data.train_dataloader()))
    names, steps = [], []
    for rank in range(2):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2, current_epoch=0)
        batches = list(data.val_dataloader())
        assert all(batch["repeat"].dtype == torch.bool for batch in batches)
        names += [
            (name, repeat)
            for batch in batches
            for name, repeat in zip(batch["name"], batch["repeat"].tolist(), strict=True)
        ]
        steps.append([name for batch in data.train_dataloader() for name in batch["name"]])
        groups = [group for batch in data.test_dataloader() for group in batch["group"]]
        assert groups == ["Group1", "Group2"]
    first, second, third = (f"{1_000_000 + n:07d}" for n in range(3))
    assert names == [(first, False), (third, False), (second, False), (first, True)]
    assert [len(part) for part in steps] == [2, 2]  # three items each, the partial batch dropped
    assert not set(steps[0]) & set(steps[1])


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
