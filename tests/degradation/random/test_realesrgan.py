"""Statistics of drawn recipes against the published parameters; nothing is applied here."""

import numpy as np
import pytest
from tests.helpers.chance import (
    assert_integers,
    assert_probability,
    assert_shares,
    assert_uniform,
)

from blindsr.degradation import sample_realesrgan
from blindsr.degradation.random.steps import (
    Blur,
    GaussianNoise,
    Jpeg,
    Quantise,
    ScaledPoissonNoise,
    Sharpen,
    Sinc,
    TorchResize,
)

COUNT = 5000
NOISES = (GaussianNoise, ScaledPoissonNoise)
SHARES = {
    ("gaussian", True): 0.45,
    ("gaussian", False): 0.25,
    ("generalised", True): 0.12,
    ("generalised", False): 0.03,
    ("plateau", True): 0.12,
    ("plateau", False): 0.03,
}
SIZES = dict.fromkeys(range(7, 22, 2), 1 / 8)
MODES = dict.fromkeys(("area", "bilinear", "bicubic"), 1 / 3)


@pytest.fixture(scope="module")
def recipes():
    rng = np.random.default_rng(11)
    return [sample_realesrgan(rng) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def passes(recipes):
    """The steps (blur, resize, noise) of both passes; a blur that was left out is absent."""
    first, second = [], []
    for recipe in recipes:
        steps = recipe.steps
        first.append(steps[:3])
        start = 5 if isinstance(steps[4], Blur | Sinc) else 4
        second.append((*steps[4:start], *steps[start : start + 2]))
    return first, second


def test_order(recipes, passes):
    for recipe, second in zip(recipes, passes[1], strict=True):
        kinds = [type(step) for step in recipe.steps]
        assert kinds[0] in (Blur, Sinc)
        assert kinds[1] is TorchResize
        assert kinds[2] in NOISES
        assert kinds[3] is Jpeg
        ending = kinds[4 + len(second) :]
        assert ending[-1] is Quantise
        assert sorted(k.__name__ for k in ending if k is not Sinc) == [
            "Jpeg",
            "Quantise",
            "TorchResize",
        ]
        if Sinc in ending:
            assert ending.index(Sinc) == ending.index(TorchResize) + 1
        assert recipe.sharpen == Sharpen(weight=0.5, radius=51, threshold=10.0)
    assert sample_realesrgan(np.random.default_rng(0), use_sharp=False).sharpen is None


@pytest.mark.parametrize(("which", "sigma_max"), [(0, 3.0), (1, 1.5)])
def test_kernels(passes, which, sigma_max):
    blurs = [steps[0] for steps in passes[which] if isinstance(steps[0], Blur | Sinc)]
    if which == 0:
        assert len(blurs) == COUNT
    else:
        assert_probability(len(blurs), COUNT, 0.8)
    assert_shares([blur.size for blur in blurs], SIZES)
    sincs = [blur for blur in blurs if isinstance(blur, Sinc)]
    assert_probability(len(sincs), len(blurs), 0.1)
    assert_uniform([s.cutoff for s in sincs if s.size < 13], np.pi / 3, np.pi)
    assert_uniform([s.cutoff for s in sincs if s.size >= 13], np.pi / 5, np.pi)
    others = [blur for blur in blurs if isinstance(blur, Blur)]
    assert_shares([(blur.shape, blur.sigma_x == blur.sigma_y) for blur in others], SHARES)
    assert_uniform([blur.sigma_x for blur in others], 0.2, sigma_max)
    turned = [blur for blur in others if blur.sigma_x != blur.sigma_y]
    assert_uniform([blur.sigma_y for blur in turned], 0.2, sigma_max)
    assert_uniform([blur.theta for blur in turned], -np.pi, np.pi)


def test_beta_is_as_often_below_one_as_above(passes):
    blurs = [steps[0] for side in passes for steps in side if isinstance(steps[0], Blur)]
    assert {blur.beta for blur in blurs if blur.shape == "gaussian"} == {1.0}
    general = np.array([blur.beta for blur in blurs if blur.shape == "generalised"])
    assert_probability((general < 1).sum(), len(general), 0.5)
    assert_uniform(general[general < 1], 0.5, 1)
    assert_uniform(general[general > 1], 1, 4)
    plateau = np.array([blur.beta for blur in blurs if blur.shape == "plateau"])
    assert_probability((plateau == 1).sum(), len(plateau), 0.5)
    assert_uniform(plateau[plateau != 1], 1, 2)


@pytest.mark.parametrize(
    ("which", "base", "shares", "low", "high"),
    [(0, "image", (0.2, 0.7, 0.1), 0.15, 1.5), (1, "lr", (0.3, 0.4, 0.3), 0.3, 1.2)],
)
def test_resize(passes, which, base, shares, low, high):
    steps = [steps[-2] for steps in passes[which]]
    factors = np.array([step.factor for step in steps])
    assert {step.relative_to for step in steps} == {base}
    directions = dict(zip((1.0, -1.0, 0.0), shares, strict=True))
    assert_shares(np.sign(factors - 1).tolist(), directions)
    assert_uniform(factors[factors > 1], 1, high)
    assert_uniform(factors[factors < 1], low, 1)
    assert_shares([step.mode for step in steps], MODES)


@pytest.mark.parametrize(("which", "level", "strength"), [(0, 30, 3.0), (1, 25, 2.5)])
def test_noise(passes, which, level, strength):
    noises = [steps[-1] for steps in passes[which]]
    gaussian = [noise for noise in noises if isinstance(noise, GaussianNoise)]
    photons = [noise for noise in noises if isinstance(noise, ScaledPoissonNoise)]
    assert_probability(len(gaussian), COUNT, 0.5)
    assert_shares([noise.kind for noise in gaussian], {"grey": 0.4, "colour": 0.6})
    assert_uniform([noise.level for noise in gaussian], 1, level)
    assert_probability(sum(noise.grey for noise in photons), len(photons), 0.4)
    assert_uniform([noise.strength for noise in photons], 0.05, strength)


def test_ending(recipes, passes):
    sincs, jpeg_last = [], 0
    for recipe, second in zip(recipes, passes[1], strict=True):
        ending = recipe.steps[4 + len(second) :]
        sincs += [step for step in ending if isinstance(step, Sinc)]
        jpeg_last += isinstance(ending[-2], Jpeg)
        resize = next(step for step in ending if isinstance(step, TorchResize))
        assert (resize.factor, resize.relative_to) == (1.0, "lr")
    assert_probability(jpeg_last, COUNT, 0.5)
    assert_probability(len(sincs), COUNT, 0.8)
    assert_shares([step.size for step in sincs], SIZES)
    assert_uniform([step.cutoff for step in sincs], np.pi / 3, np.pi)


def test_jpeg_quality_twice(recipes):
    qualities = [[s.quality for s in recipe.steps if isinstance(s, Jpeg)] for recipe in recipes]
    assert {len(pair) for pair in qualities} == {2}
    assert_integers([quality for pair in qualities for quality in pair], 30, 95)
