"""SVKR and SSR: what they learn from, what a test says, what checkpoints hold."""

import json

import pytest
import torch
from tests.helpers.restoration_data import WithDepth, trainer
from tests.helpers.saved_checkpoint import saved

import blindsr
from blindsr.callbacks import EMA
from blindsr.errors import ConfigError, WeightsError
from blindsr.losses.pixel import laplace_nll
from blindsr.networks import SSR, SVKR
from blindsr.tasks import SSRTask, SVKRTask
from blindsr.tasks.depth_targets import relative_inverse_depth
from blindsr.weights import read_network, save_safetensors
from blindsr.weights.onnx.model import onnx_model

KERNEL = {"width": 8, "blocks": 1, "iterations": 1}
SMALL = {"kernel_width": 8, "kernel_blocks": 1, "iterations": 1, "width": 8, "blocks": 1}


def batch(**options):
    return next(iter(WithDepth(**options).train_dataloader()))


def make(kind, **options):
    torch.manual_seed(0)
    return kind(**{SVKRTask: KERNEL, SSRTask: SMALL}[kind] | options)


def test_inverse_depth_is_relative_to_each_picture():
    depth = torch.tensor([[1.0, 2.0, torch.inf], [3.0, 3.0, 3.0]]).view(2, 1, 1, 3)
    found = relative_inverse_depth(depth)
    torch.testing.assert_close(found.flatten(), torch.tensor([1, 0.5, 0, 0.5, 0.5, 0.5]))


def test_svkr_learns_from_every_iteration():
    task = make(SVKRTask, iterations=2)
    data = batch()
    parts = task.losses(data, task.network.iterate(data["lr"]))
    assert set(parts) == {"nll", "depth", "effect"}
    sum(parts.values()).backward()
    assert [n for n, p in task.network.named_parameters() if p.grad is None] == []
    without = make(SVKRTask, use_depth=False, effect_weight=0.0)
    data = batch(without=("depth",))
    assert set(without.losses(data, without.network.iterate(data["lr"]))) == {"nll"}


@torch.no_grad()
def test_svkr_weighs_iterations_and_tells_the_error_of_the_last_one():
    task, data, logged = make(SVKRTask, iterations=2, depth_weight=0.3), batch(), {}
    task.log = lambda name, value, **_: logged.update({name: float(value)})
    for parameter in task.network.parameters():  # as made, it says the same in every iteration
        parameter.add_(0.05 * torch.randn(parameter.shape))
    total = task.training_step(data, 0)
    first, *others = found = task.network.iterate(data["lr"])
    assert len(found) == 3
    nll = [float(laplace_nll(one.blur, one.log_scale, data["blur"])) for one in found]
    assert logged["train/nll"] == pytest.approx(0.64 * nll[0] + 0.8 * nll[1] + nll[2], rel=1e-5)
    error = (others[-1].blur - data["blur"]).abs().mean()
    assert logged["train/pixels"] == pytest.approx(float(error), rel=1e-5)
    assert logged["train/pixels"] != pytest.approx(float((first.blur - data["blur"]).abs().mean()))
    parts = {"nll": 1.0, "depth": 0.3, "effect": task.hparams["effect_weight"]}
    expected = sum(weight * logged[f"train/{name}"] for name, weight in parts.items())
    assert logged["train/loss"] == pytest.approx(expected, rel=1e-5)
    assert float(total) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [SVKRTask, SSRTask])
def test_fit_and_test(kind, tmp_path):
    task = make(kind)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    run = trainer(tmp_path)
    run.fit(task, datamodule=WithDepth())
    moved = {n for n, v in task.network.state_dict().items() if not torch.equal(v, before[n])}
    assert moved
    if kind is SSRTask:
        assert not [name for name in moved if name.startswith("svkr.")], "SVKR is frozen"
        assert "rmse" in moved
        assert (task.network.rmse[1:] != 0.06).all()
    run.test(task, datamodule=WithDepth(count=2), verbose=False)
    found = run.callback_metrics
    assert "test/blur_psnr" in found
    if kind is SSRTask:
        rows = ("bicubic/", "no constraint/", "last step only/", "true maps/")
        for row in rows:
            assert f"test/mean/{row}psnr" in found
            assert f"test/mean/{row}consistency" in found
        assert (
            found["test/mean/true maps/consistency"] > found["test/mean/no constraint/consistency"]
        )


def test_the_error_of_the_denoiser_is_saved_with_averaged_weights(tmp_path):
    task, run = make(SSRTask), trainer(tmp_path, callbacks=[EMA(0.9)])
    run.fit(task, datamodule=WithDepth())
    run.save_checkpoint(tmp_path / "ssr.ckpt")
    saved_errors = torch.load(tmp_path / "ssr.ckpt", weights_only=True)["state_dict"][
        "network.rmse"
    ]
    assert float(saved_errors[1]) == pytest.approx(float(run.callback_metrics["val/rmse_last"]))
    assert float(saved_errors[-1]) == pytest.approx(float(run.callback_metrics["val/rmse_first"]))


def test_svkr_is_scored_by_depth_where_it_estimates_some(tmp_path):
    task, run = make(SVKRTask), trainer(tmp_path)
    run.test(task, datamodule=WithDepth(count=2), verbose=False)
    data = batch(count=2)
    errors = task.network.iterate(data["lr"])[-1].depth - relative_inverse_depth(data["depth"])
    assert float(run.callback_metrics["test/depth_mae"]) == pytest.approx(
        float(errors.detach().abs().mean()), abs=1e-5
    )
    without = make(SVKRTask, use_depth=False)
    run.test(without, datamodule=WithDepth(count=2, without=("depth",)), verbose=False)
    assert "test/depth_mae" not in run.callback_metrics


