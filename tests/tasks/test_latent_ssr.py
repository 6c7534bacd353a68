"""The task around Stable Diffusion: what learns, what a checkpoint holds, what is refused."""

import pytest
import torch
from tests.helpers.configurations import write_config
from tests.helpers.restoration_data import WithDepth, trainer
from tests.helpers.tiny_diffusion import save_tiny_diffusion

from blindsr.cli.training.command import main
from blindsr.errors import ConfigError, FileError
from blindsr.imaging.files import read_rgb
from blindsr.tasks import LatentSSRTask

SMALL = {"kernel_width": 8, "kernel_blocks": 1, "iterations": 0, "width": 4, "steps": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("diffusers")
    return save_tiny_diffusion(tmp_path_factory.mktemp("sd"))


def make(folder, **options):
    torch.manual_seed(0)
    return LatentSSRTask(diffusion=str(folder), **SMALL | options)


def test_fit_and_test(folder, tmp_path):
    task = make(folder, learning_rate=1e-2)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    unet = [p.clone() for p in task.network.frozen.parameters()]
    run = trainer(tmp_path)
    run.fit(task, datamodule=WithDepth())
    after = task.network.state_dict()
    moved = {n.partition(".")[0] for n, v in after.items() if not torch.equal(v, before[n])}
    assert moved == {"amf", "ladder", "rmse"}
    assert all(map(torch.equal, unet, task.network.frozen.parameters()))
    run.save_checkpoint(tmp_path / "one.ckpt")
    content = torch.load(tmp_path / "one.ckpt", weights_only=True)
    assert not [name for name in content["state_dict"] if "frozen" in name or "unet" in name]
    again = LatentSSRTask.load_from_checkpoint(tmp_path / "one.ckpt")
    torch.testing.assert_close(again.network.state_dict(), after)
    run.test(task, datamodule=WithDepth(count=1), verbose=False)
    found = run.callback_metrics
    assert found["test/consistency"] > found["test/mean/no constraint/consistency"]


def test_settings_of_the_diffusion_in_pixels_are_refused(folder):
    for wrong in ({"kappa": 1.0}, {"blocks": 1}, {"unrolled": True}, {"weights": "a.ckpt"}):
        (name,) = wrong
        with pytest.raises(ConfigError, match=f"model.{name}: .* of the diffusion in pixels"):
            make(folder, **wrong)


def test_a_missing_folder_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match="no such folder"):
        make(tmp_path / "nothing")
    assert main(["fit", "-c", "ssr_sd21.yaml"]) == 2
    error = capsys.readouterr().err
    assert "weights/sd21: no such folder" in error
    assert error.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_predict_writes_pictures_and_maps(tmp_path, capsys):
    pytest.importorskip("diffusers")
    config = write_config(tmp_path, model="latent_ssr")
    assert main(["predict", "-c", str(config), "--random-weights"]) == 0
    out = tmp_path / "logs/tiny/predict_0/predictions"
    assert f"predictions of 6 pictures written to {out}" in capsys.readouterr().out
    pictures = [path for path in out.rglob("*.png") if "_" not in path.name]
    assert len(pictures) == 6
    assert {read_rgb(path).shape for path in pictures} == {(64, 80, 3)}
    assert len(list(out.rglob("*_sigma.png"))) == 6
