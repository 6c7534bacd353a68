import cv2
import numpy as np
import pytest
import torch

from blindsr.degradation import gather_blur, window_size
from blindsr.errors import ConfigError, DataError
from blindsr.imaging import read_rgb


def brute_force(image, sigma, sigma_max):
    """Definition: each pixel sums its own truncated, renormalised window; symmetric borders."""
    radius = window_size(sigma_max) // 2
    height, width = sigma.shape
    padding = ((radius, radius), (radius, radius), (0, 0))
    padded = np.pad(image.astype(np.float64), padding, mode="symmetric")
    safe = np.maximum(sigma.astype(np.float64), 1e-3)
    total, norm = np.zeros(image.shape), np.zeros((height, width, 1))
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            weight = np.exp(-(dy**2 + dx**2) / (2 * safe**2))[..., None]
            rows = slice(radius + dy, radius + dy + height)
            columns = slice(radius + dx, radius + dx + width)
            total += weight * padded[rows, columns]
            norm += weight
    return total / norm


def psnr(a, b):
    return -10 * np.log10(np.mean((np.asarray(a, np.float64) - b) ** 2) + 1e-20)


def to_tensor(array):
    array = array[..., None] if array.ndim == 2 else array
    return torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)[None]


def to_array(tensor):
    return tensor[0].permute(1, 2, 0).numpy()


