"""Pictures of the occlusion scenes: reproducible, varied within, and of the promised range."""

import pickle

import numpy as np
import pytest
import torch

from blindsr.data.loading.samplers import Draw
from blindsr.data.scenes.leaves import textures
from blindsr.data.scenes.leaves.camera import photographed
from blindsr.data.scenes.leaves.datamodule import LeafScenes
from blindsr.data.scenes.leaves.dataset import BlurredPictures
from blindsr.data.scenes.leaves.samples import (
    SIGMA_MAX,
    defocused_photograph,
    defocused_room,
    defocused_scene,
    draw_sigma,
    leaf_scene,
)
from blindsr.data.scenes.leaves.shapes import filled, power_law_radius
from blindsr.data.scenes.photographs import HELD_OUT, TRAIN
from blindsr.errors import ConfigError

MAKERS = {
    "leaves": lambda rng: defocused_scene(leaf_scene(rng, 64, 80), rng),
    "photographs": lambda rng: defocused_photograph(rng, 64, 80),
    "rooms": lambda rng: defocused_room(rng, 64, 80),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_equal_seeds_give_equal_pictures(kind):
    first, again = (MAKERS[kind](np.random.default_rng(3)) for _ in range(2))
    other = MAKERS[kind](np.random.default_rng(4))
    np.testing.assert_array_equal(first.picture, again.picture)
    np.testing.assert_array_equal(first.blur, again.blur)
    assert not np.array_equal(first.picture, other.picture)
    assert first.picture.shape == (64, 80, 3)
    assert first.blur.shape == (64, 80)
    assert first.picture.min() >= -1e-5
    assert first.picture.max() <= 1 + 1e-5
    assert 0 <= first.blur.min() <= first.blur.max() <= SIGMA_MAX * 1.02


def test_pictures_depend_on_seed_and_number_alone():
    data = BlurredPictures(seed=5, count=6, size=48, scenes=3)
    forth = [data[i] for i in range(6)]
    fresh = pickle.loads(pickle.dumps(data))  # as a worker gets it
    for i in reversed(range(6)):
        again = fresh[i]
        assert torch.equal(again["lr"], forth[i]["lr"])
        assert torch.equal(again["blur"], forth[i]["blur"])
        assert again["lr"].shape == (3, 48, 48)
        assert again["blur"].shape == (1, 48, 48)
    assert not torch.equal(data[Draw(0, 1)]["lr"], data[Draw(0, 2)]["lr"])
    with pytest.raises(IndexError):
        data[6]


def test_blur_varies_much_within_a_picture():
    rng = np.random.default_rng(0)
    spread = []
    for _ in range(200):
        sigma = draw_sigma(rng, rng.random(30).astype(np.float32))
        spread.append(float(np.ptp(sigma)))
    assert np.mean(np.array(spread) > 1.5) > 0.5
    assert max(spread) > 8


def test_held_out_pictures_show_no_photograph_of_the_training(monkeypatch):
    used = set()
    real = textures.photograph
    monkeypatch.setattr(textures, "photograph", lambda name: used.add(name) or real(name))
    for held_out, allowed in ((True, HELD_OUT), (False, TRAIN)):
        used.clear()
        data = BlurredPictures(seed=1, count=12, size=32, scenes=6, held_out=held_out)
        for i in range(12):
            data[i]
        assert used
        assert used <= set(allowed)


def test_sizes_of_leaves_follow_a_power_law():
    rng = np.random.default_rng(1)
    radii = np.array(
        [power_law_radius(rng, smallest=4, largest=64, exponent=2.0) for _ in range(4000)]
    )
    assert radii.min() >= 4
    assert radii.max() <= 64
    # for exponent 2 the share above r falls as 1/r
    share = (1 / 16 - 1 / 64) / (1 / 4 - 1 / 64)
    assert np.mean(radii > 16) == pytest.approx(share, abs=0.03)


def test_noise_has_the_spectrum_that_it_claims():
    class Fixed:
        """The exponent is not drawn."""

        def __init__(self, exponent):
            self.rng, self.exponent = np.random.default_rng(2), exponent

        def uniform(self, *_):
            return self.exponent

        def standard_normal(self, *args, **options):
            return self.rng.standard_normal(*args, **options)

    for exponent in (0.7, 1.5):
        field = textures.power_noise(Fixed(exponent), 256, 256)
        amplitude = np.abs(np.fft.rfft2(field))
        radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256))
        low = amplitude[(radius > 0.02) & (radius < 0.04)].mean()
        high = amplitude[(radius > 0.16) & (radius < 0.32)].mean()
        assert np.log2(low / high) / 3 == pytest.approx(exponent, abs=0.15)


def test_outlines_are_filled_with_soft_rims():
    box = np.float32([[2.5, 2], [8.5, 2], [8.5, 9], [2.5, 9]])
    cover = filled(box, 12, 12)
    assert cover[5, 5] == 1
    assert cover[5, 11] == 0
    assert ((cover > 0) & (cover < 1)).any()


def test_camera_gives_bytes_and_repeats_itself():
    picture = np.random.default_rng(0).random((40, 50, 3)).astype(np.float32)
    one, two = (photographed(picture, np.random.default_rng(7)) for _ in range(2))
    assert one.dtype == np.uint8
    assert one.shape == picture.shape
    np.testing.assert_array_equal(one, two)


def test_data_module_delivers_batches_of_picture_and_sigma():
    data = LeafScenes(count=4, val_count=2, size=32, scenes=2, batch_size=2, num_workers=0)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch["lr"].shape == (2, 3, 32, 32)
    assert batch["blur"].shape == (2, 1, 32, 32)
    held_out = next(iter(data.val_dataloader()))
    assert not held_out["repeat"].any()


@pytest.mark.parametrize("wrong", [{"size": 40}, {"size": 0}, {"count": 0}, {"scenes": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        LeafScenes(**wrong)


def test_reduced_pictures_have_the_size_of_the_others_and_little_blur():
    every = BlurredPictures(seed=5, count=12, size=32, scenes=2, reduced=1.0, reduced_pictures=3)
    for index in range(12):
        sample = every[index]
        assert sample["lr"].shape == (3, 32, 32)
        assert sample["blur"].shape == (1, 32, 32)
        assert 0 <= sample["blur"].min() <= sample["blur"].max() < 2.1  # 8 HR pixels at x4
        assert "hr" not in sample


def test_a_share_of_reduced_pictures_leaves_the_others_among_them():
    half = BlurredPictures(seed=5, count=40, size=32, scenes=2, reduced=0.5, reduced_pictures=3)
    wide = sum(float(half[index]["blur"].max()) > 2.1 for index in range(40))
    assert 5 < wide < 25


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"reduced: 1\.5"):
        LeafScenes(reduced=1.5)
