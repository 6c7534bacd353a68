import pytest
import torch

from blindsr.degradation import BlurOperator
from blindsr.diffusion.sampler import ConstrainedSampler
from blindsr.diffusion.shifting import ResidualShift
from blindsr.diffusion.uncertainty import LEAST_WEIGHT, data_weight, measurement_variance
from blindsr.errors import ConfigError
from blindsr.imaging.resize import upsample

SIGMA = torch.linspace(0, 4, 32).expand(1, 1, 32, 32)
OPERATOR = BlurOperator(SIGMA, scale=4, sigma_max=5.0, downsampler="bicubic")


def run(constraint="every", strength=1.0, steps=4, weight=0.01):
    """A denoiser that knows nothing of LR: it smooths and darkens."""
    torch.manual_seed(0)
    sharp = torch.rand(1, 3, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    lr = OPERATOR(sharp)
    calls = []

    def denoise(x, t):
        calls.append(t)
        return 0.9 * torch.nn.functional.avg_pool2d(x, 3, 1, 1)

    sr = ConstrainedSampler(ResidualShift(steps), constraint=constraint).sample(
        lr,
        upsample(lr, 4, phase=1.5),
        operator=OPERATOR,
        denoise=denoise,
        noise=lambda t: torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(t)),
        weight=lambda *_: weight,
        strength=strength,
    )
    assert calls == list(range(steps, 0, -1))
    return sr, float((OPERATOR(sr) - lr).square().mean())


def test_constraints_differ_and_make_the_result_consistent():
    found = {name: run(name) for name in ("none", "last", "every")}
    errors = {name: error for name, (_, error) in found.items()}
    assert errors["every"] < 0.1 * errors["none"]
    assert errors["last"] < 0.1 * errors["none"]
    assert not torch.equal(found["every"][0], found["last"][0])
    for sr, _ in found.values():
        assert 0 <= sr.min() <= sr.max() <= 1


def test_the_same_noise_gives_the_same_picture():
    assert torch.equal(run()[0], run()[0])


def test_strength_is_how_much_is_added_to_the_enlargement():
    _, invented = run(strength=0.0)
    torch.manual_seed(0)
    sharp = torch.rand(1, 3, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    start = upsample(OPERATOR(sharp), 4, phase=1.5).clamp(0, 1)
    torch.testing.assert_close(run(strength=0.0)[0], start)
    half = torch.zeros(1, 1, 32, 32)
    half[..., 16:] = 1
    mixed = run(strength=half)[0]
    torch.testing.assert_close(mixed[..., :16], start[..., :16])
    assert not torch.allclose(mixed[..., 16:], start[..., 16:], atol=1e-2)
    assert invented >= 0


def test_unknown_constraints_end_in_one_line():
    with pytest.raises(ConfigError, match="constraint: 'always', expected 'every' or 'last'"):
        ConstrainedSampler(ResidualShift(), constraint="always")
    with pytest.raises(ConfigError, match="iterations: 0"):
        ConstrainedSampler(ResidualShift(), iterations=0)


def test_pixels_whose_sigma_is_unsure_are_left_alone():
    """v is what the error of sigma does to LR: large at edges with a large scale, 0 elsewhere."""
    picture = torch.zeros(1, 3, 32, 32)
    picture[..., 16:] = 1
    scale = torch.zeros(1, 1, 32, 32)
    scale[:, :, :16] = 2.0
    moved = BlurOperator(SIGMA + scale, scale=4, sigma_max=8.0, downsampler="bicubic")
    exact = BlurOperator(SIGMA, scale=4, sigma_max=8.0, downsampler="bicubic")
    variance = measurement_variance(picture, exact, moved)
    assert variance.shape == (1, 1, 8, 8)
    assert variance[0, 0, 0, 4] > 1e-4
    assert variance[0, 0, 7].max() < 1e-10
    assert variance[0, 0, 0, 0] < 1e-6
    weight = data_weight(variance + (1 / 255) ** 2, 0.06)
    assert weight.min() == pytest.approx(LEAST_WEIGHT)
    assert weight.max() > 0.1
    y = torch.rand(1, 3, 8, 8)
    huge = torch.zeros(1, 1, 8, 8)
    huge[0, 0, 3, 3] = 1e12
    done = exact.prox(picture, y, huge + 0.01, iterations=20)
    y[..., 3, 3] = 5.0
    torch.testing.assert_close(exact.prox(picture, y, huge + 0.01, iterations=20), done)


def test_weights_are_never_smaller_than_noise_deserves():
    assert data_weight(0.0, 0.06) == LEAST_WEIGHT
    assert data_weight((4 / 255) ** 2, 0.06) == pytest.approx(0.0684, rel=1e-2)
    assert data_weight(1.0, 0.0) > 1e10
