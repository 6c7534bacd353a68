"""What all linear operators must hold: adjoint, proximal step, gradients; and what each equals."""

import functools

import numpy as np
import pytest
import torch

from blindsr.degradation import (
    BasisOperator,
    BlurOperator,
    LayeredOperator,
    degrade,
    gaussian_window,
    sigma_from_depth,
)
from blindsr.errors import ConfigError, DataError
from blindsr.imaging import downsample

SIGMA_MAX = 5.0
KINDS = ("gather", "uniform", "layered", "basis", "kernels")
DOWNSAMPLERS = ("sfold", "bicubic", "area")


def scene(height, width, seed=0):
    """Depth of a tilted ground with two discs before it, and its sigma, focused in between."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    depth = 2.0 + 2.0 * rows / height
    for nearness in (1.6, 1.1):
        y, x = rng.uniform(0.2, 0.8, 2) * (height, width)
        depth[(rows - y) ** 2 + (columns - x) ** 2 < (min(height, width) / 4) ** 2] = nearness
    depth = depth.astype(np.float32)
    return sigma_from_depth(depth, sigma_max=SIGMA_MAX, focus_rank=0.3), depth


def as_maps(*arrays):
    return torch.from_numpy(np.stack(arrays))[:, None]


def make(kind, count, height, width, scale, downsampler):
    """An operator for ``count`` pictures of this size."""
    torch.manual_seed(0)
    options = {"scale": scale, "downsampler": downsampler}
    scenes = [scene(height, width, seed) for seed in range(count)]
    sigma, depth = (as_maps(*(s[i] for s in scenes)) for i in (0, 1))
    if kind == "layered":
        return LayeredOperator(sigma, depth, sigma_max=SIGMA_MAX, **options)
    if kind == "basis":
        weights = torch.randn(count, 3, height, width)
        return BasisOperator(weights, torch.randn(3, 5, 5), **options)
    if kind == "kernels":
        field = torch.rand(count, 49, height // scale, width // scale)
        return BasisOperator.from_kernels(field, rank=6, **options)
    if kind == "uniform":
        sigma[0] = 1.7
    return BlurOperator(sigma, sigma_max=SIGMA_MAX, **options)


def picture(height, width, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.8, (height, width, 3)).astype(np.float32)


def as_tensor(array):
    return torch.from_numpy(array).permute(2, 0, 1)[None]


def as_array(tensor):
    return tensor[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("downsampler", DOWNSAMPLERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width", "scale"), [(28, 36, 4), (21, 27, 3), (8, 4, 2)])
def test_adjoint_is_exact_with_borders_and_odd_sizes(kind, downsampler, height, width, scale):
    """The last size is smaller than every window."""
    operator = make(kind, 2, height, width, scale, downsampler)
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    y = torch.randn(2, 3, height // scale, width // scale, dtype=torch.float64)
    forward, backward = (operator(x) * y).sum(), (x * operator.adjoint(y)).sum()
    size = operator(x).norm() * y.norm()
    assert abs(forward - backward) <= 1e-12 * size


@pytest.mark.parametrize("downsampler", DOWNSAMPLERS)
@pytest.mark.parametrize("kind", ["gather", "layered"])
def test_forward_equals_degrade_without_rounding(kind, downsampler):
    sigma, depth = scene(48, 60)
    hr = picture(48, 60)
    options = {"scale": 4, "sigma_max": SIGMA_MAX, "downsampler": downsampler}
    wanted = degrade(hr, sigma, operator=kind, depth=depth, round_hr=False, **options)
    made = make(kind, 1, 48, 60, 4, downsampler)(as_tensor(hr))
    np.testing.assert_allclose(as_array(made), wanted, atol=2e-6)


@pytest.mark.parametrize("value", [0.0, 1.7, 5.0])
def test_pictures_of_one_sigma_have_their_own_window_as_in_degrade(value):
    hr, sigma = picture(32, 40), np.full((32, 40), value, np.float32)
    wanted = degrade(hr, sigma, scale=4, sigma_max=SIGMA_MAX, round_hr=False)
    other = scene(32, 40)[0]
    operator = BlurOperator(as_maps(other, sigma), scale=4, sigma_max=SIGMA_MAX)
    made = operator(as_tensor(hr).expand(2, -1, -1, -1))
    np.testing.assert_allclose(as_array(made[1:]), wanted, atol=1e-6)
    varied = degrade(hr, other, scale=4, sigma_max=SIGMA_MAX, round_hr=False)
    np.testing.assert_allclose(as_array(made[:1]), varied, atol=2e-6)


def test_layers_of_large_blur_are_as_wide_as_in_degrade():
    depth = np.repeat(np.linspace(1, 4, 40, dtype=np.float32), 40).reshape(40, 40)
    sigma = sigma_from_depth(depth, sigma_max=15, focus_rank=0.5)
    hr = picture(40, 40)
    options = {"scale": 4, "sigma_max": 15.0}
    wanted = degrade(hr, sigma, operator="layered", depth=depth, round_hr=False, **options)
    made = LayeredOperator(as_maps(sigma), as_maps(depth), **options)(as_tensor(hr))
    np.testing.assert_allclose(as_array(made), wanted, atol=2e-6)


def test_a_field_of_kernels_gives_every_lr_pixel_its_own():
    """Directly from the definition, s-fold, rank large enough to be exact."""
    torch.manual_seed(0)
    kernels = torch.rand(1, 25, 5, 6, dtype=torch.float64).softmax(dim=1)
    x = torch.rand(1, 3, 15, 18, dtype=torch.float64)
    operator = BasisOperator.from_kernels(kernels, scale=3, rank=25)
    padded = np.pad(x[0].numpy(), ((0, 0), (2, 2), (2, 2)), mode="symmetric")
    wanted = np.empty((3, 5, 6))
    for i in range(5):
        for j in range(6):
            patch = padded[:, 3 * i : 3 * i + 5, 3 * j : 3 * j + 5]
            wanted[:, i, j] = (patch * kernels[0, :, i, j].view(5, 5).numpy()).sum(axis=(1, 2))
    np.testing.assert_allclose(operator(x)[0].numpy(), wanted, atol=1e-12)


def test_few_components_keep_constants_and_suffice_for_isotropic_blur():
    sigmas = torch.linspace(0.5, 3, 30, dtype=torch.float64)
    lines = torch.stack([torch.from_numpy(gaussian_window(float(s), 5.0)) for s in sigmas])
    field = (lines[:, :, None] * lines[:, None, :]).flatten(1).T.reshape(1, 441, 5, 6)
    operator = BasisOperator.from_kernels(field, scale=4, rank=5)
    flat = torch.full((1, 3, 20, 24), 0.7, dtype=torch.float64)
    torch.testing.assert_close(operator(flat), flat[:, :, ::4, ::4])
    x = torch.rand(1, 3, 20, 24, dtype=torch.float64)
    exact = BasisOperator.from_kernels(field, scale=4, rank=441)
    assert (operator(x) - exact(x)).abs().max() < 2e-3


def dense(operator, height, width):
    """A as a matrix, of one channel."""
    eye = torch.eye(height * width, dtype=torch.float64).view(-1, 1, height, width)
    return torch.stack([operator(e[None]).flatten() for e in eye], dim=1)


@pytest.mark.parametrize("kind", ["gather", "layered", "kernels"])
def test_prox_solves_the_normal_equations(kind):
    """Against a dense solve, with a weight of its own for every pixel; one pixel is left out."""
    operator = make(kind, 1, 12, 12, 2, "bicubic")
    x0, y = (torch.rand(1, 1, n, n, dtype=torch.float64) for n in (12, 6))
    weight = torch.rand(1, 1, 6, 6, dtype=torch.float64) ** 4 + 1e-3
    weight[0, 0, 2, 3] = torch.inf
    a = dense(operator, 12, 12)
    left = a.T @ (a / weight.flatten()[:, None]) + torch.eye(144, dtype=torch.float64)
    right = a.T @ (y / weight).flatten() + x0.flatten()
    wanted = torch.linalg.solve(left, right).view(1, 1, 12, 12)
    torch.testing.assert_close(
        operator.prox(x0, y, weight, iterations=60), wanted, atol=1e-9, rtol=0
    )


def test_prox_between_its_limits():
    operator = make("gather", 2, 24, 24, 4, "bicubic")
    truth = torch.rand(2, 3, 24, 24, dtype=torch.float64)
    y = operator(truth)
    x0 = torch.rand(2, 3, 24, 24, dtype=torch.float64)
    torch.testing.assert_close(operator.prox(x0, y, torch.inf), x0)
    met = operator.prox(x0, y, 0.0, iterations=60)
    assert (operator(met) - y).abs().max() < 1e-4
    errors = [
        float((operator(operator.prox(x0, y, 1e-3, iterations=n)) - y).norm()) for n in (1, 2, 4, 8)
    ]
    assert errors == sorted(errors, reverse=True)


def test_prox_leaves_what_the_operator_does_not_see():
    operator = make("layered", 1, 12, 12, 3, "area")
    x0, y = (torch.rand(1, 1, n, n, dtype=torch.float64) for n in (12, 4))
    moved = (operator.prox(x0, y, 1e-2) - x0).flatten()
    _, _, rows = torch.linalg.svd(dense(operator, 12, 12), full_matrices=True)
    assert (rows[16:] @ moved).abs().max() < 1e-10


def test_prox_of_a_batch_is_that_of_its_pictures():
    operator = make("uniform", 2, 24, 20, 4, "bicubic")
    x0, y = torch.rand(2, 3, 24, 20), torch.rand(2, 3, 6, 5)
    both = operator.prox(x0, y, torch.rand(2, 1, 6, 5, generator=torch.manual_seed(3)))
    weight = torch.rand(2, 1, 6, 5, generator=torch.manual_seed(3))
    for index in range(2):
        sigma = as_maps(scene(24, 20, index)[0])
        sigma = torch.full_like(sigma, 1.7) if index == 0 else sigma
        alone = BlurOperator(sigma, scale=4, sigma_max=SIGMA_MAX, downsampler="bicubic")
        one = slice(index, index + 1)
        torch.testing.assert_close(alone.prox(x0[one], y[one], weight[one]), both[one])


@pytest.mark.parametrize("kind", ["gather", "layered", "basis"])
def test_gradients_of_every_order(kind):
    operator = make(kind, 1, 8, 8, 2, "bicubic")
    x, y = (torch.rand(1, 1, n, n, dtype=torch.float64, requires_grad=True) for n in (8, 4))
    random = {"fast_mode": True}  # the whole Jacobian, seen along random directions
    assert torch.autograd.gradcheck(operator, (x,), **random)
    assert torch.autograd.gradcheck(operator.adjoint, (y,), **random)
    assert torch.autograd.gradgradcheck(lambda one: operator(one).square(), (x,), **random)
    weight = torch.full((1, 1, 4, 4), 0.05, dtype=torch.float64, requires_grad=True)
    restored = functools.partial(operator.prox, iterations=2)
    assert torch.autograd.gradcheck(restored, (x, y, weight), **random)


def test_operators_work_without_gradients_of_any_kind():
    with torch.inference_mode():
        operator = make("gather", 1, 16, 16, 4, "bicubic")
        x, y = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 4, 4)
        assert operator.prox(x, y, 0.01).shape == x.shape


def test_one_operator_takes_batches_of_any_size():
    for kind in ("gather", "layered", "basis"):
        operator = make(kind, 1, 16, 12, 4, "area")
        x = torch.rand(3, 2, 16, 12)
        torch.testing.assert_close(operator(x)[1:2], operator(x[1:2]))
        assert operator.adjoint(operator(x)).shape == x.shape


def test_norm_is_the_largest_singular_value():
    operator = make("gather", 1, 12, 12, 4, "bicubic")
    largest = torch.linalg.matrix_norm(dense(operator, 12, 12), ord=2) ** 2
    assert operator.norm2(30) == pytest.approx(float(largest), rel=1e-3)
    assert operator.norm2() == pytest.approx(1 / 16, rel=0.5)


MAP = torch.zeros(1, 1, 8, 8)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: BlurOperator(MAP[0], scale=2, sigma_max=5), DataError, r"sigma: shape"),
        (lambda: BlurOperator(MAP / 0, scale=2, sigma_max=5), DataError, "sigma: NaN"),
        (lambda: BlurOperator(MAP, scale=3, sigma_max=5), DataError, "multiples of 3"),
        (lambda: BlurOperator(MAP, scale=0, sigma_max=5), ConfigError, "scale: 0"),
        (lambda: BlurOperator(MAP, scale=2, sigma_max=0), ConfigError, "sigma_max"),
        (
            lambda: BlurOperator(MAP, scale=2, sigma_max=5, downsampler="cubic"),
            ConfigError,
            "downsampler: 'cubic'",
        ),
        (
            lambda: LayeredOperator(MAP, MAP[..., :4], scale=2, sigma_max=5),
            DataError,
            "depth: shape",
        ),
        (
            lambda: BasisOperator(MAP, torch.zeros(1, 4, 4), scale=2),
            DataError,
            r"kernels: shape \(1, 4, 4\), expected \(K, k, k\), k odd",
        ),
        (lambda: BasisOperator(MAP, torch.zeros(2, 3, 3), scale=2), DataError, "weights: shape"),
        (
            lambda: BasisOperator.from_kernels(torch.zeros(1, 8, 2, 2), scale=2),
            DataError,
            "kernels: shape",
        ),
        (
            lambda: BasisOperator.from_kernels(torch.zeros(1, 9, 2, 2), scale=2, rank=-1),
            ConfigError,
            "rank: -1",
        ),
    ],
)
def test_wrong_operators_end_in_one_line(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_wrong_pictures_end_in_one_line():
    operator = BlurOperator(MAP, scale=2, sigma_max=5)
    x, y = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 4, 4)
    for call, words in [
        (lambda: operator(y), r"image: shape \(1, 3, 4, 4\), expected \(N, C, 8, 8\)"),
        (lambda: operator.adjoint(x), "lr: shape"),
        (lambda: operator.prox(x, y, -1.0), "weight: negative"),
        (lambda: operator.prox(x, y, torch.full((1, 1, 4, 4), torch.nan)), "weight: negative"),
        (lambda: operator.prox(x, y, torch.ones(1, 1, 8, 8)), "weight: shape"),
    ]:
        with pytest.raises(DataError, match=words):
            call()
    with pytest.raises(ConfigError, match="iterations: 0"):
        operator.prox(x, y, 1.0, iterations=0)


def test_operators_down_sample_as_the_library_does():
    x = torch.rand(1, 3, 24, 24, dtype=torch.float64)
    for name in DOWNSAMPLERS:
        operator = BlurOperator(torch.zeros(1, 1, 24, 24), scale=4, sigma_max=5, downsampler=name)
        torch.testing.assert_close(operator(x), downsample(x, 4, name))
