"""Occlusion scenes: what defocus must leave alone, and that labels are what was done."""

import numpy as np
import pytest

from blindsr.data.scenes.leaves.defocus import Layer, aperture_kernel, blurred, composite


def square(colour, side=40, top=30, left=30):
    paint = np.ones((side, side, 4), np.float32)
    paint[..., :3] = colour
    return Layer(paint, top, left)


@pytest.mark.parametrize("aperture", ["disc", "gaussian"])
@pytest.mark.parametrize("sigma", [0.0, 0.03, 0.3, 0.45, 0.7, 1.0, 2.37, 5.0, 8.0, 10.0])
def test_label_is_the_measured_deviation_of_the_kernel(aperture, sigma):
    kernel = aperture_kernel(sigma, aperture)
    offsets = np.arange(len(kernel.taps)) - len(kernel.taps) // 2
    across, along = (np.sqrt((kernel.taps.sum(axis) * offsets**2).sum()) for axis in (0, 1))
    assert kernel.taps.sum() == pytest.approx(1)
    assert kernel.taps.shape[0] % 2 == 1
    assert across == pytest.approx(along)
    assert kernel.sigma == pytest.approx(across)
    if sigma >= 0.7:
        assert kernel.sigma == pytest.approx(sigma, rel=0.04)


def test_discs_grow_smoothly_between_whole_pixels():
    sigmas = np.linspace(1, 3, 41)
    measured = [aperture_kernel(sigma, "disc").sigma for sigma in sigmas]
    assert np.all(np.diff(measured) > 0.03)


def test_disc_is_flat_and_round():
    taps = aperture_kernel(4.0, "disc").taps
    middle = len(taps) // 2
    assert taps[middle, middle] == pytest.approx(taps[middle, middle + 5])
    assert taps[middle, middle] == pytest.approx(taps[middle + 5, middle + 5])
    assert taps[0, 0] == 0


@pytest.mark.parametrize("aperture", ["disc", "gaussian"])
def test_scene_of_one_colour_stays_so(aperture):
    colour = np.float32([0.2, 0.5, 0.8])
    backdrop = np.full((100, 90, 3), colour, np.float32)
    layers = [square(colour), square(colour, 25, -10, 70)]
    picture, _ = composite(backdrop, layers, [6.0, 3.0, 8.0], aperture)
    assert np.abs(picture - colour).max() < 1e-5


def test_sharp_foreground_keeps_its_edge_before_a_blurred_background():
    backdrop = np.zeros((100, 100, 3), np.float32)
    backdrop[:, 50:] = 1
    picture, label = composite(backdrop, [square(0.5)], [6.0, 0.0], "disc")
    assert np.all(picture[30:70, 30:70] == 0.5)
    # right beside it the background is as if nothing stood there
    alone, _ = composite(backdrop, [], [6.0], "disc")
    outside = np.ones((100, 100), bool)
    outside[30:70, 30:70] = False
    np.testing.assert_array_equal(picture[outside], alone[outside])
    assert label[50, 50] == 0
    assert label[29, 50] == pytest.approx(6, rel=0.02)


def test_blurred_foreground_shows_the_sharp_background_through_its_rim():
    backdrop = np.zeros((100, 100, 3), np.float32)
    backdrop[::2] = 1  # stripes of one pixel
    picture, label = composite(backdrop, [square(0.5)], [0.0, 4.0], "gaussian")
    rim = picture[40:60, 27, 0]  # three pixels outside
    cover = blurred(
        np.pad(np.ones((40, 40, 1), np.float32), ((30, 30), (30, 30), (0, 0))),
        aperture_kernel(4.0, "gaussian"),
    )
    cover = np.asarray(cover).reshape(100, 100)[40:60, 27]
    np.testing.assert_allclose(rim, (1 - cover) * backdrop[40:60, 27, 0] + 0.5 * cover, atol=1e-5)
    assert label[50, 27] == 0
    assert label[50, 33] == pytest.approx(4, rel=0.01)


def test_nearer_layers_cover_farther_ones():
    backdrop = np.zeros((60, 60, 3), np.float32)
    picture, label = composite(
        backdrop, [square(0.3, 40, 10, 10), square(0.9, 20, 20, 20)], [1.0, 0.0, 2.0], "gaussian"
    )
    assert picture[30, 30, 0] == pytest.approx(0.9, abs=1e-3)
    assert picture[12, 12, 0] == pytest.approx(0.3, abs=1e-3)
    assert label[30, 30] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("place", [(-60, 0), (0, 200), (-20, -20), (90, 90)])
def test_layers_may_lie_partly_or_wholly_outside(place):
    backdrop = np.full((100, 100, 3), 0.1, np.float32)
    picture, label = composite(backdrop, [square(1.0, 40, *place)], [0.0, 5.0], "disc")
    assert np.isfinite(picture).all()
    assert picture.shape == (100, 100, 3)
    assert label.shape == (100, 100)
