import numpy as np
import pytest
from scipy import ndimage

from blindsr.degradation.random.kernel_shapes import gaussian_kernel, gaussian_taps, sinc_kernel
from blindsr.degradation.random.operators import convolve, convolve_separable


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