def test_without_a_deblurred_preview_the_kernel_does_not_reach_depth():
    lr = batch()["lr"]
    for deblurred in (True, False):
        network = make(SVKRTask, deblurred=deblurred).network.eval()
        before = network.iterate(lr)[-1].depth
        network.kernel_net.last.bias.data += 1.0  # another kernel
        assert torch.equal(network.iterate(lr)[-1].depth, before) != deblurred


def test_ssr_refuses_svkr_without_a_deblurred_preview(tmp_path):
    path = saved(make(SVKRTask, deblurred=False), tmp_path / "svkr.ckpt")
    with pytest.raises(ConfigError, match=r"model\.deblurred"):
        make(SSRTask, svkr=str(path)).preflight("fit", resumed=False)


def test_missing_depth_is_said_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="also depth for SVKRTask"):
        trainer(tmp_path).fit(make(SVKRTask), datamodule=WithDepth(without=("depth",)))


@pytest.mark.parametrize("kind", [SVKRTask, SSRTask])
def test_data_of_another_downsampler_are_refused(kind, tmp_path):
    with pytest.raises(ConfigError, match=r"model.downsampler: sfold, expected bicubic"):
        trainer(tmp_path).fit(make(kind, downsampler="sfold"), datamodule=WithDepth())


def test_ssr_starts_from_svkr(tmp_path):
    first = make(SVKRTask)
    path = saved(first, tmp_path / "svkr.ckpt")
    task = make(SSRTask, svkr=str(path))
    task.preflight("fit", resumed=False)
    torch.testing.assert_close(task.network.svkr.state_dict(), first.network.state_dict())
    assert not task.random_parts()
    assert make(SSRTask).random_parts() == "SVKR"
    with pytest.raises(ConfigError, match=r"model\.width"):
        make(SSRTask, svkr=str(path), kernel_width=12).preflight("fit", resumed=False)
    other = make(SSRTask, svkr=str(saved(make(SSRTask), tmp_path / "ssr.ckpt")))
    with pytest.raises(ConfigError, match="a ssr network, expected svkr"):
        other.preflight("fit", resumed=False)


@torch.no_grad()
def test_the_unrolled_data_step_is_that_of_the_last_step():
    """There it trusts the denoiser as far as its error at step 1 says."""
    task, data = make(SSRTask, unrolled=True), batch()
    network, told = task.network, task.told(data)
    network.rmse.copy_(torch.linspace(0.02, 0.2, len(network.rmse)))
    x0 = torch.rand(data["hr"].shape, generator=torch.manual_seed(0))
    operator = network.operator_of(told)
    first, last = (
        operator.prox(x0, data["lr"], network.weight_of(told, operator)(x0, t), 2) for t in (0, 1)
    )
    found = task.constrained(data, x0, told)
    torch.testing.assert_close(found, last)
    assert (found - first).abs().max() > 1e-3


def test_unrolled_training_learns_through_the_data_step():
    task, data = make(SSRTask, unrolled=True), batch()
    task.losses(data)["mse"].backward()
    learns = {n for n, p in task.network.named_parameters() if p.grad is not None}
    assert learns == {n for n, p in task.network.named_parameters() if p.requires_grad}


def test_regression_is_one_step_without_noise():
    task = make(SSRTask, steps=1, kappa=0.0, constraint="none")
    lr = batch()["lr"]
    told = task.network.estimate_all(lr)
    samples = [task.network.sample(lr, told, seed=seed) for seed in (0, 1)]
    assert torch.equal(*samples)


@pytest.mark.parametrize(("kind", "network"), [(SVKRTask, SVKR), (SSRTask, SSR)])
def test_files_open_with_their_settings(kind, network, tmp_path):
    options = {SVKRTask: {"use_depth": False}, SSRTask: {"kappa": 0.0, "constraint": "last"}}
    task = make(kind, **options[kind])
    if kind is SSRTask:
        task.network.rmse.fill_(0.03)
    path = saved(task, tmp_path / "one.ckpt")
    file = read_network(path)
    loaded = file.network()
    assert type(loaded) is network
    save_safetensors(tmp_path / "one.safetensors", file)
    again = read_network(tmp_path / "one.safetensors").network()
    torch.testing.assert_close(again.state_dict(), task.network.state_dict())
    if kind is SSRTask:
        assert again.sampler.schedule.kappa == 0
        assert again.sampler.constraint == "last"


@pytest.mark.parametrize("kind", [SVKRTask, SSRTask])
def test_onnx_is_refused_in_one_line(kind, tmp_path):
    file = read_network(saved(make(kind), tmp_path / "one.ckpt"))
    with pytest.raises(WeightsError, match="which iterates and solves for the whole picture"):
        onnx_model(file, "one.ckpt")


def test_upscaling_sees_the_picture_whole(tmp_path):
    """Its own tiles change nothing, and those of the user neither."""
    path = saved(make(SSRTask), tmp_path / "ssr.ckpt")
    model = blindsr.load(path)
    picture = batch()["lr"][0].permute(1, 2, 0).numpy()
    whole = model.upscale(picture)
    assert whole.shape == (64, 64, 3)
    assert (model.upscale(picture, tile=8) == whole).all()
    blur, _ = model.estimate(picture)
    assert blur.shape == (64, 64)
    assert json.dumps(model.describe(), default=str)
