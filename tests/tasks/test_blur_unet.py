"""The task of the estimator of blur: it trains, scores and calibrates itself."""

import os

import pytest
import torch
from lightning import Trainer
from tests.conftest import REPOSITORY

from blindsr.data import LeafScenes
from blindsr.errors import ConfigError
from blindsr.tasks import BlurUNetTask
from blindsr.tasks.blur_unet import fitted_spread
from blindsr.weights.checkpoint import read_network

BOX = REPOSITORY / "src" / "blindsr" / "assets" / "small.safetensors"


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_spread_makes_intervals_hold(factor):
    torch.manual_seed(0)
    scale = torch.rand(20000) + 0.1
    truth = torch.distributions.Laplace(torch.zeros(20000), factor * scale).sample()
    spread = fitted_spread(truth, torch.zeros(20000), scale)
    assert spread == pytest.approx(factor, rel=0.05)


def test_a_step_of_training_and_a_validation(tmp_path):
    torch.manual_seed(0)
    task = BlurUNetTask(width=8, warmup_steps=1)
    data = LeafScenes(count=2, val_count=2, size=32, scenes=2, batch_size=1, num_workers=0)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=2,
        limit_val_batches=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    before = task.network.head.weight.clone()
    trainer.fit(task, data)
    assert not torch.equal(before, task.network.head.weight)
    scores = trainer.callback_metrics
    assert {"val/correlation", "val/slope", "val/error"} <= set(scores)
    assert float(task.network.spread) != 1.0


def test_sigma_of_an_enlarging_set_is_in_pixels_of_the_picture():
    task = BlurUNetTask(scale=4, width=8)
    blur = torch.full((1, 1, 8, 8), 6.0)
    torch.testing.assert_close(task._sigma({"blur": blur}), torch.full((1, 1, 2, 2), 1.5))


def test_it_starts_from_the_estimator_of_a_file():
    task = BlurUNetTask(scale=1, width=24, weights=os.fspath(BOX))
    assert task.random_parts() == ""
    task.preflight("fit", resumed=False)
    theirs = read_network(BOX).network().estimator.state_dict()
    for name, tensor in task.network.state_dict().items():
        assert torch.equal(tensor, theirs[name]), name


def test_a_file_of_another_width_is_refused():
    task = BlurUNetTask(scale=1, width=8, weights=os.fspath(BOX))
    with pytest.raises(ConfigError, match=r"model\.width: 8 in the configuration, expected 24"):
        task.preflight("fit", resumed=False)
