import numpy as np
import pytest

from blindsr.errors import ConfigError
from blindsr.imaging.photo import read_photo
from blindsr.imaging.resize import upsample
from blindsr.photo.prefilter import PREFILTERS, prefilter

RNG = np.random.default_rng(0)


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
