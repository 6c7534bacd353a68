"""KOALAnet: its three stages, and what its kernels are compared with."""

import pytest
import torch
from tests.helpers.restoration_data import Fake, trainer
from tests.helpers.saved_checkpoint import saved

from blindsr.degradation import kernel_map
from blindsr.degradation.koalanet import local_down
from blindsr.errors import ConfigError
from blindsr.losses import kernel_losses
from blindsr.tasks import KOALAnetTask
from blindsr.types import DataFacts


def task(**changes):
    torch.manual_seed(0)
    return KOALAnetTask(**{"features": 4, "learning_rate": 1e-3} | changes)


def batch(data=None):
    return next(iter((data or Fake()).train_dataloader()))


LEARNS = {"kernels": ("SISR_DDF",), "baseline": ("SISR_DUF",), "joint": ("SISR_DDF", "SISR_DUF")}
PARTS = {
    "kernels": {"reblur", "kernel"},
    "baseline": {"sr"},
    "joint": {"sr", "reblur", "kernel"},
}


@pytest.mark.parametrize("stage", LEARNS)
def test_a_stage_trains_its_part_and_all_of_it(stage):
    model = task(stage=stage)
    parts = model.losses(batch())
    assert set(parts) == PARTS[stage]
    sum(parts.values()).backward()
    learns = {n for n, p in model.network.named_parameters() if p.grad is not None}
    assert learns == {n for n, p in model.network.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in learns} == set(LEARNS[stage])
    sees = any("KOALA_module" in name for name in learns)
    assert sees == (stage == "joint")


def test_the_third_stage_starts_from_the_files_of_both_others(tmp_path):
    files = {}
    for number, stage in enumerate(("kernels", "baseline")):
        other = task(stage=stage)
        with torch.no_grad():
            for parameter in other.network.parameters():
                parameter.add_(number + 1)
        files[stage] = saved(other, tmp_path / f"{stage}.ckpt")
    fresh, model = task(), task(weights=files)
    model.preflight("fit", resumed=False)
    shift = {
        name: float((p - q).detach().flatten()[0])
        for (name, p), q in zip(
            model.network.named_parameters(), fresh.network.parameters(), strict=True
        )
    }
    for name, value in shift.items():
        condition = "KOALA_module" in name or "kernel_condition" in name
        expected = 1 if name.startswith("SISR_DDF") else 0 if condition else 2
        assert value == pytest.approx(expected, abs=1e-5), name


def test_true_kernels_have_no_loss():
    """On data that the kernels made, whatever is compared."""
    hr, sigma = torch.rand(1, 3, 48, 48), torch.rand(1, 1, 12, 12) * 5
    kernels = kernel_map(sigma, 5.0)
    lr = local_down(hr, kernels, 4, border="replicate")
    model = task(border="replicate")
    blur = sigma.repeat_interleave(4, 2).repeat_interleave(4, 3)
    for loss in ("mean", "dense"):
        model.hparams["kernel_loss"] = loss
        parts = model.kernel_parts({"lr": lr, "hr": hr, "blur": blur}, kernels)
        assert all(float(value) < 1e-6 for value in parts.values())


def test_means_alone_leave_the_single_kernels_free():
    kernels = kernel_map(torch.tensor([1.0, 3.0]).view(1, 1, 1, 2), 5.0)
    lr, swapped = torch.rand(1, 3, 1, 2), kernels.flip(3)
    mean, dense = (
        kernel_losses(lr, lr, swapped, kernels, kernel_loss=kind)["kernel"]
        for kind in ("mean", "dense")
    )
    assert float(mean) < 1e-7 < float(dense)
    masked = kernel_losses(lr, 0 * lr, kernels, kernels, mask=0)["reblur"]
    torch.testing.assert_close(masked, 2 * lr.mean())


@pytest.mark.parametrize("stage", LEARNS)
def test_fit_and_test(stage, tmp_path):
    model, run = task(stage=stage), trainer(tmp_path, max_epochs=2)
    run.fit(model, datamodule=Fake())
    assert {f"train/{name}" for name in PARTS[stage]} <= set(run.callback_metrics)
    assert ("val/blur_psnr" in run.callback_metrics) == (stage != "baseline")
    run = trainer(tmp_path)
    run.test(model, datamodule=Fake(), verbose=False)
    assert "test/psnr" in run.callback_metrics
    assert bool(run.callback_metrics["test/blur_psnr"].isnan()) == (stage == "baseline")


def test_data_of_another_phase_and_even_kernels_are_refused(tmp_path):
    class Bicubic(Fake):
        def __init__(self):
            super().__init__()
            self.facts = DataFacts(4, 1.5, "bicubic", 5.0, 21)

    with pytest.raises(ConfigError, match=r"phase: 0.0, expected 1.5 \(bicubic at x4\)"):
        trainer(tmp_path).fit(task(), datamodule=Bicubic())
    with pytest.raises(ConfigError, match="down_kernel: 20, an even number"):
        trainer(tmp_path).fit(task(down_kernel=20), datamodule=Fake())
    trainer(tmp_path).fit(task(down_kernel=20, stage="baseline"), datamodule=Bicubic())
    with pytest.raises(ConfigError, match=r"model\.weights: 'both'"):
        task(weights={"both": "x"})
