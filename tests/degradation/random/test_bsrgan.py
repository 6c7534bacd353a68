"""Statistics of drawn recipes against the published parameters; nothing is applied here."""

import numpy as np
import pytest
from tests.helpers.chance import (
    assert_integers,
    assert_probability,
    assert_shares,
    assert_uniform,
    of_kind,
)

from blindsr.degradation import sample_bsrgan
from blindsr.degradation.random.steps import (
    Blur,
    BlurAndStride,
    GaussianNoise,
    Jpeg,
    MatlabHalve,
    Resize,
)

COUNT = 4000
THIRDS = dict.fromkeys(("linear", "cubic", "area"), 1 / 3)


@pytest.fixture(scope="module")
def recipes():
    rng = np.random.default_rng(2024)
    return [sample_bsrgan(rng) for _ in range(COUNT)]


def is_halving(step):
    return step in (MatlabHalve(), *(Resize(0.5, "image", name) for name in THIRDS))


def halved(recipe):
    return is_halving(recipe.steps[0])


def main_steps(recipe):
    """The steps whose order is random."""
    return recipe.steps[1 if halved(recipe) else 0 : -1]


def is_down(step):
    return isinstance(step, BlurAndStride) or (
        isinstance(step, Resize) and step.relative_to == "image"
    )


def is_finish(step):
    return isinstance(step, Resize) and step.relative_to == "lr"


def test_a_quarter_is_halved_first_half_of_it_by_matlab(recipes):
    first = [recipe.steps[0] for recipe in recipes if halved(recipe)]
    assert_probability(len(first), COUNT, 0.25)
    assert_probability(sum(step == MatlabHalve() for step in first), len(first), 0.5)
    assert_shares([step.interpolation for step in first if step != MatlabHalve()], THIRDS)


def test_other_scales_are_never_halved():
    rng = np.random.default_rng(1)
    for scale in (2, 3, 8):
        steps = [step for _ in range(100) for step in sample_bsrgan(rng, scale=scale).steps]
        assert not any(isinstance(step, MatlabHalve) for step in steps)


def test_every_recipe_has_two_blurs_one_way_down_noise_and_a_last_jpeg(recipes):
    for recipe in recipes:
        steps = main_steps(recipe)
        assert sum(isinstance(step, Blur) for step in steps) == 2
        assert sum(is_down(step) for step in steps) == 1
        assert sum(is_finish(step) for step in steps) == 1
        assert sum(isinstance(step, GaussianNoise) for step in steps) == 1
        assert isinstance(recipe.steps[-1], Jpeg)
        assert recipe.sharpen is None
    extra = sum(isinstance(step, Jpeg) for recipe in recipes for step in main_steps(recipe))
    assert_probability(extra, COUNT, 0.9)


def test_order_is_random_but_the_way_down_comes_before_the_resize_to_lr(recipes):
    full = [main_steps(recipe) for recipe in recipes if len(main_steps(recipe)) == 6]
    place = {is_down: [], is_finish: []}
    for steps in full:
        for rule, places in place.items():
            places.append(next(i for i, step in enumerate(steps) if rule(step)))
    assert (np.array(place[is_down]) < np.array(place[is_finish])).all()
    # The earlier of two random places among six: (5 - i) / 15.
    assert_shares(place[is_down], {i: (5 - i) / 15 for i in range(5)})
    assert_shares(place[is_finish], {i: i / 15 for i in range(1, 6)})
    for kind in (GaussianNoise, Jpeg):
        where = [next(i for i, s in enumerate(steps) if isinstance(s, kind)) for steps in full]
        assert_integers(where, 0, 5)


@pytest.mark.parametrize(("first", "scale"), [(False, 4), (True, 2)])
def test_blur(recipes, first, scale):
    blurs = of_kind([recipe for recipe in recipes if halved(recipe) == first], Blur)
    assert {blur.shape for blur in blurs} == {"gaussian"}
    assert_shares([blur.size for blur in blurs], dict.fromkeys(range(7, 26, 2), 0.1))
    round_ones = [blur for blur in blurs if blur.sigma_x == blur.sigma_y]
    long_ones = [blur for blur in blurs if blur.sigma_x != blur.sigma_y]
    assert_probability(len(long_ones), len(blurs), 0.5)
    assert_uniform([blur.sigma_x for blur in round_ones], 0, 2 + 0.2 * scale)
    assert_uniform([blur.sigma_x**2 for blur in long_ones], 0, 4 + scale)
    assert_uniform([blur.sigma_y**2 for blur in long_ones], 0, 4 + scale)
    assert_uniform([blur.theta for blur in long_ones], 0, np.pi)


@pytest.mark.parametrize(("first", "scale"), [(False, 4), (True, 2)])
def test_way_down(recipes, first, scale):
    chosen = [recipe for recipe in recipes if halved(recipe) == first]
    steps = [step for recipe in chosen for step in main_steps(recipe) if is_down(step)]
    strided = [step for step in steps if isinstance(step, BlurAndStride)]
    resized = [step for step in steps if isinstance(step, Resize)]
    assert_probability(len(strided), len(steps), 0.25)
    assert {(step.size, step.stride) for step in strided} == {(25, scale)}
    assert_uniform([step.sigma for step in strided], 0.1, 0.6 * scale)
    assert_uniform([1 / step.factor for step in resized], 1, 2 * scale)
    assert_shares([step.interpolation for step in resized], THIRDS)


def test_resize_to_lr(recipes):
    steps = [step for recipe in recipes for step in main_steps(recipe) if is_finish(step)]
    assert {step.factor for step in steps} == {1.0}
    assert_shares([step.interpolation for step in steps], THIRDS)


def test_noise(recipes):
    noises = of_kind(recipes, GaussianNoise)
    kinds = {"colour": 0.4, "grey": 0.4, "correlated": 0.2}
    assert_shares([noise.kind for noise in noises], kinds)
    assert_integers([noise.level for noise in noises if noise.kind != "correlated"], 2, 25)
    assert len({noise.seed for noise in noises}) == COUNT
    assert_uniform([noise.seed for noise in noises], 0, 2**53)


def test_correlated_noise_has_a_valid_covariance_at_level_25(recipes):
    noises = [noise for noise in of_kind(recipes, GaussianNoise) if noise.kind == "correlated"]
    assert {noise.level for noise in noises} == {25.0}
    matrices = np.array([noise.mixing for noise in noises]).reshape(-1, 3, 3)
    np.testing.assert_allclose(matrices, matrices.swapaxes(1, 2), atol=1e-12)
    assert np.linalg.eigvalsh(matrices).min() > -1e-12
    assert matrices.min() >= 0
    assert matrices.max() <= 1
    # An orthonormal basis keeps the trace of three numbers of U(0, 1).
    trace = np.trace(matrices, axis1=1, axis2=2)
    assert trace.mean() == pytest.approx(1.5, abs=4 * 0.5 / np.sqrt(len(trace)))
    assert trace.std() == pytest.approx(0.5, rel=0.1)


def test_jpeg_quality(recipes):
    assert_integers([step.quality for step in of_kind(recipes, Jpeg)], 30, 95)
