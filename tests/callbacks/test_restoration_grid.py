"""Sheets while training: when they are written, where, and what they show."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from tests.tasks.restoration_data import ESTIMATOR, RESTORER, Fake

from blindsr.callbacks import RestorationGrid
from blindsr.callbacks.restoration_grid import to_sheet
from blindsr.errors import ConfigError
from blindsr.imaging import downsample, read_array, upsample
from blindsr.tasks import CMOSTask, RRDBSFTTask
from blindsr.types import Estimate


def task(**changes):
    torch.manual_seed(0)
    return RRDBSFTTask(num_classes=6, **RESTORER | changes)


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


def test_every_validation_of_a_training_writes_a_sheet(tmp_path):
    run = runner(tmp_path, RestorationGrid(count=3), max_epochs=2, num_sanity_val_steps=1)
    run.fit(task(), datamodule=Fake())
    # Four samples in batches of two: two steps an epoch. The sanity check writes nothing.
    assert pictures(tmp_path) == ["restored_0000002.png", "restored_0000004.png"]


def test_a_sheet_has_as_many_samples_as_asked_for(tmp_path):
    heights = {}
    for count in (1, 3, 99):
        folder = tmp_path / str(count)
        runner(folder, RestorationGrid(count=count)).validate(
            task(), datamodule=Fake(), verbose=False
        )
        (name,) = pictures(folder)
        path = folder / "run" / "version_0" / "pictures" / name
        heights[count] = read_array(path).shape[0]
    block = (heights[3] - heights[1]) / 2
    assert block > 300
    assert heights[99] == heights[3] + block  # the set has four


def test_nothing_is_written_without_a_validation_or_samples(tmp_path):
    runner(tmp_path / "fit", RestorationGrid(), limit_val_batches=0).fit(task(), datamodule=Fake())
    none = runner(tmp_path / "none", RestorationGrid(count=0))
    none.validate(task(), datamodule=Fake(), verbose=False)
    assert pictures(tmp_path / "fit") == pictures(tmp_path / "none") == []


def test_other_ranks_write_nothing_but_take_part(tmp_path):
    asked = []

    class Other:
        is_global_zero, sanity_checking, global_step = False, False, 1
        loggers, datamodule = (), Fake()

        @property
        def log_dir(self):
            asked.append(1)
            return str(tmp_path)

    grid, batch = RestorationGrid(), batch_of()
    grid.on_validation_start(Other(), task())
    grid.on_validation_batch_end(Other(), task(), outputs(batch), batch, 0)
    grid.on_validation_end(Other(), task())
    assert asked == [1]
    assert list(tmp_path.iterdir()) == []


def test_wandb_gets_the_sheet(tmp_path):
    class WandbLogger:
        def log_image(self, key, images, step):
            self.logged = (key, images, step)

    logger, batch, grid = WandbLogger(), batch_of(), RestorationGrid()
    run = SimpleNamespace(
        is_global_zero=True,
        sanity_checking=False,
        global_step=7,
        log_dir=str(tmp_path),
        loggers=[logger],
        datamodule=Fake(),
    )
    grid.on_validation_start(run, task())
    grid.on_validation_batch_end(run, task(), outputs(batch), batch, 0)
    grid.on_validation_end(run, task())
    path = tmp_path / "pictures" / "restored_0000007.png"
    assert path.is_file()
    assert logger.logged == ("val/restored", [str(path)], 7)


def test_fillers_of_distributed_evaluation_are_left_out():
    batch = batch_of(3, repeat=torch.tensor([False, True, False]))
    grid = RestorationGrid(count=2)
    run = SimpleNamespace(is_global_zero=True, sanity_checking=False, datamodule=Fake())
    grid.on_validation_batch_end(run, task(), outputs(batch), batch, 0)
    assert [sample["name"] for sample in grid._samples] == ["0000", "0002"]


def test_a_task_without_sr_is_told_so_at_once(tmp_path):
    run = runner(tmp_path, RestorationGrid(), num_sanity_val_steps=1)
    with pytest.raises(ConfigError, match=r"CMOSTask, which returns no SR image.*SampleGrid"):
        run.fit(CMOSTask(num_classes=6, **ESTIMATOR), datamodule=Fake())
    assert pictures(tmp_path) == []


@pytest.mark.parametrize("method", ["sfold", "area"])
def test_bicubic_and_lr_have_the_phase_of_the_data(method):
    phase = 0.0 if method == "sfold" else 1.5
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).contiguous()
    batch = {"lr": downsample(ramp, 4, method), "hr": ramp}
    sheet = to_sheet(batch, outputs(batch), 0, scale=4, phase=phase)
    inner = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(
        sheet["images"]["bicubic"][inner], sheet["images"]["HR"][inner], atol=1e-5
    )
    nearest = upsample(batch["lr"], 4, phase=phase, method="nearest")[0].permute(1, 2, 0)
    np.testing.assert_allclose(sheet["images"]["LR"], nearest.clamp(0, 1))
    assert sheet["name"] == "0"
    assert "blur" not in sheet


def test_a_sample_has_maps_scores_and_crops_that_do_not_follow_sr():
    batch = batch_of()
    maps = torch.full((2, 1, 64, 64), 3.0)
    with_estimate = outputs(batch, estimate=Estimate(maps, None, None, None))
    sheet = to_sheet(batch, with_estimate, 1, scale=4, phase=0.0)
    np.testing.assert_array_equal(sheet["blur"], batch["blur"][1, 0])
    assert (sheet["blur_estimate"] == 3).all()
    assert list(sheet["images"]) == ["LR", "bicubic", "SR", "HR"]
    assert {image.shape for image in sheet["images"].values()} == {(64, 64, 3)}
    eight_bit = [torch.round(x[1:2] * 255) / 255 for x in (with_estimate["sr"], batch["hr"])]
    weights = torch.tensor([65.481, 128.553, 24.966]).view(3, 1, 1)
    luma = [(x.double() * weights).sum(1) for x in eight_bit]
    psnr = 10 * torch.log10(255**2 / (luma[0] - luma[1]).square().mean())
    assert float(sheet["scores"]["SR"].removesuffix(" dB")) == pytest.approx(float(psnr), abs=0.05)
    other = to_sheet(batch, outputs(batch, sr=1 - batch["hr"]), 1, scale=4, phase=0.0)
    assert other["boxes"] == sheet["boxes"]
    assert "blur_estimate" not in other


def test_undefined_scores_are_a_dash():
    batch = batch_of()
    for sr in (batch["hr"], torch.full_like(batch["hr"], float("nan"))):
        sheet = to_sheet(batch, outputs(batch, sr=sr), 0, scale=4, phase=0.0)
        assert sheet["scores"]["SR"] == "–"
