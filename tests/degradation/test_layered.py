"""Parity with the generator of the data sets, written here step by step, slow and literal."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import correlate1d
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from blindsr.degradation import gather_blur, layered_blur, sigma_from_depth
from blindsr.errors import ConfigError, DataError
from blindsr.imaging import read_array, read_rgb


def window(sigma, taps):
    offsets = np.arange(taps) - taps // 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights[weights < np.finfo(float).eps * weights.max()] = 0
    return weights / weights.sum()


def blur(planes, sigma, taps):
    weights = window(sigma, taps)
    for axis in (0, 1):
        planes = correlate1d(planes, weights, axis=axis, mode="reflect")  # numpy's 'symmetric'
    return planes


def membrane(values, unknown):
    """Solve the discrete Laplace equation at the unknown pixels; the others are given."""
    height, width = unknown.shape
    number = np.full(unknown.shape, -1)
    number[unknown] = np.arange(unknown.sum())
    rows, columns = np.nonzero(unknown)
    here = number[rows, columns]
    count, entries = np.zeros(len(here)), []
    right = np.zeros((len(here), values.shape[2]))
    for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        r, c = rows + down, columns + across
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        count += inside
        r, c, source = r[inside], c[inside], here[inside]
        open_ = unknown[r, c]
        entries.append((source[open_], number[r[open_], c[open_]]))
        np.add.at(right, source[~open_], values[r[~open_], c[~open_]])
    row = np.concatenate([here] + [a for a, _ in entries])
    column = np.concatenate([here] + [b for _, b in entries])
    data = np.concatenate([count, -np.ones(len(row) - len(here))])
    solution = splu(csr_matrix((data, (row, column)), shape=(len(here),) * 2).tocsc()).solve(right)
    result = values.copy()
    result[unknown] = solution
    return result


def runs_of_equal_coc(coc, depth):
    """Yield (coc, mask) from far to near."""
    values, inverse = np.unique(-depth, return_inverse=True)
    inverse = inverse.reshape(depth.shape)
    first = np.zeros(len(values))
    first[inverse.ravel()] = coc.ravel()
    change = np.flatnonzero(np.diff(first)) + 1
    group = np.searchsorted(change, inverse, side="right")
    for index in range(len(change) + 1):
        mask = group == index
        yield coc[mask][0], mask


def generator(image, sigma, depth, sigma_max, fill=True):
    taps = round(4 * sigma_max) + 1
    coc = np.round(4 * sigma.astype(float) + 1, 6)
    image = image.astype(float)
    colour, alpha = np.zeros_like(image), np.zeros(coc.shape)
    done, focus_passed = np.zeros(coc.shape, bool), False
    for c, mask in runs_of_equal_coc(coc, depth):
        coverage, layer = mask.astype(float), mask[..., None] * image
        if c > 1:
            coverage, layer = (blur(x, (c - 1) / 4, taps) for x in (coverage, layer))
            coverage[coverage < 1e-4] = 0
        if fill and focus_passed and c > 1:
            colour[alpha > 0] /= alpha[alpha > 0][:, None]
            alpha = (alpha > 0).astype(float)
            band = (blur(done.astype(float), (c - 1) / 4, taps) >= 1e-3) & ~done
            if band.any():
                given = np.dstack([colour, np.ones(coc.shape)]) * done[..., None]
                filled = membrane(given, band)
                colour[band], alpha[band] = filled[band, :3], filled[band, 3]
        colour = (1 - coverage[..., None]) * colour + layer
        alpha = (1 - coverage) * alpha + coverage
        done |= mask
        focus_passed |= c <= 1
    return colour / alpha[..., None]


def psnr(a, b):
    return -10 * np.log10(np.mean((np.asarray(a, np.float64) - b) ** 2) + 1e-20)


def occlusion_scene(height=96, width=128):
    """A slanted textured ground, a far wall, and three discs and a pole in front."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    depth = np.where(rows < height / 3, 9.0, 9.0 - 6.0 * (rows - height / 3) / height)
    texture = cv2.GaussianBlur(rng.random((height, width, 3)), (0, 0), 1.5) * 3 - 1
    image = 0.4 + 0.5 * texture + 0.1 * ((rows // 8 + columns // 8) % 2)[..., None]
    for row, column, radius, near in ((30, 30, 16, 2.0), (60, 90, 22, 1.4), (70, 40, 12, 1.0)):
        disc = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        depth[disc], image[disc] = near, rng.random(3)
    pole = (np.abs(columns - 70) < 3) & (rows > 20)
    depth[pole], image[pole] = 1.2, (0.9, 0.85, 0.1)
    return np.clip(image, 0, 1).astype(np.float32), depth


def rgbd_frame(shared, name):
    """Picture and depth; the generator's own conventions for the files do not matter here."""
    folder = shared / "data/rgbd"
    if name == "nyu":
        depth = read_array(folder / "nyu_inpainted/depth_mm.png").astype(np.float64)
        return read_rgb(folder / "nyu_inpainted/rgb.png"), depth
    if name == "adirondack":
        depth = read_array(folder / "disp/adirondack_syndof_depth.png").astype(np.float64)
        return read_rgb(folder / "rgb/adirondack.png"), depth.reshape(*depth.shape[:2], -1)[..., 0]
    disparity = read_array(folder / f"disp/{name}.png")
    disparity = disparity.reshape(*disparity.shape[:2], -1)[..., 0]
    holes = (disparity == 0).astype(np.uint8)
    filled = cv2.inpaint(disparity, holes, 5, cv2.INPAINT_TELEA)
    return read_rgb(folder / f"rgb/{name}.png"), 1000.0 / np.maximum(filled, 1)


@pytest.mark.parametrize("rank", [0.18, 0.6, 1.0])
def test_without_fill_it_is_the_generator_exactly(rank):
    image, depth = occlusion_scene()
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=rank)
    expected = generator(image, sigma, depth, 5, fill=False)
    assert psnr(layered_blur(image, sigma, depth, sigma_max=5, fill=False), expected) > 110


@pytest.mark.parametrize("rank", [0.18, 0.6, 1.0])
def test_with_fill_it_is_46_decibels_from_the_membrane(rank):
    image, depth = occlusion_scene()
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=rank)
    expected = generator(image, sigma, depth, 5)
    filled = psnr(layered_blur(image, sigma, depth, sigma_max=5), expected)
    assert filled > 46
    # Neither the plain "over" nor the gather operator comes near.
    assert filled > psnr(layered_blur(image, sigma, depth, sigma_max=5, fill=False), expected) + 3
    assert filled > psnr(gather_blur(image, sigma, sigma_max=5), expected) + 3


