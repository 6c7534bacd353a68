"""DCLS: what counts as the true kernel, what it is learnt from, what a test says."""

import pytest
import torch
from tests.helpers.restoration_data import Fake, trainer
from tests.helpers.saved_checkpoint import saved

import blindsr
from blindsr.degradation import kernel_map
from blindsr.errors import BlindSRError, ConfigError
from blindsr.losses import dcls_kernel_target, pixel_l1
from blindsr.tasks import DCLSTask
from blindsr.types import DataFacts

SMALL = {"kernel_size": 11, "latent": 6, "blocks": 1, "groups": 1, "features": 8}


def task(**changes):
    torch.manual_seed(0)
    return DCLSTask(**SMALL | {"learning_rate": 1e-3} | changes)


def ready(**changes):
    """A task that knows the facts of its data, and a batch of them."""
    data, model = Fake(), task(**changes)
    model.facts = data.facts
    return model, next(iter(data.train_dataloader()))


def test_it_learns_and_a_test_has_scores_of_images_and_maps(tmp_path):
    data, model = Fake(), task()
    run = trainer(tmp_path, max_epochs=2)
    run.fit(model, datamodule=data)
    assert {"train/loss", "train/kernel", "val/psnr", "val/blur_psnr"} <= set(run.callback_metrics)
    run.test(model, datamodule=data, verbose=False)
    assert {"test/psnr", "test/blur_psnr"} <= set(run.callback_metrics)
    path = saved(model, tmp_path / "dcls.ckpt")
    assert "DCLS" in blindsr.load(path, device="cpu").title
    again = task(weights=path)
    again.preflight("fit", resumed=False)
    state = model.network.state_dict()
    assert all(torch.equal(state[n], t) for n, t in again.network.state_dict().items())
    with pytest.raises(BlindSRError, match="features: 12 in the configuration"):
        task(weights=path, features=12).preflight("fit", resumed=False)


def test_the_loss_is_that_of_image_and_kernel():
    model, batch = ready()
    model.eval()
    parts = model.losses(batch)
    sr, kernel = model(batch["lr"])
    # every fourth pixel, as the facts of these data say
    target = dcls_kernel_target(batch["lr"], batch["hr"][..., ::4, ::4], 11)
    torch.testing.assert_close(parts["sr"], pixel_l1(sr, batch["hr"]))
    torch.testing.assert_close(parts["kernel"], (kernel - target.float()).abs().mean())
    sum(parts.values()).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("target", ["reformulated", "rendered"])
def test_the_true_kernel(target):
    model, batch = ready(target=target)
    batch["blur"] = torch.full_like(batch["blur"], 4.0)
    found = model.target(batch)
    assert found.shape == (2, 1, 11, 11)
    assert f"kernel target {target}" in model.title
    if target == "reformulated":  # LR without blur: these samples are not blurred
        dirac = torch.zeros(2, 1, 11, 11).double()
        dirac[:, :, 5, 5] = 1
        torch.testing.assert_close(found, dirac, atol=1e-3, rtol=0)
    else:
        expected = kernel_map(torch.full((2, 1, 1, 1), 1.0), 2.5).view(2, 1, 11, 11)
        torch.testing.assert_close(found, expected)


def test_kernels_may_be_learnt_from_images_of_one_sigma_alone():
    model, batch = ready(train_kernel_on="invariant")
    batch["blur"][1] = 2.0
    parts = model.losses(batch)
    one = {name: batch[name][1:] for name in ("lr", "hr", "blur")}
    torch.testing.assert_close(parts["kernel"], model.losses(one)["kernel"])
    batch["blur"][1, :, :4] = 3.0
    assert model.losses(batch)["kernel"].item() == 0
    assert "invariant images" in model.title


def test_what_cannot_be_learnt_is_refused_in_one_line(tmp_path):
    model, batch = ready(target="rendered")
    batch["blur"] = torch.full_like(batch["blur"], 12.0)
    with pytest.raises(ConfigError, match=r"kernel_size: 11 for a sigma of 3 LR pixels"):
        model.target(batch)
    with pytest.raises(BlindSRError, match="lr: 16 x 16 pixels, expected at least 21 x 21"):
        trainer(tmp_path).fit(task(kernel_size=21), datamodule=Fake())


class Area(Fake):
    """The same samples, said to be sampled by area."""

    def __init__(self):
        super().__init__()
        self.facts = DataFacts(4, 1.5, "area", 5.0, 21, 6, tuple("abcdef"))


def test_it_follows_the_down_sampler_of_the_data(tmp_path):
    run = trainer(tmp_path, max_steps=1)
    model = task()
    run.fit(model, datamodule=Area())
    batch = next(iter(Area().train_dataloader()))
    means = torch.nn.functional.avg_pool2d(batch["hr"], 4)
    torch.testing.assert_close(
        model.target(batch), dcls_kernel_target(batch["lr"], means, 11), atol=1e-5, rtol=0
    )