def picture(height, width, seed=0):
    """Checks, a ramp, and noise: every frequency, and strong edges."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    checks = ((rows // 9 + columns // 7) % 2)[..., None] * rng.random(3)
    ramp = (rows / height)[..., None] * rng.random(3)
    noise = cv2.GaussianBlur(rng.random((height, width, 3)), (0, 0), 0.7)
    return np.clip(0.5 * checks + 0.3 * ramp + 0.3 * noise, 0, 1).astype(np.float32)


def sigma_map(height, width, sigma_max, seed=0):
    """Smooth slopes with a step, covering the whole range."""
    rows, columns = np.mgrid[:height, :width]
    sigma = sigma_max * columns / (width - 1)
    disc = (rows - height / 2) ** 2 + (columns - width / 3) ** 2 < (height / 4) ** 2
    return np.where(disc, sigma_max - sigma, sigma).astype(np.float32)


@pytest.mark.parametrize(("sigma_max", "size"), [(5, (96, 128)), (15, (80, 96))])
def test_60_decibels_from_the_definition(sigma_max, size):
    image, sigma = picture(*size), sigma_map(*size, sigma_max)
    expected = brute_force(image, sigma, sigma_max)
    result = gather_blur(image, sigma, sigma_max=sigma_max, levels=16)
    assert result.dtype == np.float32
    assert psnr(result, expected) > 66
    tensor = gather_blur(to_tensor(image), to_tensor(sigma), sigma_max=sigma_max, levels=16)
    assert psnr(to_array(tensor), expected) > 66
    assert psnr(to_array(tensor), result) > 110


def test_a_photograph(shared):
    image = read_rgb(shared / "data/photos/skimage_chelsea.png")[:120, :160]
    sigma = sigma_map(120, 160, 5)
    assert psnr(gather_blur(image, sigma, sigma_max=5), brute_force(image, sigma, 5)) > 70


def test_placed_levels_beat_even_ones():
    """The same count spread evenly with a linear blend is more than 3 dB worse."""
    image, sigma = picture(96, 128), sigma_map(96, 128, 5)
    expected = brute_force(image, sigma, 5)
    nodes = np.linspace(0, 5, 16)
    even = np.zeros(image.shape)
    for index, node in enumerate(nodes):
        weight = np.maximum(0, 1 - np.abs(sigma / nodes[1] - index))[..., None]
        uniform = np.full(sigma.shape, node, np.float32)
        even += weight * gather_blur(image, uniform, sigma_max=5)
    placed = psnr(gather_blur(image, sigma, sigma_max=5, levels=16), expected)
    assert placed > psnr(even, expected) + 3


def test_more_levels_are_more_accurate():
    image, sigma = picture(64, 64), sigma_map(64, 64, 5)
    expected = brute_force(image, sigma, 5)
    scores = [
        psnr(gather_blur(image, sigma, sigma_max=5, levels=n), expected) for n in (2, 4, 8, 16)
    ]
    assert (np.diff(scores) > 6).all()


@pytest.mark.parametrize("sigma", [0.0, 0.04, 0.3, 1.7, 5.0])
def test_a_uniform_map_is_exact(sigma):
    image = picture(40, 50)
    uniform = np.full((40, 50), sigma, np.float32)
    result = gather_blur(image, uniform, sigma_max=5)
    assert psnr(result, brute_force(image, uniform, 5)) > 120
    if sigma < 0.05:
        np.testing.assert_array_equal(result, image)


def test_nominal_five_spreads_like_four_and_a_half():
    impulse = np.zeros((61, 61), np.float32)
    impulse[30, 30] = 1
    result = gather_blur(impulse, np.full((61, 61), 5.0, np.float32), sigma_max=5)
    offsets = np.arange(61) - 30
    assert result.sum() == pytest.approx(1, abs=1e-5)
    assert np.sqrt((result.sum(0) * offsets**2).sum()) == pytest.approx(4.5, abs=0.01)


@pytest.mark.parametrize("shape", [(7, 5), (1, 30), (12, 12)])
def test_pictures_smaller_than_the_window(shape):
    image, sigma = picture(*shape), np.linspace(0, 15, shape[0] * shape[1], dtype=np.float32)
    sigma = sigma.reshape(shape)
    expected = brute_force(image, sigma, 15)
    assert psnr(gather_blur(image, sigma, sigma_max=15), expected) > 55
    tensor = gather_blur(to_tensor(image), to_tensor(sigma), sigma_max=15)
    assert psnr(to_array(tensor), expected) > 55


def test_grey_and_many_channels_and_constants():
    image, sigma = picture(30, 40), sigma_map(30, 40, 5)
    grey = gather_blur(np.ascontiguousarray(image[..., 1]), sigma, sigma_max=5)
    colour = gather_blur(image, sigma, sigma_max=5)
    np.testing.assert_allclose(grey, colour[..., 1], atol=1e-6)
    six = gather_blur(np.concatenate([image, image], axis=2), sigma, sigma_max=5)
    np.testing.assert_allclose(six[..., 3:], colour, atol=1e-6)
    single = gather_blur(image[..., :1], sigma, sigma_max=5)
    assert single.shape == (30, 40, 1)
    flat = gather_blur(np.full((30, 40, 3), 0.7, np.float32), sigma, sigma_max=5)
    np.testing.assert_allclose(flat, 0.7, atol=1e-6)


def test_the_operator_is_linear_and_leaves_its_input_alone():
    first, second, sigma = picture(30, 40), picture(30, 40, seed=1), sigma_map(30, 40, 5)
    kept = first.copy(), sigma.copy()
    mixed = gather_blur(2 * first - second, sigma, sigma_max=5)
    parts = 2 * gather_blur(first, sigma, sigma_max=5) - gather_blur(second, sigma, sigma_max=5)
    np.testing.assert_allclose(mixed, parts, atol=1e-5)
    np.testing.assert_array_equal(first, kept[0])
    np.testing.assert_array_equal(sigma, kept[1])


def test_each_sample_of_a_batch_has_its_own_map():
    images = torch.cat([to_tensor(picture(24, 32, seed=i)) for i in range(3)])
    maps = torch.stack([torch.full((1, 24, 32), s) for s in (0.0, 2.2, 5.0)])
    maps[2] = to_tensor(sigma_map(24, 32, 5))[0]
    batch = gather_blur(images, maps, sigma_max=5)
    for i in range(3):
        alone = gather_blur(images[i : i + 1], maps[i : i + 1], sigma_max=5)
        torch.testing.assert_close(batch[i : i + 1], alone, atol=1e-6, rtol=0)
    torch.testing.assert_close(batch[0], images[0], atol=1e-6, rtol=0)


def test_adjoint():
    """<A x, y> = <x, A^T y>, with A^T from autograd."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 20, 26, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.rand(2, 3, 20, 26, generator=generator, dtype=torch.float64)
    sigma = 5 * torch.rand(2, 1, 20, 26, generator=generator, dtype=torch.float64)
    blurred = gather_blur(x, sigma, sigma_max=5)
    (adjoint,) = torch.autograd.grad(blurred, x, y)
    left, right = (blurred * y).sum(), (x * adjoint).sum()
    torch.testing.assert_close(left, right, rtol=1e-12, atol=0)
    # The operator gathers: it preserves constants, its adjoint preserves sums only where sigma
    # is uniform, so it must not be its own adjoint here.
    assert (gather_blur(y, sigma, sigma_max=5) - adjoint).abs().max() > 1e-2


