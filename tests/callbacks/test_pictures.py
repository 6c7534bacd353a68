"""Pictures while training: when they are written, where, and what every task shows."""

from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from tests.helpers.restoration_data import ESTIMATOR, RESTORER, Fake

from blindsr.callbacks import Pictures
from blindsr.cli.training.command import main
from blindsr.errors import ConfigError
from blindsr.imaging import downsample, read_array, upsample
from blindsr.tasks import BlindSRTask, CMOSTask, PBaSRTask, RRDBSFTTask
from blindsr.types import Estimate

ANCHOR = {"arch": "esrgan", "init_args": {"num_filters": 8, "num_blocks": 1}}


def restorer(**changes):
    torch.manual_seed(0)
    return RRDBSFTTask(num_classes=6, **RESTORER | changes)


def estimator(**changes):
    torch.manual_seed(0)
    return CMOSTask(num_classes=6, **ESTIMATOR | changes)


TASKS = {
    "cmos": estimator,
    "cmos_seg": lambda: estimator(tasks="seg"),
    "rrdb_sft": restorer,
    "blind": lambda: BlindSRTask(num_classes=6, estimator=ESTIMATOR, restorer=RESTORER),
    "pbasr": lambda: PBaSRTask(ANCHOR, discriminator_features=8),
}


def runner(folder, callback, **options):
    settings = {"max_epochs": 1, "num_sanity_val_steps": 0}
    return Trainer(
        accelerator="cpu",
        logger=CSVLogger(folder, name="run", version=0),
        callbacks=[callback],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        log_every_n_steps=1,
        **settings | options,
    )


def pictures(folder):
    return sorted(path.name for path in (folder / "run" / "version_0").glob("pictures/*"))


def batch_of(count=2, **changes):
    data = torch.utils.data.default_collate([Fake().sample(i) for i in range(count)])
    return data | changes


def outputs(batch, **changes):
    return {"sr": batch["hr"] * 0.9, "estimate": None} | changes


def on_data(task, **facts):
    """The task as if it were run on data with these facts."""
    task.facts = replace(Fake().facts, **facts)
    return task


def run_of(folder, **changes):
    """What the callback asks a trainer, outside of a real run."""
    settings = {"is_global_zero": True, "sanity_checking": False, "global_step": 7}
    return SimpleNamespace(**{**settings, "loggers": [], "log_dir": str(folder), **changes})


@pytest.mark.parametrize("name", TASKS)
def test_every_task_shows_its_validation_under_one_name(name, tmp_path):
    runner(tmp_path, Pictures(count=2)).validate(TASKS[name](), datamodule=Fake(), verbose=False)
    assert pictures(tmp_path) == ["step_0000000.png"]
    drawn = read_array(tmp_path / "run" / "version_0" / "pictures" / "step_0000000.png")
    assert drawn.std() > 10  # not a blank page


def test_every_validation_of_a_training_writes_a_picture(tmp_path):
    run = runner(tmp_path, Pictures(count=3), max_epochs=2, num_sanity_val_steps=1)
    run.fit(restorer(), datamodule=Fake())
    # Four samples in batches of two: two steps an epoch. The sanity check writes nothing.
    assert pictures(tmp_path) == ["step_0000002.png", "step_0000004.png"]


def test_a_picture_has_as_many_samples_as_asked_for(tmp_path):
    heights = {}
    for count in (1, 3, 99):
        folder = tmp_path / str(count)
        runner(folder, Pictures(count)).validate(restorer(), datamodule=Fake(), verbose=False)
        (name,) = pictures(folder)
        path = folder / "run" / "version_0" / "pictures" / name
        heights[count] = read_array(path).shape[0]
    block = (heights[3] - heights[1]) / 2
    assert block > 300
    assert heights[99] == heights[3] + block  # the set has four


def test_nothing_is_written_without_a_validation_or_samples(tmp_path):
    runner(tmp_path / "fit", Pictures(), limit_val_batches=0).fit(restorer(), datamodule=Fake())
    none = runner(tmp_path / "none", Pictures(count=0))
    none.validate(restorer(), datamodule=Fake(), verbose=False)
    assert pictures(tmp_path / "fit") == pictures(tmp_path / "none") == []


