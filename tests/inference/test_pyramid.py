"""Known large blur, measured from the picture alone."""

import numpy as np
import pytest
import torch
from tests.helpers.fake_estimator import FakeEstimator, half_blurred

from blindsr.errors import ConfigError, DataError
from blindsr.inference.pyramid import estimate_pyramid, sigma_limit
from blindsr.restore import Maps

LEFT, RIGHT = (slice(40, -40), slice(40, 216)), (slice(40, -40), slice(296, -40))


@pytest.fixture(scope="module")
def picture():
    return half_blurred(6.0, height=512)


@pytest.fixture(scope="module")
def merged(picture):
    model = FakeEstimator()
    told = []
    maps = estimate_pyramid(model, picture, on_progress=lambda *what: told.append(what))
    return maps, model, told


def test_one_level_is_saturated(picture):
    blur = estimate_pyramid(FakeEstimator(), picture, factors=[1]).blur
    assert blur[LEFT].max() < 0.3
    np.testing.assert_allclose(blur[RIGHT], sigma_limit(FakeEstimator()), rtol=1e-5)  # 1.25


def test_a_pyramid_measures_a_known_large_blur(picture, merged):
    (blur, _), model, _ = merged
    assert model.sizes == [(512, 512), (256, 256), (128, 128), (64, 64)]
    assert blur.shape == picture.shape[:2]
    assert np.median(blur[RIGHT]) == pytest.approx(6, rel=0.1)
    assert (np.abs(blur[RIGHT] - 6) < 0.25 * 6).mean() > 0.95
    assert blur[LEFT].max() < 0.3  # the sharp half keeps what the finest level says


@pytest.mark.parametrize("true", [0.7, 1.5, 3.0])
def test_smaller_blurs_are_measured_too(true):
    blur = estimate_pyramid(FakeEstimator(), half_blurred(true)).blur
    assert np.median(blur[RIGHT]) == pytest.approx(true, rel=0.15)


def test_progress_ends_at_all(merged):
    done = [one for one, _ in merged[2]]
    assert done == sorted(done)
    assert done[-1] == 100
    assert 70 <= done[-4] < 100  # the finest level is three quarters of the work
    assert {total for _, total in merged[2]} == {100}


def test_classes_are_those_of_the_finest_level(picture, merged):
    np.testing.assert_array_equal(merged[0].seg, picture[..., 0] * (2.9 / 255) // 1)


def test_beginning_at_a_reduced_copy(picture, merged):
    model = FakeEstimator()
    blur, seg = estimate_pyramid(model, picture[:511, :510], factors=[3, 6, 12])
    assert model.sizes == [(171, 170), (86, 85), (43, 43)]
    assert blur.shape == seg.shape == (511, 510)
    assert np.median(blur[RIGHT]) == pytest.approx(6, rel=0.15)


def test_a_batch_of_tensors(picture, merged):
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    maps = estimate_pyramid(FakeEstimator(), tensor)
    assert maps.blur.shape == maps.seg.shape == (1, 512, 512)
    np.testing.assert_allclose(maps.blur[0], merged[0].blur, atol=1e-3)


class Restoring(FakeEstimator):
    """A model that would restore if it were asked for strips."""

    can_upscale = True

    def estimate(self, image, *, tile="auto"):
        strips = list(super().strips(image, tile=tile, maps=True))
        return Maps(np.concatenate([strip.blur for strip in strips]), None)

    def strips(self, *_, **__):
        raise AssertionError("restores")


def test_a_restorer_is_not_made_to_restore(picture, merged):
    blur, seg = estimate_pyramid(Restoring(), picture)
    np.testing.assert_array_equal(blur, merged[0].blur)
    assert seg is None


class ClassesOnly(FakeEstimator):
    """A model without a sigma map."""

    def strips(self, *args, **options):
        for strip in super().strips(*args, **options):
            yield strip._replace(blur=None)


def test_bad_input():
    image = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ConfigError, match="Fake estimator: a model that estimates no sigma"):
        estimate_pyramid(ClassesOnly(), image)
    with pytest.raises(ConfigError, match="factors such as"):
        estimate_pyramid(FakeEstimator(), image, factors=[2, 3])
    with pytest.raises(DataError, match=r"expected \(H, W, 3\)"):
        estimate_pyramid(FakeEstimator(), image[..., 0])
