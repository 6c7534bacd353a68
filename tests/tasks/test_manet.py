"""The stages of MANet: true kernels from sigma maps, what is learnt from, the third stage."""

from unittest.mock import Mock

import pytest
import torch
from tests.helpers.restoration_data import Fake, trainer
from tests.helpers.saved_checkpoint import saved

import blindsr
from blindsr.degradation import kernel_map
from blindsr.errors import ConfigError
from blindsr.tasks import BlindSRTask, DCLSTask, MANetTask, RRDBSFTPCATask
from blindsr.types import DataFacts

pytestmark = pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
TOLD = {"code_length": 4, "features": 8, "growth": 4, "blocks": 1}


def estimator(**changes):
    torch.manual_seed(0)
    return MANetTask(**{"features": (4, 8), "learning_rate": 1e-2} | changes)


def restorer(**changes):
    torch.manual_seed(0)
    return RRDBSFTPCATask(**TOLD | {"learning_rate": 1e-3} | changes)


class Area(Fake):
    """The same samples, said to be sampled by area."""

    def __init__(self):
        super().__init__()
        self.facts = DataFacts(4, 1.5, "area", 5.0, 21, 6, tuple("abcdef"))


@torch.no_grad()
def error(task, batch):
    kernels = task.network(batch["lr"])
    return float((kernels - task.target(batch["blur"])).abs().mean())


def test_stage_1_learns_kernels_and_scores_their_sigma(tmp_path):
    data, task = Fake(), estimator()
    run, batch = trainer(tmp_path, max_epochs=6), next(iter(data.train_dataloader()))
    before = error(task, batch)
    run.fit(task, datamodule=data)
    assert error(task, batch) < before
    assert {"train/loss", "val/blur_psnr", "val/blur_ssim"} <= set(run.callback_metrics)
    run.test(task, datamodule=data, verbose=False)
    assert "test/blur_psnr" in run.callback_metrics


@pytest.mark.parametrize(("phase", "at"), [(0.0, 8.0), (1.5, 9.5)])
def test_the_true_kernel_is_that_of_the_sigma_where_the_pixel_lies(phase, at):
    """LR pixel 2 lies at HR position 4 * 2 + phase of a ramp."""
    ramp = (0.1 * torch.arange(32.0)).expand(1, 1, 32, 32)
    target = estimator(phase=phase).target(ramp)
    assert target.shape == (1, 441, 8, 8)
    expected = kernel_map(torch.full((1, 1, 1, 1), 0.1 * at), 5.0)
    torch.testing.assert_close(target[:, :, 3:4, 2:3], expected)


@pytest.mark.parametrize("make", [estimator, restorer])
def test_data_of_another_phase_are_refused(make, tmp_path):
    with pytest.raises(ConfigError, match=r"model\.phase: 0\.0, expected 1\.5 \(area at x4\)"):
        trainer(tmp_path).fit(make(), datamodule=Area())
    trainer(tmp_path, max_steps=1).fit(make(phase=1.5), datamodule=Area())


@pytest.mark.parametrize(
    ("train_on", "chosen"),
    [
        ("all", [True, True, True]),
        ("invariant", [True, False, True]),
        ("variant", [False, True, False]),
    ],
)
def test_images_may_be_chosen_by_how_their_blur_varies(train_on, chosen):
    blur = torch.full((3, 1, 64, 64), 2.0)
    blur[1, :, :8] = 3.0
    blur[2, :, :8] = 2.04
    task = estimator(train_on=train_on)
    assert task.chosen(blur).tolist() == chosen
    task.log = Mock()
    batch = {"lr": torch.rand(3, 3, 16, 16), "blur": blur}
    loss = task.training_step(batch, 0)
    alone = {name: tensor[chosen] for name, tensor in batch.items()}
    torch.testing.assert_close(loss, task.training_step(alone, 0))


def test_a_batch_without_such_images_teaches_nothing():
    task = estimator(train_on="invariant")
    task.log = Mock()
    batch = next(iter(Fake().train_dataloader()))
    task.training_step(batch, 0).backward()
    assert all(p.grad is not None and not p.grad.any() for p in task.parameters())


def test_the_window_follows_the_data():
    assert estimator(sigma_max=15.0).network.kernel_size == 61
    assert restorer(sigma_max=2.5).network.kernel_size == 11
    assert estimator(kernel_size=31).network.kernel_size == 31


