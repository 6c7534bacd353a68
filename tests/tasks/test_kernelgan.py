"""KernelGAN and ZSSR as a row of a test: learnt from each picture, scored like any other method."""

import pytest
import torch
from tests.helpers.restoration_data import RESTORER, Fake, trainer
from tests.helpers.saved_checkpoint import saved

from blindsr.errors import ConfigError
from blindsr.inference.kernelgan.fitting import fit_predict
from blindsr.tasks import DANTask, KernelGANTask, RRDBSFTTask
from blindsr.types import Estimate


class Large(Fake):
    """LR of 32 x 32: smaller ones are refused."""

    def sample(self, index):
        sample = super().sample(index)
        repeats = {name: (1,) * (v.ndim - 2) + (2, 2) for name, v in sample.items() if name in MAPS}
        return {**sample, **{name: sample[name].repeat(size) for name, size in repeats.items()}}


MAPS = ("lr", "hr", "blur", "seg")


def test_each_picture_is_learnt_from_alone_and_its_map_scored(tmp_path):
    torch.manual_seed(3)
    restorer = RRDBSFTTask(6, **RESTORER, use_semantics=False)
    file = saved(restorer, tmp_path / "restorer.ckpt")
    model = KernelGANTask(steps=1, tell={"one restorer": file})
    run, data = trainer(tmp_path), Large(count=2)
    run.test(model, datamodule=data, verbose=False)
    scores = {name: float(value) for name, value in run.callback_metrics.items()}
    assert {"test/psnr", "test/blur_psnr", "test/test/bicubic/psnr"} <= set(scores)
    psnr = []
    for index in range(2):
        sample = data.sample(index)
        sr, estimate = fit_predict(sample["lr"][None], 4, phase=0.0, steps=1)
        told = restorer.network.eval()(sample["lr"][None], estimate.blur)
        scored = model.new_scores()
        scored.update(told.detach(), sample["hr"][None])
        own = model.new_scores()
        own.update(sr, sample["hr"][None])
        psnr.append((float(own.compute()["psnr"]), float(scored.compute()["psnr"])))
    expected = torch.tensor(psnr).mean(dim=0).tolist()
    assert [scores["test/psnr"], scores["test/test/one restorer/psnr"]] == pytest.approx(expected)


def test_kernels_of_different_sizes_come_in_one_estimate(tmp_path, monkeypatch):
    """Each in the middle, in every LR pixel."""
    data, kernels = Large(count=2), iter([torch.rand(5, 5), torch.rand(3, 3)])

    def learnt(lr, scale, **_):
        hr = torch.zeros(1, 1, 4 * lr.shape[2], 4 * lr.shape[3])
        own = next(kernels).reshape(1, -1, 1, 1).expand(1, -1, *lr.shape[2:])
        seen.append(own)
        return hr.expand(-1, 3, -1, -1), Estimate(blur=hr, kernels=own)

    seen = []
    monkeypatch.setattr("blindsr.tasks.kernelgan.fit_predict", learnt)
    model = KernelGANTask(steps=1)
    model.facts = data.facts
    lr = torch.stack([data.sample(index)["lr"] for index in range(2)])
    found = model(lr)[1].kernels
    assert found.shape == (2, 25, *lr.shape[2:])
    assert torch.equal(found[:1], seen[0])
    middle = found[1].view(5, 5, *lr.shape[2:])[1:-1, 1:-1]
    assert torch.equal(middle.flatten(0, 1), seen[1][0])
    torch.testing.assert_close(found[1].sum(0), seen[1][0].sum(0))


def test_a_training_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"KernelGANTask in a training.*lightning test"):
        trainer(tmp_path).fit(KernelGANTask(steps=1), datamodule=Large())


def test_a_network_that_estimates_by_itself_cannot_be_told(tmp_path):
    dan = DANTask(version=2, blocks=1, groups=1, features=8, loops=1)
    model = KernelGANTask(steps=1, tell={"row": saved(dan, tmp_path / "dan.ckpt")})
    with pytest.raises(ConfigError, match=r"model\.tell\.row.*dan\.ckpt, a network that estimates"):
        trainer(tmp_path).test(model, datamodule=Large(), verbose=False)
