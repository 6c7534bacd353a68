import numpy as np
import pytest

from blindsr.drawing.overview import Overview, shrink

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(40, 60, 3), (41, 63), (40, 1)])
def test_an_overview_averages_blocks_whatever_the_strips(shape):
    image = RNG.random(shape, np.float32)
    overview = Overview(*shape[:2], largest=20)
    for top in range(0, shape[0], 7):
        overview.add(top, image[top : top + 7])
    down, across = overview.steps
    cut = image[: shape[0] // down * down, : shape[1] // across * across]
    blocks = cut.reshape(shape[0] // down, down, shape[1] // across, across, *shape[2:])
    np.testing.assert_allclose(overview.image, blocks.mean(axis=(1, 3)), atol=1e-6)
    np.testing.assert_array_equal(shrink(image, largest=20), shrink(image, largest=20))


def test_an_overview_of_classes_takes_no_averages():
    classes = RNG.choice(np.array([0, 7, 255], np.uint8), (50, 33))
    overview = Overview(50, 33, largest=10, average=False)
    for top in range(0, 50, 4):
        overview.add(top, classes[top : top + 4])
    np.testing.assert_array_equal(overview.image, classes[2::5, 2::5][:10, :6])
    assert overview.image.dtype == np.uint8


def test_a_small_picture_is_its_own_overview():
    image = RNG.random((30, 20, 3), np.float32)
    np.testing.assert_allclose(shrink(image), image, atol=1e-7)
