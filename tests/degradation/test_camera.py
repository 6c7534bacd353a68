import numpy as np
import pytest

from blindsr.degradation import sigma_from_camera
from blindsr.errors import ConfigError, DataError

CAMERA = {
    "focal_length_mm": 50,
    "f_number": 2.0,
    "focus_metres": 2.05,
    "image_width_px": 720,
    "sigma_max": 5.0,
}


def test_by_hand():
    """Aperture 25 mm, magnification 50 / 2000 = 1/40, 20 px per mm: 12.5 px times |1 - z_f / z|."""
    depth = np.array([[2.05, 4.10, np.inf, 1.025, 2.05 / 0.96]])
    # Factors 0, 1/2, 1, 1, 0.04: c = 0, 6.25, 12.5, 12.5, 0.5 px.
    expected = [[0, 5.25 / 4, 11.5 / 4, 11.5 / 4, 0]]
    sigma = sigma_from_camera(depth, **CAMERA)
    assert sigma.dtype == np.float32
    np.testing.assert_allclose(sigma, expected, atol=1e-6)


def test_saturates_at_sigma_max():
    depth = np.linspace(0.3, 20, 50)[None]
    wide = sigma_from_camera(depth, **CAMERA | {"f_number": 0.7})
    assert wide.max() == 5.0
    assert (wide == 5.0).sum() > 1


def test_a_small_aperture_is_sharp_and_a_small_sensor_is_blurrier():
    depth = np.linspace(1, 20, 50)[None]
    assert sigma_from_camera(depth, **CAMERA | {"f_number": 64}).max() == 0
    full = sigma_from_camera(depth, **CAMERA)
    cropped = sigma_from_camera(depth, **CAMERA, sensor_width_mm=24)
    assert (cropped >= full).all()
    assert (cropped > full).any()


@pytest.mark.parametrize("key", [*CAMERA, "sensor_width_mm"])
@pytest.mark.parametrize("bad", [0, -1.0, float("nan")])
def test_impossible_cameras_are_refused(key, bad):
    with pytest.raises(ConfigError, match=key):
        sigma_from_camera(np.ones((2, 2)), **CAMERA | {key: bad})


def test_focus_within_the_focal_length_is_refused():
    with pytest.raises(ConfigError, match="focal length of 50 mm"):
        sigma_from_camera(np.ones((2, 2)), **CAMERA | {"focus_metres": 0.05})


def test_impossible_depth_is_refused():
    with pytest.raises(DataError, match="depth"):
        sigma_from_camera(np.zeros((2, 2)), **CAMERA)