def test_stage_2_learns_and_a_test_has_its_rows(tmp_path):
    data, task = Fake(), restorer()
    run = trainer(tmp_path, max_epochs=2)
    run.fit(task, datamodule=data)
    assert {"train/loss", "val/psnr"} <= set(run.callback_metrics)
    other = saved(restorer(), tmp_path / "other.ckpt")
    task = restorer(compare={"other": other})
    run.test(task, datamodule=data, verbose=False)
    for row in ("bicubic", "constant sigma", "other"):
        assert f"test/mean/{row}/psnr" in run.callback_metrics


def test_stage_3_starts_from_both_and_teaches_the_restorer_alone(tmp_path):
    first, second = estimator(), restorer()
    weights = {
        "estimator": saved(first, tmp_path / "first.ckpt"),
        "restorer": saved(second, tmp_path / "second.ckpt"),
    }
    task = BlindSRTask(num_classes=6, weights=weights, learning_rate=1e-3)
    assert task.title == "MANet + RRDB-SFT told kernels"
    run = trainer(tmp_path, max_epochs=1)
    run.fit(task, datamodule=Fake())
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(task.network.estimator.state_dict()[name], tensor)
    after = task.network.restorer.state_dict()
    assert not torch.equal(after["conv_first.weight"], second.network.conv_first.weight)
    assert torch.equal(after["pca_matrix"], second.network.pca_matrix)
    run.test(task, datamodule=Fake(), verbose=False)
    assert {"test/psnr", "test/blur_psnr"} <= set(run.callback_metrics)
    assert "test/mean/true maps/psnr" in run.callback_metrics


def test_the_phase_of_both_parts_must_be_that_of_the_data(tmp_path):
    parts = {"estimator": {"kind": "manet", "features": [4, 8]}}
    parts["restorer"] = {"kind": "rrdb_sft_pca", **TOLD, "phase": 1.5}
    with pytest.raises(ConfigError, match=r"model\.estimator\.phase: 0\.0, expected 1\.5"):
        trainer(tmp_path).fit(BlindSRTask(num_classes=6, **parts), datamodule=Area())


def test_parts_may_be_named_by_the_path_of_their_class(tmp_path):
    parts = {
        "estimator": {
            "class_path": "blindsr.networks.MANet",
            "init_args": {"features": [4, 8]},
        },
        "restorer": {"class_path": "blindsr.networks.RRDBSFTPCA", "init_args": TOLD},
    }
    task = BlindSRTask(num_classes=6, **parts)
    named = BlindSRTask(
        num_classes=6,
        estimator={"kind": "manet", "features": [4, 8]},
        restorer={"kind": "rrdb_sft_pca", **TOLD},
    )
    assert task.hparams["estimator"] == named.hparams["estimator"]
    assert task.hparams["restorer"] == named.hparams["restorer"]
    path = saved(task, tmp_path / "both.ckpt")
    assert "MANet" in blindsr.load(path, device="cpu").title


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("blindsr.networks.Nothing", "which cannot be imported (module"),
        ("nowhere.Net", "which cannot be imported (No module named 'nowhere')"),
        ("blindsr.types.Estimate", "a class of no kind, expected one of BlindSR, "),
        ("blindsr.networks.RRDBSFT", "kind: 'rrdb_sft', expected cmos or"),
    ],
)
def test_a_path_of_no_estimator_is_refused_in_one_line(path, part):
    with pytest.raises(ConfigError) as caught:
        BlindSRTask(estimator={"class_path": path})
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"model\.estimator: class_path beside features"):
        BlindSRTask(estimator={"class_path": path, "features": 8})


def test_a_method_that_restores_by_itself_may_tell_its_blur_to_another(tmp_path):
    torch.manual_seed(0)
    dcls = DCLSTask(kernel_size=11, latent=4, blocks=1, groups=1, features=8)
    weights = {"estimator": saved(dcls, tmp_path / "dcls.ckpt")}
    told = {"kind": "rrdb_sft_pca", **TOLD}
    task = BlindSRTask(num_classes=6, weights=weights, restorer=told, learning_rate=1e-3)
    task.preflight("fit", resumed=False)
    batch = next(iter(Fake().train_dataloader()))
    with torch.no_grad():
        sr, estimate = task(batch["lr"])
        blur = dcls.network.eval().estimate(batch["lr"]).blur
        torch.testing.assert_close(estimate.blur, blur)
        torch.testing.assert_close(sr, task.network.restorer(batch["lr"], blur=blur))
    trainer(tmp_path, max_steps=1).fit(task, datamodule=Fake())
    state = task.network.estimator.state_dict()
    assert all(torch.equal(state[n], t) for n, t in dcls.network.state_dict().items())
