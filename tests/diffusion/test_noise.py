import pytest
import torch

from blindsr.diffusion.noise import PositionNoise


@pytest.mark.parametrize(
    ("rows", "columns"),
    [((0, 30), (0, 30)), ((60, 70), (50, 200)), ((64, 128), (64, 65)), ((199, 200), (0, 200))],
)
def test_a_window_of_the_noise_is_the_noise_of_the_window(rows, columns):
    noise = PositionNoise(1)
    whole = noise.window(3, slice(0, 200), slice(0, 200))
    part = noise.window(3, slice(*rows), slice(*columns))
    assert torch.equal(part, whole[:, slice(*rows), slice(*columns)])


def test_seeds_samples_and_steps_differ_and_repeat():
    window = slice(0, 64), slice(0, 64)
    drawn = [PositionNoise(s, n).window(t, *window) for s in (0, 1) for n in (0, 1) for t in (1, 2)]
    again = PositionNoise(1, 0).window(2, *window)
    assert torch.equal(again, drawn[5])
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert abs(float((one * other).mean())) < 0.04


def test_it_is_standard_normal():
    drawn = PositionNoise(0).window(1, slice(0, 256), slice(0, 256))
    assert abs(float(drawn.mean())) < 0.01
    assert float(drawn.std()) == pytest.approx(1, abs=0.01)
