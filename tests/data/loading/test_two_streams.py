"""The order of two streams: shared out, repeatable, resumable in the middle of an epoch."""

import contextlib
import itertools
from collections import Counter

import lightning
import pytest
import torch

from blindsr.data import NYUv2BSR, PBaSRScenes
from blindsr.data.loading.evaluation import GroupedEvalSet
from blindsr.data.loading.samplers import ResumableLoader, SeededSampler
from blindsr.data.loading.two_streams import PairDraw, TwoStreamDataset, TwoStreamSampler

pytestmark = pytest.mark.filterwarnings("ignore:The number of training batches.*")  # logging


def sampler(general=5, blur=12, *, steps=3, batch_size=4, **options):
    return TwoStreamSampler(
        general, blur, steps=steps, batch_size=batch_size, seed=3, **options
    )  # fmt: skip


def items(draws, stream):
    return [draw[stream].item for draw in draws]


def test_streams_pass_through_their_pictures_independently():
    draws = list(sampler())
    assert sorted(items(draws, 1)) == list(range(12))
    general = items(draws, 0)
    assert sorted(general[:5]) == sorted(general[5:10]) == list(range(5))
    assert general[:5] != general[5:10]  # another order in every pass
    assert len({draw.general.seed for draw in draws}) == 12  # and other patches
    equal = list(sampler(12, 12))
    assert items(equal, 0) != items(equal, 1)


def test_short_epochs_go_on_where_the_last_one_ended():
    one = sampler(steps=1)
    epochs = [list(one) for _ in range(6)]  # a plain loop counts
    assert list(itertools.chain(*epochs[:3])) == list(sampler())
    assert Counter(items(itertools.chain(*epochs), 1)) == Counter(list(range(12)) * 2)
    one.set_epoch(4)
    assert list(one) == epochs[4]
    assert list(sampler(steps=1, epoch=2)) == epochs[2]
    other = TwoStreamSampler(5, 12, steps=1, batch_size=4, seed=4)
    assert list(other) != epochs[0]


@pytest.mark.parametrize(("general", "blur", "world"), [(5, 12, 3), (40, 24, 2), (7, 1, 2)])
def test_processes_share_both_streams(general, blur, world):
    options = {"steps": 2, "batch_size": 2}
    ranks = [
        list(sampler(general, blur, **options, rank=rank, world_size=world))
        for rank in range(world)
    ]
    assert {len(rank) for rank in ranks} == {4}
    together = [draw for turn in zip(*ranks, strict=True) for draw in turn]
    assert together == list(sampler(general, blur, steps=2, batch_size=2 * world))
    for stream, length in enumerate((general, blur)):
        for start in range(0, len(together) - length + 1, length):  # each pass
            assert len(set(items(together[start : start + length], stream))) == length
        assert len({draw[stream] for draw in together}) == len(together)  # no draw twice


def test_skipping_leaves_out_the_start_once():
    for one in (sampler(), SeededSampler(9, seed=1)):
        whole = list(one)
        one.set_epoch(0)
        one.skip = 4
        assert list(one) == whole[4:]
        one.set_epoch(0)
        assert list(one) == whole


def test_data_set_takes_draws_and_plain_positions():
    pairs = TwoStreamDataset(["a", "b"], ["x", "y", "z"])
    assert len(pairs) == 3
    assert pairs[2] == {"general": "a", "blur": "z"}
    general, blur = {0: "g"}, {7: "b"}
    assert TwoStreamDataset(general, blur)[PairDraw(0, 7)] == {"general": "g", "blur": "b"}


class Part(list):
    def __getitem__(self, index):
        return {"name": super().__getitem__(index)}


@pytest.mark.parametrize("multiple", [1, 2, 4, 5])
def test_no_batch_lies_in_two_groups(multiple):
    data = GroupedEvalSet([Part("abc"), Part("x"), Part("pqrs")], multiple=multiple)
    samples = [data[position] for position in range(len(data))]
    counted = [sample["name"] for sample in samples if not sample["repeat"]]
    assert counted == list("abcxpqrs")
    for start in range(0, len(samples), multiple):
        names = {sample["name"] for sample in samples[start : start + multiple]}
        assert any(names <= set(group) for group in ("abc", "x", "pqrs"))
    assert len(samples) % multiple == 0


def test_loader_counts_and_begins_in_the_middle():
    class Numbers(list):
        def __getitem__(self, draw):
            return draw.item

    def loader():
        return ResumableLoader(Numbers(range(10)), batch_size=3, sampler=SeededSampler(10, seed=1))

    whole = [batch.tolist() for batch in loader()]
    first = loader()
    iterator = iter(first)
    assert [next(iterator).tolist() for _ in range(2)] == whole[:2]
    assert first.state_dict() == {"batches": 2}
    second = loader()
    second.load_state_dict(first.state_dict())
    assert [batch.tolist() for batch in second] == whole[2:]
    assert second.state_dict() == {"batches": 0}  # an epoch that ended is not begun
    assert len(list(second)) == 4  # and the next one is whole


