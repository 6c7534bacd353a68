import cv2
import numpy as np
import pytest
from scipy import ndimage

from blindsr.degradation.random.kernel_shapes import gaussian_kernel, gaussian_taps, sinc_kernel
from blindsr.degradation.random.operators import (
    compress_jpeg,
    convolve,
    convolve_separable,
    resize_opencv,
    resize_torch,
    scaled_size,
    unsharp_mask,
)


def slow(image, kernel):
    return ndimage.convolve(image.astype(np.float64), kernel[..., None], mode="mirror")


@pytest.mark.parametrize("shape", [(40, 52, 3), (19, 33, 3), (6, 9, 3), (3, 2, 3), (1, 5, 3)])
@pytest.mark.parametrize("size", [3, 11, 13, 25])
def test_equals_scipy_even_where_the_image_is_smaller_than_the_kernel(shape, size):
    rng = np.random.default_rng(size)
    image = rng.random(shape).astype(np.float32)
    kernel = rng.random((size, size))
    kernel /= kernel.sum()
    np.testing.assert_allclose(convolve(image, kernel), slow(image, kernel), atol=2e-6)
    taps = kernel.sum(0)
    expected = slow(image, np.outer(taps, taps))
    np.testing.assert_allclose(convolve_separable(image, taps), expected, atol=2e-6)


@pytest.mark.parametrize(
    "kernel",
    [gaussian_kernel(25, 0.8, 0.5, 1.0), gaussian_kernel(25, 2.8, 0.3, 0.4), sinc_kernel(21, 1.2)],
)
def test_leaving_out_negligible_rings_is_not_seen(kernel):
    image = np.random.default_rng(0).integers(0, 2, (48, 48, 3)).astype(np.float32)
    np.testing.assert_allclose(convolve(image, kernel), slow(image, kernel), atol=3e-6)
    np.testing.assert_allclose(convolve(np.ones_like(image), kernel), 1, atol=2e-6)


def test_image_is_left_alone_and_noncontiguous_views_work():
    image = np.random.default_rng(1).random((30, 30, 3)).astype(np.float32)
    before = image.copy()
    taps = gaussian_taps(9, 1.5)
    halved = convolve_separable(image[::2, ::2], taps)
    np.testing.assert_array_equal(
        halved, convolve_separable(np.ascontiguousarray(image[::2, ::2]), taps)
    )
    np.testing.assert_array_equal(image, before)


def test_sizes_are_scaled_each_for_itself_and_rounded_down():
    assert scaled_size((10, 27), 0.37) == (3, 9)
    assert scaled_size((10, 27), 2.5) == (25, 67)
    assert scaled_size((10, 27), 0.05) == (1, 1)


def test_resizing_to_a_size_clips_what_a_cubic_overshoots():
    step = np.zeros((8, 12, 3), np.float32)
    step[:, 6:] = 1
    for name in ("linear", "cubic", "area"):
        large = resize_opencv(step, (16, 30), name)
        assert large.shape == (16, 30, 3)
        assert (large.min(), large.max()) == (0, 1)
    assert resize_torch(step, "bicubic", size=(16, 30)).max() > 1
    assert resize_torch(step, "bilinear", factor=0.3).shape == (2, 3, 3)


def test_jpeg_is_in_steps_of_eight_bit_and_better_with_its_quality():
    image = np.random.default_rng(0).random((32, 32, 3), np.float32)
    found = [compress_jpeg(image, quality) for quality in (30, 95)]
    for one in found:
        np.testing.assert_allclose(one * 255, np.rint(one * 255), atol=1e-4)
    errors = [np.abs(one - image).mean() for one in found]
    assert errors[0] > errors[1] > 0
    red = np.zeros((16, 16, 3), np.float32)
    red[..., 0] = 1
    assert compress_jpeg(red, 95)[8, 8].argmax() == 0


def test_sharpening_follows_its_formula_and_leaves_flat_noise_alone():
    rng = np.random.default_rng(1)
    step = np.full((64, 64, 3), 0.3, np.float32)
    step[:, 32:] = 0.7
    sharp = unsharp_mask(step, weight=0.5)
    residual = step - cv2.GaussianBlur(step, (51, 51), 0)
    soft = cv2.GaussianBlur((np.abs(residual) * 255 > 10).astype(np.float32), (51, 51), 0)
    expected = soft * np.clip(step + 0.5 * residual, 0, 1) + (1 - soft) * step
    np.testing.assert_allclose(sharp, expected, atol=1e-6)
    assert sharp[32, 33, 0] > 0.72
    noise = (0.5 + rng.uniform(-8, 8, (64, 64, 3)) / 255).astype(np.float32)
    np.testing.assert_array_equal(unsharp_mask(noise), noise)