def test_other_ranks_write_nothing_but_take_part(tmp_path):
    asked = []

    class Other:
        is_global_zero, sanity_checking, global_step, loggers = False, False, 1, ()

        @property
        def log_dir(self):
            asked.append(1)
            return str(tmp_path)

    callback, batch, task = Pictures(), batch_of(), on_data(restorer())
    callback.on_validation_start(Other(), task)
    callback.on_validation_batch_end(Other(), task, outputs(batch), batch, 0)
    callback.on_validation_end(Other(), task)
    assert asked == [1]
    assert list(tmp_path.iterdir()) == []


def test_wandb_gets_the_picture(tmp_path):
    class WandbLogger:
        def log_image(self, key, images, step):
            self.logged = (key, images, step)

    logger, batch, callback, task = WandbLogger(), batch_of(), Pictures(), on_data(restorer())
    run = run_of(tmp_path, loggers=[CSVLogger(tmp_path), logger])
    callback.on_validation_start(run, task)
    callback.on_validation_batch_end(run, task, outputs(batch), batch, 0)
    callback.on_validation_end(run, task)
    path = tmp_path / "pictures" / "step_0000007.png"
    assert path.is_file()
    assert logger.logged == ("val/pictures", [str(path)], 7)


@pytest.mark.parametrize("kind", ["estimator", "restorer"])
def test_fillers_of_distributed_evaluation_are_left_out(kind, monkeypatch, tmp_path):
    draw = Mock()
    monkeypatch.setattr("blindsr.callbacks.pictures.save_samples", draw)
    batch = batch_of(4, repeat=torch.tensor([False, True, False, False]))
    if kind == "estimator":
        task, made = on_data(estimator()), Estimate(batch["blur"], None, None, None)
    else:
        task, made = on_data(restorer()), outputs(batch)
    callback, run = Pictures(count=2), run_of(tmp_path)
    callback.on_validation_batch_end(run, task, made, batch, 0)
    callback.on_validation_end(run, task)
    _, samples = draw.call_args.args
    assert [sample["name"] for sample in samples] == ["0000", "0002"]
    assert draw.call_args.kwargs["title"] == f"{task.title}, step 7"  # the model's own name


class Mute(LightningModule):
    """A task that says nothing about pictures."""

    def training_step(self, batch, batch_idx):
        return None

    def validation_step(self, batch, batch_idx):
        return batch["lr"].mean()

    def configure_optimizers(self):
        return None


@pytest.mark.parametrize("command", ["fit", "validate"])
def test_a_task_without_pictures_is_told_so_before_it_starts(command, tmp_path):
    run = runner(tmp_path, Pictures())
    with pytest.raises(ConfigError, match="Mute, which has nothing to show") as caught:
        getattr(run, command)(Mute(), datamodule=Fake())
    assert "\n" not in str(caught.value)
    assert run.global_step == 0


def test_the_command_line_says_so_in_one_line_before_the_run_leaves_a_trace(tmp_path, capsys):
    config = {
        "trainer": {
            "accelerator": "cpu",
            "default_root_dir": str(tmp_path / "runs"),
            "callbacks": [{"class_path": "blindsr.callbacks.Pictures"}],
        },
        "model": {"class_path": f"{Mute.__module__}.Mute"},
        "data": {"class_path": "blindsr.data.Scenes"},
    }
    path = tmp_path / "mute.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert main(["fit", "-c", str(path)]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("blindsr: error: trainer.callbacks.Pictures: Mute, which has nothing")
    assert "\n" not in said
    assert list(tmp_path.iterdir()) == [path]


def test_a_negative_count_is_refused():
    with pytest.raises(ConfigError, match=r"Pictures\.count.*-1.*0 or more"):
        Pictures(count=-1)


def test_a_task_of_ones_own_has_pictures_by_its_method(tmp_path):
    class Own(Mute):
        def picture_sample(self, batch, outputs, index):
            return {"name": batch["name"][index], "lr": np.full((8, 8, 3), 0.5, np.float32)}

    runner(tmp_path, Pictures()).validate(Own(), datamodule=Fake(), verbose=False)
    assert pictures(tmp_path) == ["step_0000000.png"]


