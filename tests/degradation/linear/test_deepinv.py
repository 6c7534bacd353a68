"""Our operators as the physics of deepinv, in the lines that docs/guides/operators.md shows."""

import pytest
import torch

from blindsr.degradation import BlurOperator


@pytest.mark.filterwarnings("ignore")  # of deepinv's own imports
def test_an_operator_is_a_linear_physics_of_deepinv():
    deepinv = pytest.importorskip("deepinv")
    sigma = torch.linspace(0, 4, 32).expand(1, 1, 24, 32)
    A = BlurOperator(sigma, scale=4, sigma_max=5.0, downsampler="bicubic")
    physics = deepinv.physics.LinearPhysics(
        A=lambda x, **_: A(x), A_adjoint=lambda y, **_: A.adjoint(y)
    )
    x, lr = torch.rand(1, 3, 24, 32), torch.rand(1, 3, 6, 8)
    torch.testing.assert_close(physics(x), A(x))
    torch.testing.assert_close(physics.A_adjoint(lr), A.adjoint(lr))
    assert abs(float(physics.adjointness_test(x))) < 1e-4
    # theirs weighs the other way round, |Ax - y|^2 / 2 + |x - z|^2 / (2 gamma), and stops earlier
    theirs = physics.prox_l2(x, lr, gamma=100.0)
    torch.testing.assert_close(theirs, A.prox(x, lr, 0.01, 50), atol=5e-3, rtol=0)
