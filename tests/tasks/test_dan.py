"""DAN: what it takes for the kernel of an image, what it learns, what a test says."""

import numpy as np
import pytest
import torch
from tests.helpers.restoration_data import Fake, trainer
from tests.helpers.saved_checkpoint import saved

import blindsr
from blindsr.degradation import gaussian_window, kernel_map
from blindsr.degradation.kernel_of_image import mean_kernel, median_kernel
from blindsr.errors import ConfigError
from blindsr.losses import dan_losses
from blindsr.tasks import DANTask

SMALL = {"blocks": 1, "groups": 1, "features": 8, "loops": 2, "learning_rate": 2e-3}


def task(**changes):
    torch.manual_seed(0)
    return DANTask(**SMALL | changes)


def batch(data=None):
    return next(iter((data or Fake()).train_dataloader()))


class Uniform(Fake):
    """Every second image has one sigma."""

    def sample(self, index):
        sample = super().sample(index)
        if index % 2:
            sample["blur"] = torch.full_like(sample["blur"], 2.0)
        return sample


def test_the_rules_for_one_kernel():
    sigma = torch.tensor([[0.0, 1.0, 1.0], [1.0, 4.0, 4.0]]).view(1, 1, 2, 3)
    window = gaussian_window(1.0, 5.0)
    expected = np.outer(window, window).ravel()
    np.testing.assert_allclose(median_kernel(sigma, 5.0)[0], expected, atol=1e-6)
    every = kernel_map(sigma, 5.0).flatten(2).mean(dim=2)
    torch.testing.assert_close(mean_kernel(sigma, 5.0), every)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("rule", ["median", "mean", "invariant", "none"])
def test_what_is_learnt(version, rule):
    model, data = task(version=version, kernel_rule=rule), batch(Uniform())
    parts = model.losses(data)
    assert set(parts) == ({"sr"} if rule == "none" else {"sr", "kernel"})
    assert f"kernel rule {rule}" in model.title
    sum(parts.values()).backward()
    learns = {n for n, p in model.network.named_parameters() if p.grad is not None}
    assert any(name.startswith("Estimator.") for name in learns) == (rule != "none")
    wanted = {n for n, p in model.network.named_parameters() if p.requires_grad}
    assert learns == wanted  # of several processes each must have them all
    if rule == "invariant":
        one = {key: value[1:] for key, value in data.items() if torch.is_tensor(value)}
        for name, value in model.losses(one).items():
            torch.testing.assert_close(value, parts[name])
        other = {key: value[:1] for key, value in data.items() if torch.is_tensor(value)}
        assert float(sum(model.losses(other).values()).detach()) == 0


def test_the_last_turn_or_all():
    model, data = task(version=2), batch()
    found, target = model(data["lr"]), model.target(data["blur"])
    every = dan_losses(found.sr, found.kernel, data["hr"], target, supervise="all")
    turns = [
        dan_losses(found.sr[i : i + 1], found.kernel[i : i + 1], data["hr"], target)
        for i in range(2)
    ]
    for name, value in every.items():
        torch.testing.assert_close(value, turns[0][name] + turns[1][name])
    last = dan_losses(found.sr, found.kernel, data["hr"], target)
    torch.testing.assert_close(last["sr"], turns[1]["sr"])
    with pytest.raises(ConfigError, match="supervise: 'some'"):
        dan_losses(found.sr, found.kernel, data["hr"], target, supervise="some")


@torch.no_grad()
def test_fit_lowers_the_loss_and_a_test_scores_images_and_maps(tmp_path):
    model, run, first = task(version=2), trainer(tmp_path, max_epochs=12), batch()
    before = float(sum(model.losses(first).values()))
    with torch.enable_grad():
        run.fit(model, datamodule=Fake())
    assert {"train/sr", "train/kernel", "val/psnr", "val/blur_psnr"} <= set(run.callback_metrics)
    assert float(sum(model.losses(first).values())) < 0.9 * before
    other = saved(task(version=1), tmp_path / "other.ckpt")
    again = task(version=2, weights=saved(model, tmp_path / "dan.ckpt"), compare={"v1": other})
    run = trainer(tmp_path)
    run.test(again, datamodule=Fake(), verbose=False)
    logged = set(run.callback_metrics)
    assert {"test/psnr", "test/blur_psnr", "test/mean/bicubic/psnr", "test/mean/v1/psnr"} <= logged
    lr = first["lr"][:1]
    maps = blindsr.load(tmp_path / "dan.ckpt", device="cpu").estimate(lr[0].movedim(0, 2).numpy())
    expected = model.eval().network.estimate(lr).blur[0, 0]
    torch.testing.assert_close(torch.from_numpy(maps.blur), expected, atol=1e-3, rtol=0)


def test_kernels_have_the_window_of_the_data():
    assert task(sigma_max=2.0).network.init_kernel.shape == (1, 9, 9)
    assert task(kernel_size=21, sigma_max=2.0).hparams["kernel_size"] == 21


def test_weights_of_another_network_are_refused_in_one_line(tmp_path):
    path = saved(task(features=4), tmp_path / "narrow.ckpt")
    with pytest.raises(ConfigError, match=r"model\.features: 8 .*expected 4"):
        task(weights=path).preflight("fit", resumed=False)
    with pytest.raises(ConfigError, match="also blur for DANTask"):
        task().losses(batch(Fake(without=("blur",))))
    assert task(kernel_rule="none").losses(batch(Fake(without=("blur",)))).keys() == {"sr"}