@pytest.mark.parametrize("method", ["sfold", "area"])
def test_bicubic_and_lr_have_the_phase_of_the_data(method):
    phase = 0.0 if method == "sfold" else 1.5
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).contiguous()
    batch = {"lr": downsample(ramp, 4, method), "hr": ramp}
    sheet = on_data(restorer(), phase=phase).picture_sample(batch, outputs(batch), 0)
    inner = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(
        sheet["images"]["bicubic"][inner], sheet["images"]["HR"][inner], atol=1e-5
    )
    nearest = upsample(batch["lr"], 4, phase=phase, method="nearest")[0].permute(1, 2, 0)
    np.testing.assert_allclose(sheet["images"]["LR"], nearest.clamp(0, 1))
    assert sheet["name"] == "0"
    assert "blur" not in sheet
    nothing = Estimate(None, None, None, None)
    strip = on_data(estimator(), phase=phase).picture_sample(batch, nothing, 0)
    np.testing.assert_allclose(strip["lr"], nearest.clamp(0, 1))


def test_an_estimator_shows_true_and_estimated_maps_with_its_scale_and_names():
    batch = batch_of()
    logits = torch.nn.functional.one_hot(batch["seg"].flip(1), 6).permute(0, 3, 1, 2).float()
    estimate = Estimate(batch["blur"] + 1, logits.requires_grad_(), None, None)
    sample = on_data(estimator(sigma_max=5.0)).picture_sample(batch, estimate, 1)
    np.testing.assert_array_equal(sample["blur"], batch["blur"][1, 0])
    np.testing.assert_array_equal(sample["blur_estimate"], batch["blur"][1, 0] + 1)
    np.testing.assert_array_equal(sample["seg"], batch["seg"][1])
    np.testing.assert_array_equal(sample["seg_estimate"], batch["seg"][1].flip(0))
    assert (sample["name"], sample["sigma_max"]) == ("0001", 5.0)
    assert sample["class_names"] == list("abcdef")


def test_a_restorer_shows_maps_scores_and_crops_that_do_not_follow_sr():
    batch, task = batch_of(), on_data(restorer())
    maps = torch.full((2, 1, 64, 64), 3.0)
    with_estimate = outputs(batch, estimate=Estimate(maps, None, None, None))
    sheet = task.picture_sample(batch, with_estimate, 1)
    np.testing.assert_array_equal(sheet["blur"], batch["blur"][1, 0])
    assert (sheet["blur_estimate"] == 3).all()
    assert list(sheet["images"]) == ["LR", "bicubic", "SR", "HR"]
    assert {image.shape for image in sheet["images"].values()} == {(64, 64, 3)}
    eight_bit = [torch.round(x[1:2] * 255) / 255 for x in (with_estimate["sr"], batch["hr"])]
    weights = torch.tensor([65.481, 128.553, 24.966]).view(3, 1, 1)
    luma = [(x.double() * weights).sum(1) for x in eight_bit]
    psnr = 10 * torch.log10(255**2 / (luma[0] - luma[1]).square().mean())
    assert float(sheet["scores"]["SR"].removesuffix(" dB")) == pytest.approx(float(psnr), abs=0.05)
    other = task.picture_sample(batch, outputs(batch, sr=1 - batch["hr"]), 1)
    assert other["boxes"] == sheet["boxes"]
    assert "blur_estimate" not in other


def test_a_restorer_without_a_sigma_range_shows_no_maps():
    batch = batch_of()
    sheet = on_data(TASKS["pbasr"]()).picture_sample(batch, outputs(batch), 0)
    assert "blur" not in sheet


def test_undefined_scores_are_a_dash():
    batch, task = batch_of(), on_data(restorer())
    for sr in (batch["hr"], torch.full_like(batch["hr"], float("nan"))):
        assert task.picture_sample(batch, outputs(batch, sr=sr), 0)["scores"]["SR"] == "–"