@pytest.mark.parametrize("name", ["nyu", "art", "adirondack"])
@pytest.mark.parametrize("rank", [0.18, 0.6])
def test_rgbd_crops(shared, name, rank):
    image, depth = rgbd_frame(shared, name)
    box = np.s_[150:270, 200:360]
    image, depth = np.ascontiguousarray(image[box]), depth[box]
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=rank)
    expected = generator(image, sigma, depth, 5)
    assert psnr(layered_blur(image, sigma, depth, sigma_max=5), expected) > 44


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nyu", "art", "adirondack"])
@pytest.mark.parametrize("rank", [0.18, 0.6])
def test_rgbd_frames(shared, name, rank):
    image, depth = rgbd_frame(shared, name)
    image, depth = np.ascontiguousarray(image[:480, :640]), depth[:480, :640]
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=rank)
    expected = generator(image, sigma, depth, 5)
    assert psnr(layered_blur(image, sigma, depth, sigma_max=5), expected) > 46


def test_coarser_layers_are_close():
    image, depth = occlusion_scene()
    sigma = sigma_from_depth(depth, sigma_max=15, focus_rank=0.3)
    fine = layered_blur(image, sigma, depth, sigma_max=15)
    assert psnr(layered_blur(image, sigma, depth, sigma_max=15, merge_coc=0.5), fine) > 41


