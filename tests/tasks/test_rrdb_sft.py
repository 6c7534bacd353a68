"""Stage 2: what is trained, scored and compared."""

import cv2
import numpy as np
import pytest
import torch
from tests.helpers.restoration_data import RESTORER, Fake, trainer
from tests.helpers.saved_checkpoint import saved

from blindsr.errors import BlindSRError, ConfigError
from blindsr.imaging.resize import upsample
from blindsr.metrics import psnr_y
from blindsr.tasks import CMOSTask, RRDBSFTTask


def task(**changes):
    torch.manual_seed(0)
    return RRDBSFTTask(num_classes=6, **RESTORER | {"learning_rate": 1e-3} | changes)


@torch.no_grad()
def error(model, batch):
    return float((model.restore(batch)[0] - batch["hr"]).abs().mean())


def test_fit_lowers_the_loss_and_logs_the_scores(tmp_path):
    run = trainer(tmp_path, max_epochs=12)
    model = task()
    batch = next(iter(Fake().train_dataloader()))
    before = error(model, batch)
    run.fit(model, datamodule=Fake())
    assert error(model, batch) < 0.9 * before
    assert {"train/loss", "val/psnr", "val/ssim"} <= set(run.callback_metrics)


def test_an_unsharp_mask_is_a_row_where_it_is_asked_for(tmp_path):
    data = Fake(groups=("test",))
    run = trainer(tmp_path)
    run.test(task(unsharp=0.7), datamodule=data, verbose=False)
    logged = {name: float(value) for name, value in run.callback_metrics.items()}
    scores = []
    for s in (data.sample(i) for i in range(4)):
        hr = s["hr"].numpy().transpose(1, 2, 0)
        lr = s["lr"][None]
        bicubic = upsample(lr, 4, phase=0.0, method="bicubic")[0].numpy().transpose(1, 2, 0)
        soft = cv2.GaussianBlur(bicubic, (13, 13), 2.0, borderType=cv2.BORDER_REPLICATE)
        sharp = np.clip(bicubic + 0.7 * (bicubic - soft), 0, 1)
        planes = [torch.from_numpy(x.transpose(2, 0, 1).copy())[None] for x in (sharp, hr)]
        scores.append(psnr_y(*planes).item())
    assert logged["test/mean/unsharp mask/psnr"] == pytest.approx(sum(scores) / 4, abs=1e-3)
    run = trainer(tmp_path)
    run.test(task(), datamodule=data, verbose=False)
    assert not any("unsharp" in name for name in run.callback_metrics)


def test_a_test_has_the_rows_of_the_paper(tmp_path):
    model, data = task().eval(), Fake(groups=("Group1", "Group2"))
    run = trainer(tmp_path)
    run.test(model, datamodule=data, verbose=False)
    logged = {name: float(value) for name, value in run.callback_metrics.items()}
    model.eval()
    samples = [data.sample(i) for i in range(4)]
    with torch.no_grad():
        expected = [
            float(
                psnr_y(model(s["lr"][None], s["blur"][None], s["seg"][None]), s["hr"][None]).item()
            )
            for s in samples
        ]
        bicubic = [
            psnr_y(upsample(s["lr"][None], 4, phase=0.0, method="bicubic"), s["hr"][None]).item()
            for s in samples
        ]
        flat = samples[0]
        mean = torch.full_like(flat["blur"], float(flat["blur"].mean()))
        constant = psnr_y(
            model(flat["lr"][None], mean[None], flat["seg"][None]), flat["hr"][None]
        ).item()
    assert logged["test/psnr"] == pytest.approx(sum(expected) / 4)
    assert logged["test/Group1/psnr"] == pytest.approx((expected[0] + expected[2]) / 2)
    assert logged["test/mean/bicubic/psnr"] == pytest.approx(sum(bicubic) / 4)
    alone = trainer(tmp_path)
    alone.test(model, datamodule=Fake(count=1), verbose=False)
    key = "test/mean/constant sigma/psnr"
    assert float(alone.callback_metrics[key]) == pytest.approx(constant, abs=1e-4)
    assert {"test/gmsd", "test/vif", "test/ssim"} <= set(logged)


def test_crop_border_leaves_the_border_out(tmp_path):
    model, data = task(crop_border=4), Fake(count=1)
    run = trainer(tmp_path)
    run.test(model, datamodule=data, verbose=False)
    model.eval()
    s = data.sample(0)
    with torch.no_grad():
        sr = model(s["lr"][None], s["blur"][None], s["seg"][None])
    assert float(run.callback_metrics["test/psnr"]) == pytest.approx(
        psnr_y(sr, s["hr"][None], crop=4).item()
    )


def test_weights_start_a_training_and_compare_adds_rows(tmp_path):
    other = task(use_blur=False, use_semantics=False)
    path = saved(other, tmp_path / "no_maps.ckpt")
    run = trainer(tmp_path)
    run.test(task(compare={"no maps": path}), datamodule=Fake(), verbose=False)
    key = "test/mean/no maps/psnr"
    score = float(run.callback_metrics[key])
    alone = trainer(tmp_path)
    alone.test(other, datamodule=Fake(without=("blur", "seg")), verbose=False)
    assert score == pytest.approx(float(alone.callback_metrics["test/psnr"]))
    assert "test/mean/constant sigma/psnr" not in alone.callback_metrics  # it uses no sigma

    begun = task()
    with torch.no_grad():
        for parameter in begun.parameters():
            parameter.add_(1.0)
    path = saved(begun, tmp_path / "begun.ckpt")
    fresh = task(weights=path)
    fresh.preflight("fit", resumed=True)  # resuming brings its own weights
    assert not torch.equal(fresh.network.conv_first.weight, begun.network.conv_first.weight)
    fresh.preflight("fit", resumed=False)
    for name, tensor in begun.network.state_dict().items():
        assert torch.equal(fresh.network.state_dict()[name], tensor), name


def test_other_weights_are_refused_in_one_line(tmp_path):
    path = saved(task(features=16), tmp_path / "wide.ckpt")
    with pytest.raises(ConfigError, match=r"model\.features: 8 .*expected 16"):
        task(weights=path).preflight("fit", resumed=False)
    torch.manual_seed(0)
    path = saved(CMOSTask(6, backbone="pyramid_small"), tmp_path / "cmos.ckpt")
    with pytest.raises(ConfigError, match="a cmos network"):
        task(weights=path).preflight("fit", resumed=False)
    with pytest.raises(ConfigError, match="an estimator, expected a restorer"):
        task(compare={"x": path}).preflight("test", resumed=False)
    with pytest.raises(BlindSRError, match="no such file"):
        task(compare={"x": str(tmp_path / "none.ckpt")}).preflight("test", resumed=False)
    with pytest.raises(BlindSRError, match=r"alexnet.*no such file"):
        task(lpips=str(tmp_path / "alexnet.pth")).preflight("test", resumed=False)


@pytest.mark.parametrize("key", ["hr", "blur", "seg"])
def test_a_missing_key_is_named(tmp_path, key):
    with pytest.raises(ConfigError, match=f"also {key} for RRDBSFTTask"):
        trainer(tmp_path).fit(task(), datamodule=Fake(without=(key,)))
