"""The mean over eight positions."""

import numpy as np
import pytest
from tests.helpers.make_ncnn import compact
from tests.helpers.upscale_command import picture

import blindsr
from blindsr.errors import ConfigError
from blindsr.imaging.resize import phase, upsample
from blindsr.inference.eightfold import eightfold
from blindsr.restore import Strip


@pytest.mark.parametrize("kind", ["sfold", "bicubic"])
def test_a_model_that_does_the_same_everywhere_is_its_own_mean(kind):
    """Flipped results of a model that puts pixels off the centre are moved back."""
    place, seen = phase(kind, 4), []

    def strips(pixels, number):
        seen.append((number, pixels.shape[:2]))
        sr = upsample(pixels, 4, phase=place).astype(np.float32)
        yield Strip(0, sr[:16], None, None)
        yield Strip(16, sr[16:], None, None)

    lr = np.random.default_rng(0).random((12, 9, 3), np.float32)
    sr = np.concatenate([strip.sr for strip in eightfold(strips, lr, 4, place)])
    expected = upsample(lr, 4, phase=place)
    inner = np.s_[:-16, :-16] if kind == "sfold" else np.s_[:, :]  # the border is mirrored
    np.testing.assert_allclose(sr[inner], expected[inner], atol=1e-5)
    assert sorted(number for number, _ in seen) == list(range(8))
    assert len({size for _, size in seen}) > 1  # turned too


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return blindsr.load(compact(tmp_path_factory.mktemp("ncnn"), features=8), device="cpu")


def test_a_turned_picture_has_a_turned_result(model):
    lr = picture(20, 26) / np.float32(255)
    first = model.upscale(lr, tta=True, keep_blur=0.0)
    turned = model.upscale(np.ascontiguousarray(np.rot90(lr)), tta=True, keep_blur=0.0)
    np.testing.assert_allclose(np.rot90(first), turned, atol=1e-5)
    plain = model.upscale(lr, keep_blur=0.0)
    assert np.abs(plain - first).max() > 0.01


def test_it_goes_with_consistency_tiles_and_maps(model):
    lr = picture(40, 33)
    large, consistency = model.upscale(lr, tta=True, tile=16, consistency=True)
    assert large.shape == (160, 132, 3)
    assert np.isfinite(consistency.decibels)
    told = []
    strips = model.strips(lr, tta=True, maps=True, on_progress=lambda *one: told.append(one))
    assert all(strip.blur is not None for strip in strips)
    assert told[-1] == (100, 100)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_maps_of_the_user_are_refused(model, monkeypatch):
    monkeypatch.setattr("blindsr.inference.abilities.require_upscaler", lambda *_: None)
    with pytest.raises(ConfigError, match="a map of yours"):
        model.upscale(picture(), tta=True, blur=np.zeros((80, 104), np.float32))