class KilledError(Exception):
    pass


class Recorder(lightning.LightningModule):
    """Keeps what it is trained on: names and fingerprints of each batch; may stop or save."""

    def __init__(self, save_at=None, path=None):
        super().__init__()
        self.weight, self.seen = torch.nn.Parameter(torch.zeros(1)), []
        self.save_at, self.path = save_at, path

    def training_step(self, batch, _):
        parts = [batch[key] for key in ("general", "blur")] if "general" in batch else [batch]
        self.seen.append(
            [(tuple(p["name"]), p["lr"].sum().item(), p["hr"].sum().item()) for p in parts]
        )
        return self.weight.sum()

    def on_train_batch_end(self, *_):
        if len(self.seen) == self.save_at:
            self.trainer.save_checkpoint(self.path)
            raise KilledError

    def validation_step(self, batch, _):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def scenes(**options):
    return PBaSRScenes(
        **{
            "train_count": 7, "val_count": 1, "test_count": 1, "size": (32, 40), "crop": 16,
            "batch_size": 2, "transpose": True, "degradation": "bsrgan_plus",
        } | options
    )  # fmt: skip


def train(data, task, *, resume=None, **limits):
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, num_sanity_val_steps=0, **({"max_epochs": 3} | limits),
    )  # fmt: skip
    with contextlib.suppress(KilledError):
        trainer.fit(task, data, ckpt_path=resume, weights_only=True)
    return task.seen


@pytest.mark.parametrize("limits", [{}, {"max_epochs": -1, "max_steps": 12}])
@pytest.mark.parametrize("save_at", [1, 4, 6])  # in the first epoch, at its end, in the second
def test_a_run_killed_in_mid_epoch_goes_on_exactly(save_at, limits, tmp_path):
    whole = train(scenes(), Recorder(), **limits)
    assert len(whole) == 12
    assert len({seen for step in whole for seen in step}) == 24
    path = tmp_path / "killed.ckpt"
    begun = train(scenes(), Recorder(save_at, path), **limits)
    assert begun == whole[:save_at]
    torch.manual_seed(123)  # the global seed has no part in it
    assert begun + train(scenes(), Recorder(), resume=path, **limits) == whole


def test_mid_epoch_with_short_epochs_and_workers(tmp_path):
    short = {"steps_per_epoch": 3}
    whole = train(scenes(**short), Recorder())
    assert len(whole) == 9
    path = tmp_path / "killed.ckpt"
    begun = train(scenes(**short, num_workers=2), Recorder(5, path))
    assert begun == whole[:5]
    assert begun + train(scenes(**short, num_workers=1), Recorder(), resume=path) == whole


def test_the_other_data_modules_go_on_in_mid_epoch_too(prepared, tmp_path):
    def data():
        return NYUv2BSR(root=str(prepared), batch_size=1, num_workers=0, crop=[5, 5])

    whole = train(data(), Recorder())
    path = tmp_path / "killed.ckpt"
    begun = train(data(), Recorder(6, path))
    assert begun == whole[:6]
    assert begun + train(data(), Recorder(), resume=path) == whole


def test_streams_of_unequal_share_pass_through_their_pictures_too():
    """Three general pictures to one of blur: the ratio of the paper's figure 4a."""
    ranks = [
        list(sampler(12, 4, steps=2, batch_size=(3, 1), rank=rank, world_size=2)) for rank in (0, 1)
    ]
    assert [draw.blur is not None for draw in ranks[0]] == [True, False, False] * 2
    together = [draw for rank in ranks for draw in rank]
    assert sorted(items(together, 0)) == list(range(12))
    assert sorted(draw.blur.item for draw in together if draw.blur) == list(range(4))
    late = sampler(12, 4, steps=2, batch_size=(3, 1), world_size=2)
    late.skip = 3  # items: one batch
    assert list(late) == ranks[0][3:]


@pytest.mark.parametrize("share", [1, 5])
def test_a_batch_has_the_asked_samples_of_each_stream(share):
    options = {"size": (32, 32), "crop": 32, "num_workers": 0, "operator": "gather"}
    data = PBaSRScenes(
        train_count=6, val_count=1, test_count=1, batch_size=2, general_batch_size=share, **options
    )
    data.setup("fit")
    batches = list(data.train_dataloader())
    assert {len(batch["general"]["hr"]) for batch in batches} == {share}
    assert {len(batch["blur"]["hr"]) for batch in batches} == {2}
    assert len(batches) == max(-(-6 // share), 3)
    with pytest.raises(Exception, match="general_batch_size"):
        PBaSRScenes(general_batch_size=0)
