"""How well a result gives back its input, measured in strips."""

import math

import cv2
import numpy as np
import pytest
import torch
from tests.helpers.told_blur import ToldBlur, inverting, restorer

from blindsr.degradation import gather_blur
from blindsr.imaging.resize import DOWNSAMPLERS, downsample, upsample
from blindsr.inference.blur.consistency import ConsistencyMeter
from blindsr.inference.tiles import plan
from blindsr.types import DataFacts

SCALE = 4
SHAPE = 70, 50


def scene(seed=0):
    """HR picture (280, 200, 3) and a sigma map from 0 to 10 HR pixels."""
    height, width = (SCALE * side for side in SHAPE)
    noise = np.random.default_rng(seed).random((height, width, 3), np.float32)
    hr = np.clip((cv2.GaussianBlur(noise, (0, 0), 1.5) - 0.5) * 4 + 0.5, 0, 1)
    sigma = np.tile(np.linspace(0, 10, width, dtype=np.float32), (height, 1))
    return hr, sigma


def reduced(hr, sigma, downsampler):
    blurred = gather_blur(hr, sigma, sigma_max=40.0)
    return np.clip(downsample(blurred, SCALE, downsampler), 0, 1)


def measured(lr, hr, sigma, downsampler, step=None):
    meter = ConsistencyMeter(lr, SCALE, downsampler)
    step = step or len(hr)
    parts = []
    for top in range(0, len(hr), step):
        rows = slice(top, top + step)
        parts.append(meter.add(hr[rows], None if sigma is None else sigma[rows]))
    return meter.decibels, np.concatenate(parts)


@pytest.mark.parametrize("downsampler", DOWNSAMPLERS)
def test_the_true_picture_with_its_blur_gives_back_the_input(downsampler):
    hr, sigma = scene()
    lr = reduced(hr, sigma, downsampler)
    decibels, error = measured(lr, hr, sigma, downsampler)
    assert decibels > 55
    assert error.shape == SHAPE
    assert -10 * math.log10(np.square(error).mean()) == pytest.approx(decibels, abs=1e-3)
    assert measured(lr, hr, None, downsampler)[0] < 30


@pytest.mark.parametrize("step", [1, 37, 64])
def test_strips_measure_what_the_whole_does(step):
    hr, sigma = scene()
    lr = np.rint(reduced(hr, sigma, "bicubic") * 255).astype(np.uint8)
    whole = measured(lr, hr[::-1].copy(), sigma, "bicubic")
    strips = measured(lr, hr[::-1].copy(), sigma, "bicubic", step)
    assert strips[0] == pytest.approx(whole[0], abs=1e-4)
    np.testing.assert_allclose(strips[1], whole[1], atol=1e-5)


def test_the_meter_holds_a_window_and_not_the_picture():
    meter = ConsistencyMeter(np.zeros((400, 8, 3), np.uint8), SCALE, "area")
    given = 0
    for _ in range(25):
        given += len(meter.add(np.zeros((64, 32, 3), np.float32), None))
        assert len(meter._sr) <= SCALE * (2 * 27 + 2 * 32)
    assert given == 400
    assert meter.decibels == math.inf


def test_the_map_shows_where_it_does_not_fit():
    hr, sigma = scene()
    lr = reduced(hr, 0 * sigma, "area")
    hr[120:160, 80:120] = 1 - hr[120:160, 80:120]
    _, error = measured(lr, hr, None, "area")
    wrong = np.zeros(SHAPE, bool)
    wrong[30:40, 20:30] = True
    assert error[wrong].mean() > 0.1
    assert error[~wrong].max() < 1e-5


def test_kept_blur_is_not_put_back_a_second_time(monkeypatch):
    """Where the result is as blurred as the input, it gives back the input as it is."""
    hr, _ = scene()
    blurred = gather_blur(hr, np.full(hr.shape[:2], 12, np.float32), sigma_max=40.0)
    lr = downsample(blurred, SCALE, "bicubic")
    sees = ToldBlur(1)
    lr[..., 2] = 3 / 8  # sigma 12 HR pixels
    monkeypatch.setattr(plan, "blur_in_box", lambda *_: sees.estimator())

    def enlarged(x, *_):
        return upsample(x, SCALE, phase=1.5).clamp(0, 1)

    model = restorer(enlarged, SCALE)
    assert model.downsampler == "bicubic"
    kept = model.upscale(lr, keep_blur=0.3, consistency=True)[1]
    twice = model.upscale(lr, keep_blur=0, consistency=True)[1]
    assert kept.decibels > 45
    assert twice.decibels < kept.decibels - 10


def test_a_mixture_has_removed_less_than_the_whole():
    """Blurring a share a of the sharp and the rest of the blurred once more by sqrt(a) sigma."""
    hr, _ = scene()
    sigma = np.full(hr.shape[:2], 4, np.float32)
    blurred = gather_blur(hr, sigma, sigma_max=40.0)
    lr = downsample(blurred, SCALE, "area")
    share = np.float32(0.5)
    mixture = share * hr + (1 - share) * blurred
    best = measured(lr, mixture, np.sqrt(share) * sigma, "area")[0]
    assert best > measured(lr, mixture, sigma, "area")[0] + 3
    assert best > measured(lr, mixture, 0 * sigma, "area")[0] + 3


def test_every_kind_of_picture_comes_with_its_consistency(monkeypatch):
    monkeypatch.setattr(plan, "blur_in_box", lambda *_: ToldBlur(1).estimator())
    model = inverting()
    image = np.random.default_rng(0).random((20, 30, 3), np.float32)
    large, report = model.upscale(image, consistency=True, keep_blur=0)
    assert large.shape == (40, 60, 3)
    assert report.error.shape == (20, 30)
    assert report.decibels < 20
    batch = torch.from_numpy(image).permute(2, 0, 1).repeat(2, 1, 1, 1)
    large, reports = model.upscale(batch, consistency=True, keep_blur=0)
    assert large.shape == (2, 3, 40, 60)
    assert [one.decibels for one in reports] == [report.decibels] * 2
    large, one = model.upscale(batch[0], consistency=True, strength=0)
    assert large.shape == (3, 40, 60)
    assert one.decibels > report.decibels + 10


def test_what_a_file_declares_decides_phase_and_down_sampler():
    def enlarged(x, *_):
        return upsample(x, 2, phase=0.5).clamp(0, 1)

    facts = DataFacts(2, 0.5, "area", 0.0, 1)
    model = restorer(enlarged, 2, facts=facts)
    assert (model.phase, model.downsampler) == (0.5, "area")
    for scale, phase, name in ((2, 0.5, "bicubic"), (4, 0.0, "sfold")):
        found = restorer(lambda x, *_, s=scale, p=phase: upsample(x, s, phase=p), scale)
        assert (found.phase, found.downsampler) == (phase, name)
