import math

import pytest
import torch
from lightning.pytorch import LightningDataModule
from tests.helpers.restoration_data import trainer
from torch.utils.data import DataLoader

from blindsr.errors import ConfigError
from blindsr.tasks import CMOSTask
from blindsr.types import DataFacts

SMALL = {
    "backbone": "pyramid_small",
    "gia_parts": "F",  # a third of the tensors; ablations train with all parts
    "warmup_steps": 2,
    "learning_rate": 1e-3,
}


class Fake(LightningDataModule):
    """Eight random samples of LR 16x16; some keys may be left out."""

    def __init__(self, *, without=(), unlabelled=False, num_classes=6, scale=4, groups=("test",)):
        super().__init__()
        self.without, self.unlabelled = without, unlabelled
        names = tuple("abcdef") if num_classes == 6 else ()
        self.facts = DataFacts(scale, 0.0, "sfold", 5.0, 21, num_classes, names)
        self.group_names = groups

    def sample(self, index):
        draw = torch.Generator().manual_seed(index)
        seg = torch.randint(0, 6, (64, 64), generator=draw)
        sample = {
            "lr": torch.rand(3, 16, 16, generator=draw),
            "blur": 5 * torch.rand(1, 64, 64, generator=draw),
            "seg": torch.full_like(seg, 255) if self.unlabelled else seg,
            "name": f"{index:04}",
            "group": self.group_names[index % len(self.group_names)],
        }
        return {key: value for key, value in sample.items() if key not in self.without}

    def train_dataloader(self):
        return DataLoader([self.sample(i) for i in range(8)], batch_size=4)

    val_dataloader = test_dataloader = predict_dataloader = train_dataloader


def task(**changes):
    torch.manual_seed(0)
    return CMOSTask(num_classes=6, **SMALL | changes)


def test_fit_logs_the_parts_and_the_validation_scores(tmp_path):
    run = trainer(tmp_path)
    run.fit(task(), datamodule=Fake())
    logged = {name: float(value) for name, value in run.callback_metrics.items()}
    parts = {"blur": 1.0, "seg": 1.0, "aux_blur": 0.5, "aux_seg": 0.5}
    total = sum(weight * logged[f"train/{name}"] for name, weight in parts.items())
    assert logged["train/loss"] == pytest.approx(total, rel=1e-5)
    assert {"val/blur_psnr", "val/blur_ssim", "val/miou"} <= set(logged)


class SomeEven(Fake):
    """Every other picture has one blur everywhere: no rank correlation can be told of it."""

    def sample(self, index):
        sample = super().sample(index)
        return sample | ({"blur": torch.full((1, 64, 64), 0.3)} if index % 2 else {})


def test_the_progress_bar_shows_scores_and_no_counts(tmp_path):
    run = trainer(tmp_path)
    run.fit(task(), datamodule=SomeEven())
    counts = {name for name in run.callback_metrics if name.endswith("_undefined")}
    assert counts
    assert "val/blur_psnr" in run.progress_bar_metrics
    assert not counts & set(run.progress_bar_metrics)


def test_the_paper_preset_is_the_plain_sum_and_single_weights_can_be_changed():
    assert task(losses="paper").loss_weights == dict.fromkeys(
        ("blur", "seg", "aux_blur", "aux_seg"), 1.0
    )
    assert task(loss_weights={"seg": 0.0}).loss_weights["seg"] == 0.0
    with pytest.raises(ConfigError, match="aux_blurr"):
        task(loss_weights={"aux_blurr": 1.0})


def test_all_void_labels_train_with_zero_loss_and_an_undefined_miou(tmp_path):
    run = trainer(tmp_path)
    run.fit(task(), datamodule=Fake(unlabelled=True))
    assert float(run.callback_metrics["train/seg"]) == 0
    assert math.isfinite(float(run.callback_metrics["train/loss"]))
    assert math.isnan(float(run.callback_metrics["val/miou"]))


def test_labels_are_optional_and_blur_is_not(tmp_path):
    run = trainer(tmp_path)
    run.fit(task(), datamodule=Fake(without=("seg",)))
    assert "train/seg" not in run.callback_metrics
    with pytest.raises(ConfigError, match="also blur for CMOSTask"):
        trainer(tmp_path).fit(task(), datamodule=Fake(without=("blur",)))


def test_data_of_another_scale_or_class_count_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"model.num_classes: 6, expected 40 as in the data"):
        trainer(tmp_path).fit(task(), datamodule=Fake(num_classes=40))
    with pytest.raises(ConfigError, match=r"model.scale: 4, expected 2"):
        trainer(tmp_path).fit(task(), datamodule=Fake(scale=2))


def test_the_learning_rate_follows_the_steps(tmp_path):
    run = trainer(tmp_path, max_epochs=3)
    model = task()
    run.fit(model, datamodule=Fake())
    scheduler = model.lr_schedulers()
    assert scheduler.last_epoch == run.global_step == 6
    assert scheduler.get_last_lr()[0] < SMALL["learning_rate"] / 2  # nearly annealed


def test_test_scores_are_grouped_and_averaged_over_groups(tmp_path):
    run = trainer(tmp_path)
    run.test(task(), datamodule=Fake(groups=("Group1", "Group2")), verbose=False)
    logged = {name: float(value) for name, value in run.callback_metrics.items()}
    groups = [logged[f"test/Group{n}/blur_psnr"] for n in (1, 2)]
    assert groups[0] != groups[1]
    assert logged["test/blur_psnr"] == pytest.approx(sum(groups) / 2)


def test_checkpoints_load_with_weights_only_and_carry_class_names(tmp_path):
    run = trainer(tmp_path)
    model = task()
    run.fit(model, datamodule=Fake())
    run.save_checkpoint(tmp_path / "x.ckpt")
    content = torch.load(tmp_path / "x.ckpt", weights_only=True)
    assert content["class_names"] == list("abcdef")
    loaded = CMOSTask.load_from_checkpoint(tmp_path / "x.ckpt")
    for name, value in model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_predict_gives_estimates(tmp_path):
    (first, _second) = trainer(tmp_path).predict(task(), datamodule=Fake())
    assert first.blur.shape == (4, 1, 64, 64)
    assert first.seg_logits.shape == (4, 6, 64, 64)


@pytest.mark.parametrize(
    ("option", "value"),
    [("window", [0, 0]), ("window", [4]), ("num_classes", -1), ("scale", -1), ("auxiliary", "x")],
)
def test_options_of_the_network_out_of_bounds_are_one_line(option, value):
    with pytest.raises(ConfigError, match=rf"^model\.{option}: ") as error:
        CMOSTask(**{"backbone": "pyramid_small", "gia_parts": "F", option: value})
    assert "\n" not in str(error.value)


def test_weights_of_imagenet_are_taken_once_and_by_the_released_form_alone(monkeypatch):
    taken = []
    monkeypatch.setattr("blindsr.tasks.cmos.load_imagenet", lambda *words: taken.append(words))
    model = task(pretrained="backbone.pth")
    for stage, resumed in (("test", False), ("fit", True), ("fit", False), ("fit", False)):
        model.preflight(stage, resumed=resumed)
    assert taken == [(model.network.backbone, "backbone.pth")]
    for name, value, released in (("inputs", "gradients", "rgb"), ("norm", "pixel", "batch")):
        other = task(pretrained="backbone.pth", **{name: value})
        with pytest.raises(ConfigError, match=rf"for {name}: {value}, expected {name}: {released}"):
            other.preflight("fit", resumed=False)
    assert len(taken) == 1
