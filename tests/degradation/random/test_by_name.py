import numpy as np
import pytest

from blindsr.degradation import DEGRADATIONS, Degradation, apply_recipe, degrade_by_name
from blindsr.degradation.random.by_name import downsampler_of, sample_recipe
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import downsample


def picture(size=(50, 66)):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (*size, 3), dtype=np.uint8).astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_sizes_and_levels(name):
    made = degrade_by_name(picture(), name, np.random.default_rng(3), scale=4)
    assert made.lr.shape == (12, 16, 3)
    assert made.hr.shape == (48, 64, 3)
    assert made.lr.dtype == made.hr.dtype == np.float32
    levels = made.lr * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    assert 0 <= made.lr.min() <= made.lr.max() <= 1


@pytest.mark.parametrize("name", ["bicubic", "area", "sfold"])
def test_plain_names_downsample_and_no_more(name):
    made = degrade_by_name(picture(), name, np.random.default_rng(3), scale=4)
    wanted = np.clip(downsample(picture()[:48, :64], 4, name), 0, 1)
    np.testing.assert_allclose(made.lr, wanted, atol=0.51 / 255)
    assert made.recipe is None
    assert downsampler_of(name) == name
    np.testing.assert_array_equal(made.hr, picture()[:48, :64])


@pytest.mark.parametrize("name", ["bsrgan", "bsrgan_plus", "realesrgan"])
def test_recipes_replay(name):
    made = degrade_by_name(picture(), name, np.random.default_rng(3), scale=4)
    again = apply_recipe(picture(), sample_recipe(name, np.random.default_rng(3), scale=4))
    np.testing.assert_array_equal(made.lr, again.lr)
    np.testing.assert_array_equal(made.hr, again.hr)
    assert made.recipe == again.recipe
    other = degrade_by_name(picture(), name, np.random.default_rng(4), scale=4)
    assert not np.array_equal(made.lr, other.lr)
    assert downsampler_of(name) == "bicubic"


@pytest.mark.parametrize("name", ["bsrgan_plus", "realesrgan"])
def test_hr_is_sharpened_on_request(name):
    sharp, plain = (
        degrade_by_name(picture(), name, np.random.default_rng(3), scale=4, sharpen=wanted)
        for wanted in (True, False)
    )
    np.testing.assert_array_equal(plain.hr, picture()[:48, :64])
    assert np.abs(sharp.hr - plain.hr).max() > 0.01


def test_unknown_name():
    with pytest.raises(ConfigError, match=r"degradation: 'bsr', expected one of bsrgan, "):
        degrade_by_name(picture(), "bsr", np.random.default_rng(0), scale=4)


def test_one_of_the_user_is_an_entry(monkeypatch):
    def noisy(hr, rng, *, scale):
        return downsample(hr, scale, "area") + rng.normal(0, 0.2, (12, 16, 3))

    monkeypatch.setitem(DEGRADATIONS, "noisy", Degradation("area", noisy))
    made = degrade_by_name(picture(), "noisy", np.random.default_rng(3), scale=4)
    test_sizes_and_levels("noisy")
    assert np.abs(made.lr - downsample(picture()[:48, :64], 4, "area")).mean() > 0.1
    again = degrade_by_name(picture(), "noisy", np.random.default_rng(3), scale=4)
    np.testing.assert_array_equal(made.lr, again.lr)
    assert made.recipe is None
    assert downsampler_of("noisy") == "area"


@pytest.mark.parametrize("lr", [np.zeros((3, 3, 3)), np.full((12, 16, 3), np.nan)])
def test_what_it_must_give_is_said(monkeypatch, lr):
    def bad(hr, rng, *, scale):
        return lr

    monkeypatch.setitem(DEGRADATIONS, "bad", Degradation(make=bad))
    with pytest.raises(DataError, match=r"degradation bad: .*, expected finite, \(12, 16, 3\)"):
        degrade_by_name(picture(), "bad", np.random.default_rng(3), scale=4)
