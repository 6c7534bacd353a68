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

from blindsr.degradation import sample_bsrgan_plus
from blindsr.degradation.random.steps import (
    Blur,
    GaussianNoise,
    Jpeg,
    PoissonNoise,
    Resize,
    Sharpen,
    SpeckleNoise,
)
from blindsr.errors import ConfigError

COUNT = 3000
NOISES = (GaussianNoise, PoissonNoise, SpeckleNoise)
THIRDS = dict.fromkeys(("linear", "cubic", "area"), 1 / 3)


def draw(count, **arguments):
    rng = np.random.default_rng(7)
    return [sample_bsrgan_plus(rng, **arguments) for _ in range(count)]


@pytest.fixture(scope="module")
def recipes():
    return draw(COUNT)


def backbone(recipe):
    """The steps between the ends that are always there, as letters."""
    letters = {Blur: "b", Resize: "r", GaussianNoise: "n", Jpeg: "j"}
    return "".join(letters.get(type(step), "") for step in recipe.steps[:-2])


def test_parts(recipes):
    for recipe in recipes:
        assert sorted(backbone(recipe)) == sorted("brnjbrn")
        assert isinstance(recipe.steps[-2], Resize)
        assert (recipe.steps[-2].factor, recipe.steps[-2].relative_to) == (1.0, "lr")
        assert isinstance(recipe.steps[-1], Jpeg)
        assert recipe.sharpen == Sharpen(weight=0.5, radius=51, threshold=10.0)
    assert_shares([recipe.steps[-2].interpolation for recipe in recipes], THIRDS)


def test_rare_noises(recipes):
    for kind in (PoissonNoise, SpeckleNoise):
        assert_probability(len(of_kind(recipes, kind)), 2 * COUNT, 0.1)


def test_without_shuffling_only_the_noises_change_places():
    orders = set()
    for recipe in draw(1500, shuffle_prob=0.0):
        assert backbone(recipe) == "brnjbrn"
        kinds = [type(step) for step in recipe.steps]
        jpeg, blur = kinds.index(Jpeg), kinds.index(Blur, 1)
        assert kinds[:2] == [Blur, Resize]
        assert set(kinds[2:jpeg]) <= set(NOISES)
        assert kinds[jpeg + 1 : jpeg + 3] == [Blur, Resize]
        assert blur == jpeg + 1
        assert set(kinds[blur + 2 : -2]) <= set(NOISES)
        orders.add(tuple(kinds[2:jpeg]))
    pairs = {(a, b) for a in NOISES for b in NOISES if a != b and GaussianNoise in (a, b)}
    assert pairs <= orders


def test_places_of_the_rare_noises_without_shuffling_are_even():
    before = []
    for recipe in draw(3000, shuffle_prob=0.0):
        kinds = [type(step) for step in recipe.steps]
        first = kinds[2 : kinds.index(Jpeg)]
        if PoissonNoise in first:
            before.append(first.index(PoissonNoise) < first.index(GaussianNoise))
    assert_probability(sum(before), len(before), 0.5)


def test_shuffling(recipes):
    unshuffled = sum(backbone(recipe) == "brnjbrn" for recipe in recipes)
    by_chance = 0.5 * 8 / 5040  # 7! orders, three pairs of equal letters
    assert_probability(unshuffled, COUNT, 0.5 + by_chance)
    always = draw(2000, shuffle_prob=1.0)
    assert_integers([backbone(recipe).index("j") for recipe in always], 0, 6)
    first = [backbone(recipe)[0] for recipe in always]
    assert_shares(first, {"b": 2 / 7, "r": 2 / 7, "n": 2 / 7, "j": 1 / 7})


@pytest.mark.parametrize("scale", [2, 4])
def test_resize(scale):
    recipes = draw(2000, scale=scale)
    factors = np.array(
        [step.factor for step in of_kind(recipes, Resize) if step.relative_to == "image"]
    )
    assert len(factors) == 4000
    up, down = factors[factors > 1], factors[factors < 1]
    assert_shares(np.sign(factors - 1).tolist(), {1.0: 0.2, -1.0: 0.7, 0.0: 0.1})
    assert_uniform(up, 1, 2)
    assert_uniform(down, 0.5 / scale, 1)
    assert_shares([step.interpolation for step in of_kind(recipes, Resize)], THIRDS)


def test_blur_and_jpeg(recipes):
    blurs = of_kind(recipes, Blur)
    assert_shares([blur.size for blur in blurs], dict.fromkeys(range(7, 26, 2), 0.1))
    long_ones = [blur for blur in blurs if blur.sigma_x != blur.sigma_y]
    assert_probability(len(long_ones), len(blurs), 0.5)
    assert_uniform([blur.sigma_y**2 for blur in long_ones], 0, 8)
    assert_uniform([b.sigma_x for b in blurs if b.sigma_x == b.sigma_y], 0, 2.8)
    assert_integers([step.quality for step in of_kind(recipes, Jpeg)], 30, 95)


def test_noises(recipes):
    kinds = {"colour": 0.4, "grey": 0.4, "correlated": 0.2}
    for kind in (GaussianNoise, SpeckleNoise):
        noises = of_kind(recipes, kind)
        assert_shares([noise.kind for noise in noises], kinds)
        assert_integers([noise.level for noise in noises if noise.kind != "correlated"], 2, 25)
    photons = of_kind(recipes, PoissonNoise)
    assert_uniform([np.log10(noise.photons) for noise in photons], 2, 4)
    assert_probability(sum(noise.grey for noise in photons), len(photons), 0.5)


def test_options():
    assert draw(1, use_sharp=False)[0].sharpen is None
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="shuffle_prob"):
            draw(1, shuffle_prob=bad)
