"""Learning from one image: what comes out, that seeds decide it, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.golden.recipe import image

from blindsr.cli.app import main
from blindsr.degradation import gaussian_window
from blindsr.errors import BlindSRError
from blindsr.inference.kernelgan import crops, enlarger
from blindsr.inference.kernelgan.fitting import expected_seconds, fit, fit_predict
from blindsr.networks.kernelgan import ZSSRNet

LR = image("kernelgan:photo", (1, 3, 34, 40))


def test_a_seed_decides_everything_and_leaves_other_randomness_alone():
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    told = []
    first = fit(LR, steps=2, seed=3, tell=lambda done, total: told.append((done, total)))
    assert torch.equal(torch.rand(1), before)
    assert (told[0], told[-1], len(told)) == ((1, 6), (6, 6), 6)
    again, other = fit(LR, steps=2, seed=3), fit(LR, steps=2, seed=4)
    assert torch.equal(first.upscale(LR), again.upscale(LR))
    assert not torch.equal(first.upscale(LR), other.upscale(LR))


@pytest.mark.parametrize(("scale", "phase"), [(2, None), (4, None), (4, 0.0)])
def test_what_comes_out(scale, phase):
    sr, estimate = fit_predict(LR, scale, steps=1, phase=phase)
    assert sr.shape == (1, 3, 34 * scale, 40 * scale)
    assert 0 <= float(sr.min()) <= float(sr.max()) <= 1
    assert estimate.blur.shape == (1, 1, 34 * scale, 40 * scale)
    assert estimate.blur.unique().numel() == 1
    side = round(estimate.kernels.shape[1] ** 0.5)
    assert estimate.kernels.shape == (1, side**2, 34, 40)
    torch.testing.assert_close(estimate.kernels.sum(dim=1), torch.ones(1, 34, 40))
    kernel = estimate.kernels[0, :, 0, 0].view(side, side)
    goal = side // 2 + ((scale - 1) / 2 if phase is None else phase)
    place = torch.arange(side, dtype=torch.float32)
    assert float(kernel.sum(dim=1) @ place) == pytest.approx(goal, abs=0.1)


def test_the_network_of_the_enlargement_learns():
    window = torch.from_numpy(gaussian_window(1.0, 2.0)).float()
    torch.manual_seed(0)
    learner = enlarger.EnlargementLearner(ZSSRNet(16, 4), LR, window[:, None] * window, 2, 0.0)
    before = learner.error()
    enlarger.fit_enlargement(learner, 30)
    assert learner.error() < 0.9 * before


def test_the_rate_falls_when_errors_do_not_and_ends_the_training():
    learner = enlarger.EnlargementLearner(ZSSRNet(4, 2), LR, torch.ones(1, 1), 2, 0.0)
    learner.error = lambda: 1.0 + 1e-3 * (len(learner.errors) % 2)
    went = [index for index in range(3000) if learner.judge(index)]
    assert len(went) < 1200
    assert learner.rate < 9e-6
    learner = enlarger.EnlargementLearner(ZSSRNet(4, 2), LR, torch.ones(1, 1), 2, 0.0)
    learner.error = lambda: 1.0 - 0.01 * len(learner.errors)
    assert all(learner.judge(index) for index in range(3000))
    assert learner.rate == 1e-3


def test_crops_lie_inside_and_where_there_is_something_to_see():
    picture = np.zeros((60, 70, 3))
    picture[:, 50:] = 1
    importance = crops.gradient_map(picture)
    chances = crops.probability(importance, 20)
    assert chances.sum() == pytest.approx(1)
    found = crops.corners(chances, 20, 200, np.random.default_rng(0))
    assert (found >= 0).all()
    assert (found <= (40, 50)).all()
    assert (found % 2 == 0).all()
    assert (abs(found[:, 1] + 10 - 50) <= 14).all()
    flat = crops.probability(crops.gradient_map(np.ones((60, 70, 3))), 20)
    assert np.isfinite(flat).all()
    assert crops.loss_map(np.ones((9, 9, 3))).mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("lr", "options", "part"),
    [
        (LR[..., :20, :], {}, "40 x 20 pixels, expected at least 28 a side"),
        (LR, {"scale": 3}, "scale: 3, expected 2 or 4"),
        (LR, {"steps": 0}, "steps: 0, expected at least 1"),
        (LR, {"bicubic": "grey"}, "bicubic_loss: 'grey'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(lr, options, part):
    with pytest.raises(BlindSRError, match=part) as caught:
        fit(lr, **{"steps": 1} | options)
    assert "\n" not in str(caught.value)


def test_the_command_learns_says_how_long_and_writes(tmp_path, capsys):
    photo, small = tmp_path / "photo.png", tmp_path / "small.png"
    pixels = (255 * LR[0].permute(1, 2, 0).numpy()).astype(np.uint8)
    Image.fromarray(pixels).save(photo)
    Image.fromarray(pixels[:20]).save(small)
    words = ["upscale", str(photo), str(small), "-o", str(tmp_path / "out"), "--model", "kernelgan"]
    assert main([*words, "--steps", "1", "--save-maps"]) == 1
    out, err = capsys.readouterr()
    assert "learns from this picture alone, at most" in out
    assert "40 x 20 pixels, expected at least 28 a side" in err
    assert "Traceback" not in err
    with Image.open(tmp_path / "out" / "photo.png") as image_:
        assert image_.size == (160, 136)
    assert not (tmp_path / "out" / "small.png").exists()
    assert main(["upscale", str(photo), "-o", str(tmp_path / "x"), "--steps", "3"]) == 2
    assert "--steps: 3" in capsys.readouterr().err
    assert main([*words, "--layout", "fixed"]) == 2
    assert "--layout: fixed for kernelgan" in capsys.readouterr().err


def test_the_time_is_measured():
    once = expected_seconds(LR, 4, steps=10)
    assert 0 < once < expected_seconds(LR, 4, steps=10_000)
