"""The model in the box gains over bicubic, and by its map, on a picture that no training saw."""

from dataclasses import replace

import numpy as np
import pytest

import blindsr
from blindsr.data.scenes.photographs import photograph
from blindsr.degradation.gather import gather_blur
from blindsr.degradation.random.operators import compress_jpeg
from blindsr.imaging.resize import downsample, upsample
from blindsr.restore import Restorer

SIGMA_MAX = 6.0


@pytest.fixture(scope="module")
def model():
    return blindsr.load(device="cpu")


@pytest.fixture(scope="module")
def pictures():
    """HR and blurred HR: sharp in the middle of the left side, softer to the right."""
    hr = photograph("astronaut")[:320, 96:416].astype(np.float32) / np.float32(255)
    rising = np.linspace(-1, SIGMA_MAX, hr.shape[1], dtype=np.float32).clip(0)
    blur = np.repeat(rising[None], len(hr), axis=0)
    return hr, gather_blur(hr, blur, sigma_max=2 * SIGMA_MAX), blur


def reduced(picture):
    return np.rint(np.clip(downsample(picture, 4, "area"), 0, 1) * 255).astype(np.float32) / 255


def psnr(picture, hr):
    error = (np.clip(picture, 0, 1) - hr)[8:-8, 8:-8]
    return -10 * np.log10(np.mean(np.square(error, dtype=np.float64)))


def gain(model, lr, hr, **options):
    bicubic = upsample(lr, 4, phase=1.5)
    return psnr(model.upscale(lr, keep_blur=0.0, **options), hr) - psnr(bicubic, hr)


def noisy(lr):
    return np.clip(lr + np.random.default_rng(0).normal(0, 5 / 255, lr.shape), 0, 1).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("worn", "sharp", "least"),
    [
        (lambda lr: lr, True, 0.8),
        (lambda lr: lr, False, 0.6),
        (lambda lr: compress_jpeg(lr, 75), False, 0.4),
        (noisy, False, 0.5),
    ],
    ids=["sharp", "blurred", "jpeg", "noise"],
)
def test_gain_over_bicubic(model, pictures, worn, sharp, least):
    hr, blurred, _ = pictures
    lr = worn(reduced(hr if sharp else blurred))
    assert gain(model, lr, hr) > least


def test_the_estimated_map_is_worth_more_than_its_own_mean(model, pictures):
    hr, blurred, _ = pictures
    lr = reduced(blurred)
    told = Restorer(replace(model._model, estimator=None))
    mean = float(model.estimate(lr).blur.mean())
    constant = psnr(told.upscale(lr, blur=mean), hr)
    assert psnr(model.upscale(lr, keep_blur=0.0), hr) > constant + 0.1


def counting(model):
    """The same model, and the pixels that its restorer has computed."""
    inner, computed = model._model.upscaler, []

    def run(lr, **maps):
        computed.append(lr.shape[2] * lr.shape[3])
        return inner.run(lr, **maps)

    return Restorer(replace(model._model, upscaler=replace(inner, run=run))), computed


@pytest.mark.parametrize("tile", [0, 64])
def test_what_is_kept_is_not_restored_first(model, pictures, tile):
    """The soft half is the enlargement whatever the restorer says, so it is not asked."""
    hr = pictures[0]
    soft = gather_blur(hr, np.full(hr.shape[:2], 14, np.float32), sigma_max=28)
    lr = np.concatenate([reduced(part) for part in (hr, soft)], axis=1)
    inner = model._model.upscaler
    everywhere = replace(inner, needs=inner.needs._replace(context=None))
    all_of_it = Restorer(replace(model._model, upscaler=everywhere))
    wanted, before = counting(all_of_it)
    spared, after = counting(model)
    expected = wanted.upscale(lr, tile=tile)
    np.testing.assert_allclose(spared.upscale(lr, tile=tile), expected, atol=2e-5)
    assert sum(after) < 0.8 * sum(before)
    all_kept = spared.upscale(lr, tile=tile, keep_blur=1.0)
    np.testing.assert_allclose(all_kept, wanted.upscale(lr, tile=tile, keep_blur=1.0), atol=2e-5)
    before.clear(), after.clear()
    np.testing.assert_array_equal(
        spared.upscale(lr, tile=tile, keep_blur=0.0), wanted.upscale(lr, tile=tile, keep_blur=0.0)
    )
    assert before == after
