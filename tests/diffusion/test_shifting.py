import itertools

import pytest
import torch

from blindsr.diffusion.shifting import ResidualShift
from blindsr.errors import ConfigError


@pytest.mark.parametrize("steps", [1, 2, 4, 15])
def test_eta_rises_from_nothing_to_nearly_all(steps):
    eta = ResidualShift(steps).eta
    assert eta[0] == 0
    assert eta[-1] == pytest.approx(0.99)
    assert all(a < b for a, b in itertools.pairwise(eta))


def test_posterior_is_that_of_the_forward_process():
    """Draw x_t of x_0, then x_{t-1} of both: its moments are those of the forward process."""
    schedule = ResidualShift(4, kappa=0.5)
    torch.manual_seed(0)
    x0, y = torch.full((1, 1, 1, 200_000), 0.2), torch.full((1, 1, 1, 200_000), 0.7)
    for t in (4, 3, 2):
        x_t = schedule.add(x0, y, t, torch.randn_like(x0))
        drawn = schedule.posterior(x_t, x0, t, torch.randn_like(x0))
        wanted = schedule.add(x0, y, t - 1, torch.zeros_like(x0))
        assert float(drawn.mean()) == pytest.approx(float(wanted.mean()), abs=3e-3)
        spread = 0.5 * schedule.eta[t - 1] ** 0.5
        assert float(drawn.std()) == pytest.approx(spread, rel=0.01)


def test_the_first_step_returns_the_picture():
    schedule = ResidualShift(4)
    x_t, x0, noise = (torch.rand(1, 3, 4, 4) for _ in range(3))
    torch.testing.assert_close(schedule.posterior(x_t, x0, 1, noise), x0)


def test_each_picture_of_a_batch_may_be_at_another_step():
    schedule = ResidualShift(4)
    x0, y, noise = (torch.rand(2, 3, 4, 4) for _ in range(3))
    both = schedule.add(x0, y, torch.tensor([1, 4]), noise)
    for index, t in enumerate((1, 4)):
        one = slice(index, index + 1)
        torch.testing.assert_close(schedule.add(x0[one], y[one], t, noise[one]), both[one])


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"kappa": -1.0}, {"power": 0.0}])
def test_wrong_numbers_end_in_one_line(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ResidualShift(**wrong)
