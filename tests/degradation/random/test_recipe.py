import json
from functools import partial

import numpy as np
import pytest

from blindsr.degradation import (
    Recipe,
    apply_recipe,
    degrade_bsrgan,
    degrade_bsrgan_plus,
    degrade_realesrgan,
    sample_bsrgan,
    sample_bsrgan_plus,
    sample_realesrgan,
)
from blindsr.degradation.random.steps import Jpeg, Quantise, Resize, Sharpen
from blindsr.errors import BlindSRError, ConfigError, DataError

MODELS = {
    "bsrgan": (sample_bsrgan, degrade_bsrgan),
    "bsrgan_plus": (sample_bsrgan_plus, degrade_bsrgan_plus),
    "realesrgan": (sample_realesrgan, degrade_realesrgan),
}
each_model = pytest.mark.parametrize("model", MODELS)


def picture(rows, columns):
    y, x = np.mgrid[:rows, :columns]
    checks = ((y // 7 + x // 5) % 2)[..., None] * np.array([0.7, 0.4, 0.6])
    noise = np.random.default_rng(0).random((rows, columns, 3)) * 0.3
    return (checks + noise).astype(np.float32)


@each_model
def test_replay_is_bit_equal_also_through_json(model):
    hr = picture(64, 72)
    for seed in range(40):
        first = MODELS[model][1](hr, np.random.default_rng(seed))
        again = apply_recipe(hr, first.recipe)
        stored = Recipe.from_json(first.recipe.to_json())
        assert stored == first.recipe
        for other in (again, apply_recipe(hr, stored)):
            np.testing.assert_array_equal(first.lr, other.lr)
            np.testing.assert_array_equal(first.hr, other.hr)


@each_model
def test_results_are_in_range_of_8_bit_and_of_the_right_size(model):
    hr = picture(48, 60)
    before = hr.copy()
    for seed in range(40):
        lr, target, recipe = MODELS[model][1](hr, np.random.default_rng(seed))
        assert lr.shape == (12, 15, 3)
        assert lr.dtype == target.dtype == np.float32
        assert min(lr.min(), target.min()) >= 0
        assert max(lr.max(), target.max()) <= 1
        np.testing.assert_array_equal(lr, np.rint(lr * 255).astype(np.float32) / np.float32(255))
        assert recipe.pipeline == model
    np.testing.assert_array_equal(hr, before)


@each_model
def test_seeds_decide(model):
    sample, degrade = MODELS[model]
    assert sample(np.random.default_rng(3)) == sample(np.random.default_rng(3))
    recipes = {sample(np.random.default_rng(seed)).to_json() for seed in range(50)}
    assert len(recipes) == 50
    hr = picture(48, 48)
    first, second = (degrade(hr, np.random.default_rng(seed)).lr for seed in (1, 2))
    assert (first != second).mean() > 0.5


@each_model
def test_global_random_state_is_neither_used_nor_changed(model):
    import random

    hr = picture(32, 32)
    np.random.seed(0)  # noqa: NPY002 - the point is that it is not used
    random.seed(0)
    first = MODELS[model][1](hr, np.random.default_rng(5)).lr
    states = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    second = MODELS[model][1](hr, np.random.default_rng(5)).lr
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(states[0], np.random.get_state()[1])  # noqa: NPY002
    assert states[1] == random.getstate()


@each_model
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_sides_that_are_no_multiple_are_cropped_at_the_far_end(model, scale):
    sample = MODELS[model][0]
    if model != "bsrgan":
        sample = partial(sample, use_sharp=False)
    hr = picture(43, 70)  # height and width must not be mixed up
    rows, columns = 43 // scale, 70 // scale
    for seed in range(8):
        lr, target, _ = apply_recipe(hr, sample(np.random.default_rng(seed), scale=scale))
        assert lr.shape == (rows, columns, 3)
        np.testing.assert_array_equal(target, hr[: rows * scale, : columns * scale])


@each_model
def test_smallest_image_survives_every_recipe(model):
    hr = picture(16, 19)
    for seed in range(150):
        assert MODELS[model][1](hr, np.random.default_rng(seed)).lr.shape == (4, 4, 3)


@each_model
def test_lr_stays_aligned_with_hr(model):
    """The mean picture over many recipes has its edges where HR has them."""
    hr = np.full((64, 64, 3), 0.2, np.float32)
    hr[:, 32:] = 0.8
    hr[40:] = 1 - hr[40:]
    mean = np.mean(
        [MODELS[model][1](hr, np.random.default_rng(seed)).lr for seed in range(150)], axis=0
    )
    profile = mean[2:6].mean((0, 2))
    # Real-ESRGAN resizes by a factor: what rounding the size down leaves over goes at the far end.
    np.testing.assert_allclose(profile + profile[::-1], 1.0, atol=0.05)
    column = mean[:, 1:4].mean((1, 2))
    assert column[9] < 0.5 < column[10]


def test_sharpened_hr_is_the_target_and_the_source():
    hr = picture(48, 48)
    recipe = sample_bsrgan_plus(np.random.default_rng(0))
    result = apply_recipe(hr, recipe)
    np.testing.assert_array_equal(result.hr, Sharpen()(hr, (12, 12)))
    assert np.abs(result.hr - hr).max() > 0.02
    plain = Recipe(recipe.pipeline, recipe.scale, recipe.steps)
    np.testing.assert_array_equal(apply_recipe(result.hr, plain).lr, result.lr)
    np.testing.assert_array_equal(apply_recipe(hr, plain).hr, hr)


@each_model
def test_images_that_cannot_be_degraded(model):
    degrade = partial(MODELS[model][1], rng=np.random.default_rng(0))
    bad = [
        (np.zeros((15, 64, 3), np.float32), "15 pixels.*at least 16"),
        (np.zeros((64, 64), np.float32), r"\(64, 64\)"),
        (np.zeros((64, 64, 4), np.float32), r"\(64, 64, 4\)"),
        (np.zeros((64, 64, 3), np.uint8), "uint8"),
    ]
    for image, message in bad:
        with pytest.raises(DataError, match=message) as caught:
            degrade(image)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="at least 32 x 32 at scale 8"):
        degrade(np.zeros((31, 64, 3), np.float32), scale=8)


@each_model
def test_bad_scale(model):
    for scale in (0, -4, 2.5):
        with pytest.raises(ConfigError, match="scale"):
            MODELS[model][0](np.random.default_rng(0), scale=scale)


def test_recipe_that_ends_at_another_size():
    recipe = Recipe("bsrgan", 4, (Resize(0.5, "image", "linear"), Jpeg(50)))
    with pytest.raises(DataError, match=r"32 x 24 pixels, expected 16 x 12"):
        apply_recipe(picture(48, 64), recipe)


def edited(**changes):
    values = json.loads(Recipe("bsrgan", 4, (Jpeg(50), Quantise())).to_json())
    return json.dumps({**values, **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "JSON"),
        ("[1]", "pipeline"),
        ("3", "JSON"),
        (edited(pipeline="x"), "'x'"),
        (edited(scale=0), "scale 0"),
        (edited(scale="4"), "scale '4'"),
        (edited(more=1), "more"),
        (edited(steps=[{"step": "Melt"}]), "'Melt'"),
        (edited(steps=[3]), "recipe"),
        (edited(steps=[{"step": "Jpeg"}]), "Jpeg"),
        (edited(steps=[{"step": "Jpeg", "quality": 50, "x": 1}]), "'x'"),
        (edited(steps=[{"step": "Jpeg", "quality": 50.5}]), "quality: 50.5"),
        (edited(steps=[{"step": "Sinc", "size": 7, "cutoff": "1"}]), "cutoff: '1'"),
        (
            edited(steps=[{"step": "GaussianNoise", "kind": "c", "level": 1, "seed": 1}]),
            "GaussianNoise",
        ),
        (
            edited(steps=[{"step": "Resize", "factor": 1, "relative_to": "hr"}]),
            "interpolation",
        ),
        (edited(sharpen={"weight": 0.5}), "Sharpen"),
        (edited(sharpen={"step": "Jpeg", "quality": 3}), "Sharpen"),
    ],
)
def test_damaged_json_is_one_line(text, message):
    with pytest.raises(BlindSRError, match=message) as caught:
        Recipe.from_json(text)
    assert isinstance(caught.value, DataError)
    assert "\n" not in str(caught.value)


def test_json_is_plain_and_on_one_line():
    text = sample_realesrgan(np.random.default_rng(0)).to_json()
    assert "\n" not in text
    assert set(json.loads(text)) == {"pipeline", "scale", "sharpen", "steps"}