def test_gradients_match_finite_differences():
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(2, 1, 4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    # Midway between the points of the blend table, whose slope is piecewise constant.
    steps = torch.randint(20, 95, (2, 1, 4, 3), generator=generator)
    sigma = ((steps + 0.5) * 0.01).double().requires_grad_()

    def operator(image, sigma):
        return gather_blur(image, sigma, sigma_max=1, levels=3)

    assert torch.autograd.gradcheck(operator, (image, sigma))
    assert torch.autograd.gradgradcheck(operator, (image, sigma))


def test_sigma_can_be_found_by_descent():
    """A uniform sigma is recovered from a blurred picture: the gradient has the right sign."""
    image = to_tensor(picture(48, 48))
    target = gather_blur(image, torch.full((1, 1, 48, 48), 2.3), sigma_max=5)
    sigma = torch.tensor(1.0, requires_grad=True)
    optimiser = torch.optim.Adam([sigma], lr=0.1)
    for _ in range(100):
        optimiser.zero_grad()
        blurred = gather_blur(image, sigma.expand(1, 1, 48, 48), sigma_max=5)
        (blurred - target).square().mean().backward()
        optimiser.step()
    assert sigma.item() == pytest.approx(2.3, abs=0.05)


def test_half_precision_and_autocast_do_not_degrade():
    image, sigma = to_tensor(picture(32, 32)), to_tensor(sigma_map(32, 32, 5))
    exact = gather_blur(image, sigma, sigma_max=5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(gather_blur(image, sigma, sigma_max=5), exact)
    half = gather_blur(image.bfloat16(), sigma.bfloat16(), sigma_max=5)
    assert half.dtype == torch.bfloat16
    assert psnr(half.float(), exact.numpy()) > 40


def test_tensor_sigma_is_clamped():
    image = to_tensor(picture(20, 20))
    wild = torch.linspace(-2, 9, 400).reshape(1, 1, 20, 20)
    torch.testing.assert_close(
        gather_blur(image, wild, sigma_max=5), gather_blur(image, wild.clamp(0, 5), sigma_max=5)
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_numpy():
    image, sigma = picture(96, 128), sigma_map(96, 128, 5)
    result = gather_blur(to_tensor(image).cuda(), to_tensor(sigma).cuda(), sigma_max=5)
    assert psnr(to_array(result.cpu()), gather_blur(image, sigma, sigma_max=5)) > 110


def test_bad_input_is_named():
    image, sigma = picture(10, 12), np.zeros((10, 12), np.float32)
    sigma[0, 0] = 6
    with pytest.raises(DataError, match=r"values in \[0, 6\], expected \[0, 5\]"):
        gather_blur(image, sigma, sigma_max=5)
    for bad in (np.nan, -0.5):
        sigma[0, 0] = bad
        with pytest.raises(DataError, match="sigma"):
            gather_blur(image, sigma, sigma_max=5)
    with pytest.raises(DataError, match="H, W"):
        gather_blur(image, sigma[1:], sigma_max=5)
    with pytest.raises(DataError, match="two numpy arrays or two tensors"):
        gather_blur(image, torch.zeros(1, 1, 10, 12), sigma_max=5)
    with pytest.raises(DataError, match="N, C, H, W"):
        gather_blur(to_tensor(image), torch.zeros(1, 1, 10, 11), sigma_max=5)
    with pytest.raises(ConfigError, match="levels"):
        gather_blur(image, sigma * 0, sigma_max=5, levels=1)
