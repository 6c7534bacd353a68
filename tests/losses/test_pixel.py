"""The likelihood is best where the estimate and its scale are true."""

import torch

from blindsr.losses import laplace_nll


def test_best_scale_is_the_mean_error():
    truth = torch.distributions.Laplace(0.0, 0.7).sample((20000,))
    zero = torch.zeros_like(truth)
    scales = torch.tensor([0.35, 0.5, 0.7, 1.0, 1.4])
    losses = [laplace_nll(zero, s.log().expand_as(truth), truth) for s in scales]
    assert int(torch.stack(losses).argmin()) == 2


def test_value_of_one_pixel():
    loss = laplace_nll(torch.tensor([3.0]), torch.tensor([2.0]).log(), torch.tensor([2.0]))
    torch.testing.assert_close(loss, torch.tensor(0.5 + 0.6931472))
