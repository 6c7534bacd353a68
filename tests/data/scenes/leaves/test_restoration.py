"""Pairs that a restorer learns from."""

import numpy as np
import pytest
import torch

from blindsr.data import RestorationScenes
from blindsr.data.loading.samplers import Draw
from blindsr.data.scenes.leaves.restoration import RestorationPictures
from blindsr.data.scenes.photographs import RESTORER, photograph
from blindsr.imaging.resize import downsample


@pytest.fixture(scope="module")
def data():
    return RestorationPictures(seed=3, count=40, pictures=6, size=96, crop=16)


def test_shapes_and_ranges(data):
    sample = data[0]
    assert sample["lr"].shape == (3, 16, 16)
    assert sample["hr"].shape == (3, 64, 64)
    assert sample["blur"].shape == (1, 64, 64)
    for index in range(10):
        sample = data[index]
        for name in ("lr", "hr"):
            assert 0 <= sample[name].min() <= sample[name].max() <= 1
        assert 0 <= sample["blur"].min() <= sample["blur"].max() <= 8.2


def test_equal_seeds_give_equal_samples_and_epochs_differ(data):
    again = RestorationPictures(seed=3, count=40, pictures=6, size=96, crop=16)
    one, other, later = data[5], again[5], data[Draw(5, 1)]
    for name in ("lr", "hr", "blur"):
        assert torch.equal(one[name], other[name])
    assert not torch.equal(one["lr"], later["lr"])


def test_lr_is_the_reduced_hr_where_nothing_is_blurred():
    data = RestorationPictures(
        seed=1, count=12, pictures=12, size=64, crop=None, clean=True, sigma_max=0.2
    )
    for index in range(12):
        sample = data[index]
        want = downsample(sample["hr"][None], 4, "area")[0]
        assert (sample["lr"] - want).abs().max() < 1.6 / 255


def test_blur_takes_detail_away(data):
    whole = RestorationPictures(seed=1, count=12, pictures=12, size=96, crop=None, clean=True)
    lost = []
    for index in range(12):
        sample = whole[index]
        want = downsample(sample["hr"][None], 4, "area")[0]
        lost.append((float(sample["blur"].mean()), float((sample["lr"] - want).abs().mean())))
    assert np.corrcoef(np.array(lost).T)[0, 1] > 0.3


def test_held_out_pictures_are_others(data):
    other = RestorationPictures(seed=3, count=40, pictures=6, size=96, crop=16, held_out=True)
    assert not torch.equal(data[0]["hr"], other[0]["hr"])


@pytest.mark.parametrize("name", sorted(set(RESTORER)))
def test_every_photograph_of_a_restorer_is_there(name):
    picture = photograph(name)
    assert picture.dtype == np.uint8
    assert min(picture.shape[:2]) > 150


def test_sharp_samples_are_the_reduced_picture_by_both_downsamplers():
    options = {"seed": 0, "count": 40, "pictures": 2, "size": 64, "crop": 12, "clean": True}
    pictures = RestorationPictures(**options, sharp=1.0, mixed=True)
    samples = [pictures[i] for i in range(10)]
    used = set()
    for sample in samples:
        assert not sample["blur"].any()
        hr = sample["hr"].permute(1, 2, 0).numpy()
        lr = sample["lr"].permute(1, 2, 0).numpy()
        near = [
            name
            for name in ("area", "bicubic")
            if np.abs(np.clip(downsample(hr, 4, name), 0, 1) - lr).max() < 1 / 254
        ]
        used.update(near if len(near) == 1 else ())
        assert near
    assert used == {"area", "bicubic"}


def test_data_without_groups_are_tested_as_one():
    """Python 3.11 takes a property that raises for one that is missing, 3.12 does not."""
    data = RestorationScenes(val_count=1, size=64, crop=8)
    data.setup("test")
    assert data.group_names == ("test",)


def test_blurred_is_hr_out_of_focus(data):
    both = RestorationPictures(seed=3, count=40, pictures=6, size=96, crop=16, blurred=True)
    lost = []
    for index in range(20):
        sample = both[index]
        assert "blurred" not in data[index]
        assert sample["blurred"].shape == sample["hr"].shape
        # the camera changes the tone, so ratios of detail to contrast are compared
        sharp, soft = (
            float(part.diff(dim=-1).abs().mean() / part.std().clamp_min(1e-3))
            for part in (sample["hr"], sample["blurred"])
        )
        lost.append((float(sample["blur"].mean()), soft / sharp))
    assert np.corrcoef(np.array(lost).T)[0, 1] < -0.2


def test_sharp_samples_are_sharp_in_every_form():
    sharp = RestorationPictures(
        seed=3, count=8, pictures=4, size=96, crop=16, blurred=True, sharp=1.0
    )
    for index in range(8):
        sample = sharp[index]
        assert not sample["blur"].any()
        parts = (sample["hr"], sample["blurred"])
        sharp_, soft = (part.mean(0).diff(dim=-1).abs().mean() / part.std() for part in parts)
        assert soft > 0.6 * sharp_
