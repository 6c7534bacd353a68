"""What is made of pictures that come in strips equals what is made of whole ones."""

import numpy as np
import pytest

from blindsr.drawing.overview import Overview, shrink
from blindsr.errors import ConfigError
from blindsr.imaging.photo import read_photo
from blindsr.imaging.resize import phase, upsample, upsample_rows
from blindsr.inference.phase_probe import find_phase, phase_pattern
from blindsr.photo.prefilter import PREFILTERS, prefilter

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("method", ["bicubic", "bilinear", "nearest"])
@pytest.mark.parametrize("kind", ["sfold", "area"])
def test_rows_equal_those_of_the_whole(scale, method, kind):
    image = RNG.random((13, 7, 3), np.float32)
    options = {"phase": phase(kind, scale), "method": method}
    whole = upsample(image, scale, **options)
    for step in (1, 5, 64):
        for top in range(0, len(whole), step):
            rows = range(top, min(top + step, len(whole)))
            part = upsample_rows(image, scale, rows=rows, **options)
            np.testing.assert_array_equal(part, whole[rows.start : rows.stop])


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


@pytest.mark.parametrize("kind", ["sfold", "area"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_phase_of_a_network_is_found(kind, scale):
    lr = phase_pattern()
    sharper = upsample(lr, scale, phase=phase(kind, scale))
    sharper = sharper + 0.05 * RNG.standard_normal(sharper.shape)
    assert find_phase(lr, sharper.astype(np.float32), scale) == phase(kind, scale)


def psnr(first, second):
    return -10 * np.log10(np.mean((first / 255.0 - second / 255.0) ** 2))


@pytest.fixture
def scene():
    """A smooth picture with edges, 8 bit."""
    rng = np.random.default_rng(1)
    coarse = 0.5 * rng.random((10, 12, 1)) + 0.1 * rng.random((10, 12, 3)) + 0.2
    image = upsample(coarse, 12, phase=5.5)
    image[30:70, 40:90] = [0.8, 0.7, 0.6]
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def test_deblock_gains_on_a_jpeg(scene, tmp_path):
    from PIL import Image

    Image.fromarray(scene).save(tmp_path / "a.jpg", quality=40)
    compressed = read_photo(tmp_path / "a.jpg").color
    assert psnr(prefilter(compressed, "deblock"), scene) > psnr(compressed, scene) + 0.2


def test_denoise_gains_on_noise(scene):
    noisy = np.clip(scene + RNG.normal(0, 5, scene.shape), 0, 255).astype(np.uint8)
    assert psnr(prefilter(noisy, "denoise"), scene) > psnr(noisy, scene) + 1


@pytest.mark.parametrize("name", PREFILTERS)
def test_prefilters_keep_shape_depth_and_fine_levels(name, scene):
    for image in (scene, scene[..., 0], scene[:16, :16]):
        before = image.copy()
        filtered = prefilter(image, name)
        assert (filtered.shape, filtered.dtype) == (image.shape, np.uint8)
        np.testing.assert_array_equal(image, before)
        assert image.max() < 255
        deep = prefilter(image.astype(np.uint16) * 257 + 5, name)
        assert deep.dtype == np.uint16
        np.testing.assert_array_equal(deep, filtered * 257.0 + 5)
    with pytest.raises(ConfigError, match="none, denoise, deblock"):
        prefilter(scene, "sharpen")
