"""The task of the small restorer: it trains, scores and tells a map from none."""

import pytest
import torch
from lightning import Trainer

from blindsr.data import RestorationScenes
from blindsr.errors import ConfigError
from blindsr.networks import BlurUNet
from blindsr.tasks import BlindSRTask, BlurSRTask
from blindsr.tasks.blur_sr import NO_MAP
from blindsr.weights.checkpoint import NetworkFile
from blindsr.weights.export import save_safetensors


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
        BlurSRTask(map_mix={"truth": 1.5})


def test_maps_of_an_estimator_are_learnt_with_and_it_stays_as_it_is(tmp_path, data):
    torch.manual_seed(0)
    network = BlurUNet(scale=1, width=4)
    file = tmp_path / "e.safetensors"
    settings = {"scale": 1, "width": 4}
    save_safetensors(file, NetworkFile("made", "blur_unet", settings, network.state_dict()))
    task = BlurSRTask(features=8, blocks=1, estimator=str(file), map_mix={"estimated": 1.0})
    trainer(tmp_path, max_steps=1).fit(task, data)
    assert not any("stem" in name for name in task.state_dict())
    (own,) = task._estimators
    for name, tensor in network.state_dict().items():
        assert torch.equal(own.state_dict()[name], tensor)


def test_estimated_maps_need_an_estimator():
    with pytest.raises(ConfigError, match=r"map_mix\.estimated: no estimator"):
        BlurSRTask(map_mix={"estimated": 1.0})


def test_a_mix_of_maps_needs_networks_that_know_uncertainty():
    small = {"features": 8, "growth": 4, "blocks": 1, "code_length": 8, "use_semantics": False}
    with pytest.raises(ConfigError, match=r"model\.map_mix: BlurUNet \+ RRDB-SFT"):
        BlindSRTask(
            estimator={"kind": "blur_unet", "scale": 1, "width": 4},
            restorer=small,
            map_mix={"truth": 1.0},
        )


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
def test_a_pipeline_learns_with_a_mix_of_maps(tmp_path, data):
    torch.manual_seed(0)
    task = BlindSRTask(
        num_classes=0,
        sigma_max=8.0,
        estimator={"kind": "blur_unet", "scale": 1, "width": 4},
        restorer={"kind": "blur_sr", "features": 8, "blocks": 1},
        map_mix={"estimated": 0.4, "truth": 0.3, "disturbed": 0.3},
        learning_rate=1e-3,
    )
    before = task.network.restorer.last.weight.clone()
    trainer(tmp_path, max_steps=2).fit(task, data)
    assert not torch.equal(before, task.network.restorer.last.weight)
    assert task.title == "BlurUNet + BlurSR"