def test_a_sharp_foreground_does_not_bleed_into_the_background():
    """What gather gets wrong: around a focused red disc the blurred background stays grey."""
    rows, columns = np.mgrid[:64, :64]
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < 15**2
    image = np.where(disc[..., None], (1.0, 0.0, 0.0), (0.5, 0.5, 0.5)).astype(np.float32)
    depth = np.where(disc, 1.0, 8.0)
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=0)
    layered = layered_blur(image, sigma, depth, sigma_max=5)
    np.testing.assert_allclose(layered, image, atol=1e-5)
    assert np.abs(gather_blur(image, sigma, sigma_max=5) - image).max() > 0.1


def test_a_blurred_foreground_is_transparent_at_its_rim():
    """A blurred red disc fades over a sharp background, and does not end at its outline."""
    rows, columns = np.mgrid[:64, :64]
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < 15**2
    image = np.where(disc[..., None], (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)).astype(np.float32)
    depth = np.where(disc, 1.0, 8.0)
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=1)
    layered = layered_blur(image, sigma, depth, sigma_max=5)
    red = layered[32, :, 0]
    assert red[32] > 0.99
    assert 0.2 < red[49] < 0.5  # two pixels outside
    assert 0.5 < red[45] < 0.9  # two pixels inside
    np.testing.assert_allclose(layered.sum(-1), 1, atol=1e-5)
    opaque = layered_blur(image, sigma, depth, sigma_max=5, fill=False)
    assert opaque[32, 45, 0] > 0.999  # the plain "over" has nothing behind the rim to show


def test_one_depth_and_one_sigma_are_plain_blur():
    image, _ = occlusion_scene(40, 50)
    for sigma in (0.0, 2.3, 5.0):
        uniform = np.full((40, 50), sigma, np.float32)
        expected = gather_blur(image, uniform, sigma_max=5)
        for depth in (np.ones((40, 50)), np.random.default_rng(0).random((40, 50)) + 1):
            result = layered_blur(image, uniform, depth, sigma_max=5)
            np.testing.assert_allclose(result, expected, atol=2e-5)


def test_constants_stay_and_input_is_left_alone():
    image, depth = occlusion_scene()
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=0.4)
    kept = image.copy(), sigma.copy(), depth.copy()
    layered_blur(image, sigma, depth, sigma_max=5)
    for array, before in zip((image, sigma, depth), kept, strict=True):
        np.testing.assert_array_equal(array, before)
    flat = layered_blur(np.full_like(image, 0.6), sigma, depth, sigma_max=5)
    np.testing.assert_allclose(flat, 0.6, atol=1e-4)


def test_only_the_order_of_depth_matters():
    image, depth = occlusion_scene()
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=0.4)
    first = layered_blur(image, sigma, depth, sigma_max=5)
    np.testing.assert_array_equal(first, layered_blur(image, sigma, depth**3, sigma_max=5))
    sky = np.where(depth == depth.max(), np.inf, depth)
    np.testing.assert_array_equal(first, layered_blur(image, sigma, sky, sigma_max=5))


def test_bad_input_is_named():
    image, depth = occlusion_scene()
    sigma = sigma_from_depth(depth, sigma_max=5, focus_rank=0.4)
    with pytest.raises(DataError, match="depth"):
        layered_blur(image, sigma, depth[1:], sigma_max=5)
    with pytest.raises(DataError, match="NaN"):
        layered_blur(image, sigma, depth * np.nan, sigma_max=5)
    with pytest.raises(DataError, match=r"expected \[0, 3\]"):
        layered_blur(image, sigma, depth, sigma_max=3)
    with pytest.raises(ConfigError, match="merge_coc"):
        layered_blur(image, sigma, depth, sigma_max=5, merge_coc=0)
    noise = (5 * np.random.default_rng(0).random(depth.shape)).astype(np.float32)
    with pytest.raises(DataError, match="layers along depth, expected a function of depth"):
        layered_blur(image, noise, depth + 0.01 * noise, sigma_max=5)
