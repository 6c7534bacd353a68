import cv2
import numpy as np
import pytest
import torch

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import DOWNSAMPLERS, downsample, phase, upsample, upsample_rows


def matlab_imresize(image, scale):
    """1/scale bicubic of MATLAB along rows, by its published contributions(): one row at a time."""

    def cubic(x):
        x = np.abs(x)
        near = (1.5 * x - 2.5) * x * x + 1
        far = ((-0.5 * x + 2.5) * x - 4) * x + 2
        return np.where(x <= 1, near, np.where(x <= 2, far, 0))

    length = image.shape[0]
    out = np.zeros((length // scale, *image.shape[1:]))
    mirror = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    for i in range(1, length // scale + 1):  # MATLAB counts from one
        u = i * scale + 0.5 * (1 - scale)
        left = int(np.floor(u - 4 * scale / 2))
        indices = left + np.arange(4 * scale + 2)
        weights = cubic((u - indices) / scale) / scale
        weights /= weights.sum()
        for index, weight in zip(indices, weights, strict=True):
            out[i - 1] += weight * image[mirror[(index - 1) % (2 * length)]]
    return out


def psnr(a, b):
    return -10 * np.log10(np.mean((np.asarray(a, np.float64) - b) ** 2))


@pytest.fixture(scope="module")
def smooth():
    """Band-limited picture: a shift by half a pixel costs it many decibels."""
    noise = np.random.default_rng(0).random((128, 160, 3)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 4) * 6 - 2.5, 0, 1)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_equals_matlab(scale):
    image = np.random.default_rng(1).random((12 * scale, 5 * scale, 3))
    expected = matlab_imresize(matlab_imresize(image, scale).swapaxes(0, 1), scale).swapaxes(0, 1)
    np.testing.assert_allclose(downsample(image, scale, "bicubic"), expected, atol=1e-12)


def test_bicubic_of_a_picture_smaller_than_its_filter():
    image = np.random.default_rng(2).random((4, 8))
    expected = matlab_imresize(matlab_imresize(image, 4).T, 4).T
    np.testing.assert_allclose(downsample(image, 4, "bicubic"), expected, atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_area_and_sfold(scale, smooth):
    image = smooth[: 30 * scale, : 20 * scale]
    blocks = image.reshape(30, scale, 20, scale, 3).mean((1, 3))
    np.testing.assert_allclose(downsample(image, scale, "area"), blocks, atol=1e-6)
    opencv = cv2.resize(image, (20, 30), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(downsample(image, scale, "area"), opencv, atol=1e-6)
    np.testing.assert_array_equal(downsample(image, scale, "sfold"), image[::scale, ::scale])


@pytest.mark.parametrize("method", DOWNSAMPLERS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_phase_is_the_position_of_the_first_pixel(method, scale):
    """On a ramp every down-sampler reads the coordinate of its own pixels."""
    ramp = np.tile(np.arange(24 * scale, dtype=np.float64), (4 * scale, 1))
    lr = downsample(ramp, scale, method)
    inner = np.arange(4, 20)
    expected = scale * inner + phase(method, scale)
    np.testing.assert_allclose(lr[2, 4:20], expected, atol=1e-9)
    assert phase(method, scale) == {"sfold": 0.0}.get(method, (scale - 1) / 2)


@pytest.mark.parametrize("method", DOWNSAMPLERS)
@pytest.mark.parametrize("up", ["bicubic", "bilinear"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_up_after_down_does_not_shift(method, up, scale):
    """A ramp comes back exactly and an impulse keeps its centre of mass, away from the borders."""
    size = 16 * scale
    ramp = np.add.outer(np.arange(size, dtype=np.float64), 2.0 * np.arange(size))
    back = upsample(downsample(ramp, scale, method), scale, phase=phase(method, scale), method=up)
    inner = slice(5 * scale, -5 * scale)
    np.testing.assert_allclose(back[inner, inner], ramp[inner, inner], atol=1e-8)
    lr = np.zeros((16, 16))
    lr[7, 8] = 1
    hr = upsample(lr, scale, phase=phase(method, scale), method=up)
    rows, columns = np.mgrid[:size, :size]
    centre = np.array([(hr * rows).sum(), (hr * columns).sum()]) / hr.sum()
    np.testing.assert_allclose(centre, np.array([7, 8]) * scale + phase(method, scale), atol=1e-9)


@pytest.mark.parametrize("method", DOWNSAMPLERS)
def test_nearest_is_never_off_by_more_than_half_an_lr_pixel(method):
    ramp = np.tile(np.arange(64, dtype=np.float64), (64, 1))
    back = upsample(downsample(ramp, 4, method), 4, phase=phase(method, 4), method="nearest")
    assert np.abs(back - ramp)[:, 20:-20].max() <= 2
    block = upsample(np.arange(3.0)[None], 4, phase=1.5, method="nearest")
    np.testing.assert_array_equal(block, np.arange(3.0).repeat(4)[None].repeat(4, axis=0))


@pytest.mark.parametrize("method", DOWNSAMPLERS)
def test_a_wrong_phase_costs_decibels(method, smooth):
    lr = downsample(smooth, 4, method)
    right, wrong = phase(method, 4), 1.5 - phase(method, 4)
    good = psnr(upsample(lr, 4, phase=right), smooth)
    bad = psnr(upsample(lr, 4, phase=wrong), smooth)
    assert good > bad + 5
    # The phase is also the best one on a fine search.
    around = [psnr(upsample(lr, 4, phase=right + d), smooth) for d in (-0.5, -0.25, 0.25, 0.5)]
    assert good > max(around)


@pytest.mark.parametrize("method", DOWNSAMPLERS)
def test_tensor_equals_array_and_has_gradients(method, smooth):
    tensor = torch.from_numpy(smooth).permute(2, 0, 1)[None].requires_grad_()
    lr = downsample(tensor, 4, method)
    assert lr.shape == (1, 3, 32, 40)
    expected = downsample(smooth, 4, method)
    np.testing.assert_allclose(lr[0].detach().permute(1, 2, 0), expected, atol=1e-6)
    for up in ("bicubic", "bilinear", "nearest"):
        hr = upsample(lr, 4, phase=phase(method, 4), method=up)
        assert hr.shape == tensor.shape
        np.testing.assert_allclose(
            hr[0].detach().permute(1, 2, 0),
            upsample(expected, 4, phase=phase(method, 4), method=up),
            atol=1e-6,
        )
    hr.sum().backward()
    # Every up-sampler has unit mean gain, and so has every down-sampler.
    assert tensor.grad.sum().item() == pytest.approx(tensor.numel(), rel=1e-4)


def test_constants_stay_constant_up_to_the_border():
    for method in DOWNSAMPLERS:
        np.testing.assert_allclose(downsample(np.full((8, 12), 0.3), 4, method), 0.3, atol=1e-12)
    for up in ("bicubic", "bilinear", "nearest"):
        for where in (-3.0, 0.0, 1.5, 5.0):
            out = upsample(np.full((1, 2), 0.3), 4, phase=where, method=up)
            np.testing.assert_allclose(out, np.full((4, 8), 0.3), atol=1e-12)


def test_integers_become_float():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert downsample(image, 4, "area").dtype == np.float32
    assert upsample(image, 2, phase=0.5).dtype == np.float32


def test_bad_input_is_named():
    image = np.zeros((9, 8), np.float32)
    with pytest.raises(DataError, match=r"8 x 9 pixels, expected multiples of 4"):
        downsample(image, 4, "area")
    with pytest.raises(ConfigError, match="sfold, bicubic, area"):
        downsample(image, 3, "lanczos")
    with pytest.raises(ConfigError, match="bicubic, bilinear, nearest"):
        upsample(image, 3, phase=0, method="lanczos")
    with pytest.raises(ConfigError, match="scale"):
        downsample(image, 0, "area")
    with pytest.raises(DataError, match="N, C, H, W"):
        downsample(torch.zeros(3, 8, 8), 4, "area")
    with pytest.raises(DataError, match="H, W"):
        downsample(np.zeros(8, np.float32), 4, "area")
    with pytest.raises(ConfigError, match="downsampler"):
        phase("nearest", 4)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("method", ["bicubic", "bilinear", "nearest"])
@pytest.mark.parametrize("kind", ["sfold", "area"])
def test_rows_equal_those_of_the_whole(scale, method, kind):
    image = np.random.default_rng(0).random((13, 7, 3), np.float32)
    options = {"phase": phase(kind, scale), "method": method}
    whole = upsample(image, scale, **options)
    for step in (1, 5, 64):
        for top in range(0, len(whole), step):
            rows = range(top, min(top + step, len(whole)))
            part = upsample_rows(image, scale, rows=rows, **options)
            np.testing.assert_array_equal(part, whole[rows.start : rows.stop])
