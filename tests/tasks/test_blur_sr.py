"""The task of the small restorer: it trains, scores and tells a map from none."""

import pytest
import torch
from lightning import Trainer

from blindsr.data import RestorationScenes
from blindsr.errors import ConfigError
from blindsr.tasks import BlurSRTask
from blindsr.tasks.blur_sr import NO_MAP


def trainer(path, **options):
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=path,
        **options,
    )


@pytest.fixture
def data():
    return RestorationScenes(
        count=4, pictures=2, val_count=1, size=64, crop=16, batch_size=2, num_workers=0
    )


def test_it_trains_and_has_a_row_for_every_map(tmp_path, data):
    torch.manual_seed(0)
    task = BlurSRTask(features=8, blocks=1, warmup_steps=1)
    before = task.network.last.weight.clone()
    trainer(tmp_path, max_steps=2).fit(task, data)
    assert not torch.equal(before, task.network.last.weight)
    (scores,) = trainer(tmp_path).test(task, data, verbose=False)
    rows = {key.split("/")[-2] for key in scores if key.startswith("test/mean/")}
    assert rows == {"bicubic", "constant sigma", NO_MAP}
    assert scores["test/mean/bicubic/psnr"] > 10


def test_data_of_another_phase_are_refused(tmp_path, data):
    task = BlurSRTask(features=8, blocks=1, phase=0.0)
    with pytest.raises(ConfigError, match="phase"):
        trainer(tmp_path, max_steps=1).fit(task, data)


def test_a_share_above_one_is_refused():
    with pytest.raises(ConfigError, match="map_mix"):
        BlurSRTask(true_share=1.5)
