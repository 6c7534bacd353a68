"""The likelihood is best where the estimate and its scale are true; RMSE is that of each image."""

import pytest
import torch

from blindsr.errors import DataError
from blindsr.losses import laplace_nll, picture_rmse


def test_best_scale_is_the_mean_error():
    truth = torch.distributions.Laplace(0.0, 0.7).sample((20000,))
    zero = torch.zeros_like(truth)
    scales = torch.tensor([0.35, 0.5, 0.7, 1.0, 1.4])
    losses = [laplace_nll(zero, s.log().expand_as(truth), truth) for s in scales]
    assert int(torch.stack(losses).argmin()) == 2


def test_value_of_one_pixel():
    loss = laplace_nll(torch.tensor([3.0]), torch.tensor([2.0]).log(), torch.tensor([2.0]))
    torch.testing.assert_close(loss, torch.tensor(0.5 + 0.6931472))


def test_rmse_is_a_mean_over_images_not_over_pixels():
    hr = torch.zeros(2, 3, 4, 4)
    sr = hr.clone()
    sr[0] += 0.1
    sr[1] += 0.5
    torch.testing.assert_close(picture_rmse(sr, hr), torch.tensor(0.3), atol=1e-4, rtol=0)


def test_rmse_of_equal_images_has_no_gradient():
    sr = torch.rand(1, 3, 4, 4, requires_grad=True)
    picture_rmse(sr, sr.detach().clone()).backward()
    assert not sr.grad.any()


def test_rmse_refuses_other_shapes():
    with pytest.raises(DataError, match="hr"):
        picture_rmse(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 1))
