import numpy as np
import pytest

from blindsr.data.augment.patches import RandomPatch
from blindsr.degradation import apply_recipe
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import downsample


def patch(**options):
    return RandomPatch(**({"crop": 32, "scale": 4, "degradation": "sfold"} | options))


def coordinates(height=80, width=100):
    """Red says the row, green the column; the mask is a function of both."""
    rows, columns = np.mgrid[:height, :width]
    mask = ((rows // 7 + columns // 5) % 2).astype(np.uint8)
    return np.stack([rows, columns, 255 * mask], axis=2).astype(np.uint8), mask


def levels(image):
    return np.rint(image * 255).astype(int)


def test_plain_crop_lies_in_the_picture():
    picture, mask = coordinates()
    cut = patch(random_resize=False, horizontal=False, vertical=False, transpose=False)
    places = set()
    for seed in range(20):
        arrays = cut(picture, mask, seed)
        top, left = levels(arrays["hr"])[0, 0, :2]
        places.add((top, left))
        np.testing.assert_array_equal(
            levels(arrays["hr"]), picture[top : top + 32, left : left + 32]
        )
        np.testing.assert_array_equal(arrays["mask"], mask[top : top + 32, left : left + 32])
        np.testing.assert_array_equal(arrays["lr"], arrays["hr"][::4, ::4])
    assert len(places) == 20


def test_every_flip_moves_picture_and_mask_alike():
    picture, mask = coordinates()
    corners = set()
    for seed in range(60):
        arrays = patch(random_resize=False)(picture, mask, seed)
        hr = levels(arrays["hr"])
        np.testing.assert_array_equal(arrays["mask"], mask[hr[..., 0], hr[..., 1]])
        np.testing.assert_array_equal(arrays["lr"], arrays["hr"][::4, ::4])  # degraded last
        steps = (hr[1, 0, :2] - hr[0, 0, :2], hr[0, 1, :2] - hr[0, 0, :2])
        corners.add(tuple(np.concatenate(steps)))
    assert len(corners) == 8


def test_random_resize_keeps_the_mask_on_the_picture_and_free_of_grey():
    """A disc: the mask, shrunk by the nearest pixel, agrees with the averaged picture."""
    rows, columns = np.mgrid[:200, :300]
    mask = ((rows - 100) ** 2 + (columns - 150) ** 2 > 70**2).astype(np.uint8)
    picture = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
    for seed in range(30):
        arrays = patch(degradation="area")(picture, mask, seed)
        assert set(np.unique(arrays["mask"])) <= {0.0, 1.0}
        assert arrays["mask"].dtype == np.float32
        inner = np.abs(arrays["hr"][..., 0] - 0.5) > 0.45
        agree = (arrays["hr"][..., 0] > 0.5) == (arrays["mask"] > 0.5)
        assert agree[inner].all()
        assert agree.mean() > 0.97


def test_windows_cover_what_shrinking_the_short_side_uniformly_would():
    cut = patch()
    windows = [cut.window((128, 200), seed) for seed in range(4000)]
    assert {w.side for w in windows} >= {32, 128}
    assert all(w.top + w.side <= 128 and w.left + w.side <= 200 for w in windows)
    short = np.array([32 * 128 / w.side for w in windows])  # of the shrunk picture
    share = [(short < limit).mean() for limit in (56, 80, 104)]
    np.testing.assert_allclose(share, [0.25, 0.5, 0.75], atol=0.04)


def test_a_window_is_the_crop_of_the_shrunk_picture():
    picture, _ = coordinates(64, 64)
    cut = patch(horizontal=False, vertical=False, transpose=False)
    seed = next(s for s in range(1000) if cut.window((64, 64), s).side == 64)
    whole = cut(picture, None, seed)
    wanted = downsample(picture.astype(np.float32), 2, "area")
    np.testing.assert_allclose(whole["hr"] * 255, wanted, atol=0.51)


@pytest.mark.parametrize("name", ["bsrgan", "bsrgan_plus", "realesrgan"])
def test_equal_seeds_give_equal_samples_and_recipes_replay(name):
    picture, mask = coordinates()
    cut = patch(degradation=name, crop=48)
    first, again, other = (cut(picture, mask, seed) for seed in (5, 5, 6))
    for key in ("lr", "hr", "mask"):
        np.testing.assert_array_equal(first[key], again[key])
    assert not np.array_equal(first["lr"], other["lr"])
    plain = patch(degradation="area", crop=48)(picture, mask, 5)  # same geometry
    np.testing.assert_array_equal(plain["mask"], first["mask"])
    replayed = apply_recipe(plain["hr"], cut.recipe(5))
    np.testing.assert_array_equal(replayed.lr, first["lr"])
    np.testing.assert_array_equal(replayed.hr, first["hr"])
    assert first["lr"].shape == (12, 12, 3)
    assert (name == "bsrgan") == np.array_equal(plain["hr"], first["hr"])  # sharpened or not
    unsharpened = patch(degradation=name, crop=48, sharpen=False)(picture, mask, 5)
    np.testing.assert_array_equal(unsharpened["hr"], plain["hr"])


@pytest.mark.parametrize("name", ["bsrgan", "realesrgan"])
def test_the_seed_decides_the_degradation_and_not_the_place_alone(name):
    """A picture as large as the patch, never turned: only the degradation can differ."""
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    fixed = {"random_resize": False, "horizontal": False, "vertical": False, "transpose": False}
    cut = patch(degradation=name, crop=96, sharpen=False, **fixed)
    first, again, other = (cut(picture, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["lr"], again["lr"])
    np.testing.assert_array_equal(first["hr"], other["hr"])
    assert not np.array_equal(first["lr"], other["lr"])


def test_without_a_mask_there_is_none():
    assert set(patch()(coordinates()[0], None, 1)) == {"lr", "hr"}


@pytest.mark.parametrize("crop", [12, 34, 0])
def test_bad_crops(crop):
    with pytest.raises(ConfigError, match=rf"crop: {crop}, expected a multiple of scale = 4"):
        patch(crop=crop)


def test_a_picture_smaller_than_the_patch():
    with pytest.raises(DataError, match="100 x 80 pixels, expected 96 x 96 or more"):
        patch(crop=96)(coordinates()[0], None, 0)
