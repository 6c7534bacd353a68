import dataclasses
import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch.nn import functional

from blindsr.degradation.random.kernel_shapes import shifted_window
from blindsr.degradation.random.operators import (
    compress_jpeg,
    resize_opencv,
    resize_torch,
    unsharp_mask,
)
from blindsr.degradation.random.steps import (
    STEPS,
    Blur,
    BlurAndStride,
    MatlabHalve,
    Quantise,
    Resize,
    Sinc,
    TorchResize,
)
from blindsr.imaging import downsample

LR = (10, 12)


@pytest.fixture(scope="module")
def image():
    noise = np.random.default_rng(0).random((40, 48, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 1.0) * 3 - 1, 0, 1).astype(np.float32)


def test_blur_uses_its_kernel(image):
    for step in (
        Blur(9, 1.2, 1.2),
        Blur(15, 2.0, 0.7, 0.5),
        Blur(11, 1.5, 1.0, 0.5, "generalised", 0.8),
        Blur(11, 1.5, 1.0, 0.5, "plateau", 1.7),
        Sinc(13, 1.4),
    ):
        expected = ndimage.convolve(image, step.kernel()[..., None], mode="mirror")
        np.testing.assert_allclose(step(image, LR), expected, atol=3e-6)


@pytest.mark.parametrize("stride", [2, 4])
def test_blur_and_stride_is_a_shifted_convolution_that_stays_aligned(image, stride):
    window = shifted_window(25, 0.5 * stride, (stride - 1) / 2)
    kernel = np.outer(window, window)[..., None]
    expected = ndimage.convolve(image, kernel, mode="mirror")[::stride, ::stride]
    result = BlurAndStride(25, 0.5 * stride, stride)(image, LR)
    np.testing.assert_allclose(result, expected, atol=3e-6)
    ramp = np.tile(np.linspace(0.2, 0.8, 80, dtype=np.float32)[None, :, None], (80, 1, 3))
    inner = slice(28 // stride, -(28 // stride))
    centred = downsample(ramp, stride, "area")[inner, inner]
    strided = BlurAndStride(25, 0.5 * stride, stride)(ramp, (80 // stride,) * 2)
    np.testing.assert_allclose(strided[inner, inner], centred, atol=1e-5)


def test_halving_is_matlab_bicubic(image):
    expected = np.clip(downsample(image, 2, "bicubic"), 0, 1)
    np.testing.assert_array_equal(MatlabHalve()(image, LR), expected)


def test_sizes_are_rounded_down_and_relative_to_the_image_or_to_lr(image):
    assert Resize(0.77, "image", "cubic")(image, LR).shape == (30, 36, 3)
    assert Resize(1.0, "lr", "linear")(image, LR).shape == (10, 12, 3)
    assert Resize(0.01, "image", "area")(image, LR).shape == (1, 1, 3)
    assert TorchResize(0.77, "image", "area")(image, LR).shape == (30, 36, 3)
    assert TorchResize(1.19, "lr", "bicubic")(image, LR).shape == (11, 14, 3)
    np.testing.assert_array_equal(TorchResize(1.0, "image", "bicubic")(image, LR), image)


def test_cubic_overshoot_is_clipped_by_opencv_steps_only():
    edge = np.zeros((32, 32, 3), np.float32)
    edge[:, 16:] = 1
    up = Resize(1.7, "image", "cubic")(edge, LR)
    assert up.min() == 0
    assert up.max() == 1
    assert TorchResize(1.7, "image", "bicubic")(edge, LR).max() > 1.01


@pytest.mark.parametrize("size", [(17, 31), (61, 90)])
def test_torch_and_opencv_agree_on_lines_and_cubics_only(image, size):
    """Why PyTorch does the resizing of Real-ESRGAN: its area filter is another one."""
    for mode, name in (("bilinear", "linear"), ("bicubic", "cubic")):
        ours = np.clip(resize_torch(image, mode, size=size), 0, 1)
        np.testing.assert_allclose(ours, resize_opencv(image, size, name), atol=3e-3)
    area = resize_torch(image, "area", size=size)
    assert np.abs(area - resize_opencv(image, size, "area")).max() > 0.02


def test_torch_resize_by_factor_keeps_the_factor_as_pixel_step(image):
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()
    for mode in ("bilinear", "bicubic", "area"):
        expected = functional.interpolate(tensor, scale_factor=0.37, mode=mode)
        result = resize_torch(image, mode, factor=0.37)
        np.testing.assert_allclose(result, expected[0].permute(1, 2, 0).numpy(), atol=1e-6)
    by_size = resize_torch(image, "bilinear", size=(14, 17))
    assert np.abs(by_size - resize_torch(image, "bilinear", factor=0.37)).max() > 0.02


def test_jpeg_is_that_of_pillow_in_the_order_rgb():
    image = np.zeros((32, 32, 3), np.float32)
    image[..., 0], image[..., 1] = 0.9, np.linspace(0, 0.5, 32)[:, None]
    data = io.BytesIO()
    rounded = Image.fromarray(np.rint(image * 255).astype(np.uint8))
    rounded.save(data, "JPEG", quality=60, subsampling="4:2:0")
    expected = np.asarray(Image.open(data), dtype=np.float32) / 255
    result = compress_jpeg(image, 60)
    np.testing.assert_allclose(result, expected, atol=2.5 / 255)
    np.testing.assert_allclose(result * 255, np.rint(result * 255), atol=1e-4)


def test_jpeg_rounds_instead_of_cutting_off():
    for value in (100.4, 100.6):
        image = np.full((16, 16, 3), value / 255, np.float32)
        np.testing.assert_allclose(compress_jpeg(image, 95) * 255, round(value), atol=0.01)


def test_lower_quality_is_worse(image):
    errors = [np.abs(compress_jpeg(image, quality) - image).mean() for quality in (95, 60, 30)]
    assert errors == sorted(errors)
    assert errors[2] > 1.5 * errors[0]


def test_quantise_rounds_and_clips():
    image = np.array([-0.2, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.3], np.float32)
    result = Quantise()(np.tile(image[:, None, None], (1, 2, 3)), LR)
    np.testing.assert_allclose(result[:, 0, 0] * 255, [0, 0, 1, 255, 255], atol=1e-4)


def test_sharpening_equals_its_formula_and_spares_flat_regions(image):
    taps = cv2.getGaussianKernel(51, 0)[:, 0]
    kernel = np.outer(taps, taps)[..., None]
    residual = image - ndimage.convolve(image.astype(np.float64), kernel, mode="mirror")
    soft = ndimage.convolve((np.abs(residual) > 10 / 255) * 1.0, kernel, mode="mirror")
    expected = soft * np.clip(image + 0.5 * residual, 0, 1) + (1 - soft) * image
    np.testing.assert_allclose(unsharp_mask(image), expected, atol=2e-3)
    faint = 0.5 + (image - 0.5) * 0.01
    np.testing.assert_allclose(unsharp_mask(faint), faint, atol=1e-6)
    assert unsharp_mask(image).std() > image.std()


def test_steps_are_frozen_records():
    for kind in STEPS:
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen
    with pytest.raises(dataclasses.FrozenInstanceError):
        Blur(9, 1.0, 1.0).size = 11
