"""Sigma of the defocus of a real lens, from depth in metres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.defocus import inverse_depth, sigma_from_coc
from blindsr.errors import ConfigError

_MILLIMETRES = 1000.0


def sigma_from_camera(
    depth_metres: NDArray[np.floating],
    *,
    focal_length_mm: float,
    f_number: float,
    focus_metres: float,
    image_width_px: int,
    sigma_max: float,
    sensor_width_mm: float = 36.0,
) -> NDArray[np.float32]:
    """Return the sigma map of a thin lens.

    Circle of confusion of focal length f, f-number N, focus z_f and p pixels per millimetre of
    sensor (Potmesil & Chakravarty 1982), turned to sigma as the data sets do:

        c(z) = p (f / N) f / (z_f - f) |1 - z_f / z|,   sigma = (max(c, 1) - 1) / 4

    Unlike :func:`~blindsr.degradation.sigma_from_depth`, nothing is scaled to reach ``sigma_max``:
    a small aperture leaves the scene sharp, and what a wide one blurs further saturates, because
    the blur window ends there. Nothing is rounded.

    Args:
        depth_metres: (H, W), positive; ``inf`` is allowed (sky).
        focal_length_mm: of the lens, for instance 50.
        f_number: aperture, for instance 2.8.
        focus_metres: distance in focus, beyond the focal length.
        image_width_px: pixels across the sensor in the picture that will be blurred.
        sigma_max: end of the sigma range in pixels.
        sensor_width_mm: 36 is full frame.

    Returns:
        (H, W) float32 nominal sigma in pixels, within [0, sigma_max].

    Raises:
        DataError: depth that is NaN, zero or negative, or not (H, W).
        ConfigError: a camera value that is not positive, or focus within the focal length.
    """
    values = {
        "focal_length_mm": focal_length_mm,
        "f_number": f_number,
        "focus_metres": focus_metres,
        "image_width_px": image_width_px,
        "sigma_max": sigma_max,
        "sensor_width_mm": sensor_width_mm,
    }
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise ConfigError(name, found=repr(value), expected="a positive number")
    focus_mm = focus_metres * _MILLIMETRES
    if focus_mm <= focal_length_mm:
        raise ConfigError(
            "focus_metres",
            found=f"{focus_metres:g} m",
            expected=f"more than the focal length of {focal_length_mm:g} mm",
        )
    aperture_mm = focal_length_mm / f_number
    magnification = focal_length_mm / (focus_mm - focal_length_mm)
    pixels_per_mm = image_width_px / sensor_width_mm
    defocus = np.abs(1.0 - focus_metres * inverse_depth(depth_metres))
    return sigma_from_coc(pixels_per_mm * aperture_mm * magnification * defocus, sigma_max)
