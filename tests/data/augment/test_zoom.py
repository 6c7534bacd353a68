"""Zoomed pairs stay aligned to a fraction of a pixel, proven with a picture known in between."""

import numpy as np
import pytest

from blindsr.data.augment.paired import PairedTransform
from blindsr.data.augment.zoom import RandomZoom
from blindsr.degradation.paired import degrade
from blindsr.errors import ConfigError
from blindsr.imaging.resample import sample_cubic, sample_nearest, zoom_positions
from blindsr.imaging.resize import phase

HEIGHT, WIDTH = 96, 128


def surface(rows, columns):
    """A smooth picture that can be read anywhere, in [0.1, 0.9]."""
    y, x = np.asarray(rows)[:, None], np.asarray(columns)[None]
    return 0.5 + 0.2 * np.sin(x / 9 + 0.3) * np.cos(y / 11) + 0.2 * np.sin((x + 2 * y) / 23)


def pair(method, scale=4):
    """HR, LR at its phase without any blur, and maps that hold the row and the column."""
    shift = phase(method, scale)
    lr = surface(
        np.arange(HEIGHT // scale) * scale + shift, np.arange(WIDTH // scale) * scale + shift
    )
    hr = surface(np.arange(HEIGHT), np.arange(WIDTH))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return {
        "lr": np.repeat(lr[..., None], 3, 2).astype(np.float32),
        "hr": np.repeat(hr[..., None], 3, 2).astype(np.float32),
        "blur": y.astype(np.float32),
        "seg": x.astype(np.uint8),
    }


def zoom(mode, method, **options):
    return RandomZoom(
        mode, scale=4, phase=phase(method, 4), sigma_max=options.pop("sigma_max", 5.0), **options
    )


def shift_from(picture, rows, columns):
    """Least-squares shift (rows, columns), in units of the positions, against the surface."""
    inner = np.s_[3:-3, 3:-3]
    step = 1e-3
    gradients = [
        (surface(rows + step, columns) - surface(rows - step, columns)) / (2 * step),
        (surface(rows, columns + step) - surface(rows, columns - step)) / (2 * step),
    ]
    system = np.stack([gradient[inner].ravel() for gradient in gradients], axis=1)
    error = (picture[..., 0] - surface(rows, columns))[inner].ravel()
    return np.linalg.lstsq(system, error, rcond=None)[0]


def positions(factor, centre, method=None):
    """HR rows and columns that the pixels of zoomed HR (or LR of ``method``) should show."""
    result = []
    for length, middle in zip((HEIGHT, WIDTH), centre, strict=True):
        at = np.arange(length) if method is None else np.arange(length // 4) * 4 + phase(method, 4)
        result.append(middle + (at - middle) / factor)
    return result


@pytest.mark.parametrize("factor", [1.2, 1.5])
@pytest.mark.parametrize("method", ["sfold", "area", "bicubic"])
def test_physical_zoom_keeps_everything_aligned(method, factor):
    out = zoom("physical", method).zoomed(pair(method), factor)
    centre = (HEIGHT - 1) / 2, (WIDTH - 1) / 2
    rows, columns = positions(factor, centre)
    assert np.abs(shift_from(out["hr"], rows, columns)).max() < 0.01
    assert np.abs(shift_from(out["lr"], *positions(factor, centre, method))).max() < 0.04
    # the maps are those of the nearest pixel; sigma is multiplied
    np.testing.assert_allclose(out["blur"] / factor, rows[:, None] + 0 * columns, atol=0.501)
    np.testing.assert_allclose(out["seg"], 0 * rows[:, None] + columns, atol=0.501)
    for key, array in pair(method).items():
        assert out[key].shape == array.shape
        assert out[key].dtype == array.dtype


@pytest.mark.parametrize("factor", [1.2, 1.5])
@pytest.mark.parametrize(("method", "lr_shift"), [("sfold", 0.0), ("area", 1.5), ("bicubic", 1.5)])
def test_paper_zoom_shifts_lr_by_its_phase(method, lr_shift, factor):
    """(w/2, h/2) of both grids is one point for s-fold only; else LR lies phase (1 - 1/z) off."""
    out = zoom("paper", method).zoomed(pair(method), factor)
    centre = HEIGHT / 2, WIDTH / 2
    rows, columns = positions(factor, centre)
    assert np.abs(shift_from(out["hr"], rows, columns)).max() < 0.03
    shift = shift_from(out["lr"], *positions(factor, centre, method))
    expected = lr_shift * (1 - 1 / factor)
    np.testing.assert_allclose(shift, [expected, expected], atol=0.09)  # OpenCV: 1/32 LR pixel
    np.testing.assert_allclose(out["blur"] * factor, rows[:, None] + 0 * columns, atol=0.52)
    np.testing.assert_allclose(out["seg"], 0 * rows[:, None] + columns, atol=0.52)


def test_multiplied_label_is_the_one_that_explains_the_picture():
    rng = np.random.default_rng(0)
    hr = np.kron(rng.random((24, 32, 3)), np.ones((4, 4, 1))).astype(np.float32)
    arrays = {
        "hr": np.rint(hr * 255).astype(np.float32) / 255,
        "blur": np.full((HEIGHT, WIDTH), 2.0, np.float32),
    }
    arrays["lr"] = degrade(arrays["hr"], arrays["blur"], scale=4, sigma_max=5.0)
    errors = {}
    for mode in ("physical", "paper"):
        out = zoom(mode, "sfold").zoomed(arrays, 1.5)
        assert np.unique(out["blur"]).tolist() == pytest.approx(
            [3.0 if mode == "physical" else 4 / 3]
        )
        again = degrade(out["hr"], out["blur"], scale=4, sigma_max=5.0)
        errors[mode] = np.mean((again - out["lr"])[4:-4, 4:-4] ** 2)
    assert errors["physical"] < errors["paper"] / 8


def test_physical_zoom_stays_within_sigma_max():
    operation = zoom("physical", "sfold")
    factors = {}
    for top in (5.0, 4.0, 3.3, 0.0):
        arrays = pair("sfold") | {"blur": np.full((HEIGHT, WIDTH), top, np.float32)}
        outs = [operation(arrays, np.random.default_rng(seed))["blur"] for seed in range(40)]
        assert all(out.max() <= 5.0 + 1e-3 for out in outs)
        factors[top] = {round(float(out.max()) / top, 3) for out in outs if top}
    assert factors[5.0] == {1.0}
    assert factors[4.0] == {1.0, 1.2}
    assert factors[3.3] == {1.0, 1.2, 1.5}
    # what the zoom pushes out of the picture does not count
    edge = np.zeros((HEIGHT, WIDTH), np.float32)
    edge[:2] = 5.0
    arrays = pair("sfold") | {"blur": edge}
    seen = {operation(arrays, np.random.default_rng(s))["blur"].max() for s in range(40)}
    assert seen == {0.0, 5.0}


def test_factor_one_is_always_possible():
    operation = zoom("physical", "sfold", factors=[2.0, 3.0])
    arrays = pair("sfold") | {"blur": np.full((HEIGHT, WIDTH), 4.0, np.float32)}
    np.testing.assert_array_equal(operation(arrays, np.random.default_rng(0))["hr"], arrays["hr"])
    arrays["blur"] = np.full((HEIGHT, WIDTH), 1.0, np.float32)
    tops = {float(operation(arrays, np.random.default_rng(s))["blur"].max()) for s in range(20)}
    assert tops == {2.0, 3.0}


def test_overshoot_is_clipped_or_wraps_around():
    rng = np.random.default_rng(1)
    hr = (rng.random((HEIGHT, WIDTH, 1)) > 0.5).astype(np.float32).repeat(3, axis=2)
    arrays = {"hr": hr, "lr": np.ascontiguousarray(hr[::4, ::4])}
    clipped = zoom("paper", "sfold").zoomed(arrays, 1.5)
    wrapped = zoom("paper", "sfold", wraparound=True).zoomed(arrays, 1.5)
    for key in ("hr", "lr"):
        specks = np.abs(clipped[key] - wrapped[key]) > 0.5
        assert 0.005 < specks.mean() < 0.5
        rest = np.abs(clipped[key] - wrapped[key])[~specks]
        assert rest.max() <= 1.01 / 255  # cut instead of rounded
        for out in (clipped, wrapped):
            assert 0 <= out[key].min() <= out[key].max() <= 1
    physical = zoom("physical", "sfold").zoomed(arrays, 1.5)
    assert 0 <= physical["hr"].min() <= physical["hr"].max() <= 1
    np.testing.assert_allclose(physical["hr"] * 255, np.rint(physical["hr"] * 255), atol=1e-3)


@pytest.mark.parametrize("mode", ["physical", "paper"])
def test_zoom_comes_after_crop_and_flips(mode):
    arrays = pair("sfold") | {"blur": np.full((HEIGHT, WIDTH), 1.0, np.float32)}
    options = {"scale": 4, "phase": 0.0, "crop": [12, 14], "vertical": True}
    if mode == "paper":
        options["alignment"] = "paper"
    operation = zoom(mode, "sfold")
    zooming, still = PairedTransform(**options, zoom=operation), PairedTransform(**options)
    factors = set()
    for seed in range(12):
        out, before = zooming(arrays, seed), still(arrays, seed)
        ratio = float(out["blur"].max())
        factor = round(ratio if mode == "physical" else 1 / ratio, 3)
        factors.add(factor)
        for key, array in operation.zoomed(before, factor).items():
            np.testing.assert_array_equal(out[key], array)
        np.testing.assert_array_equal(zooming(arrays, seed)["lr"], out["lr"])
    assert factors == {1.0, 1.2, 1.5}


def test_resampling():
    image = np.random.default_rng(0).random((9, 11, 2)).astype(np.float32)
    rows, columns = np.arange(9.0), np.arange(11.0)
    np.testing.assert_allclose(sample_cubic(image, rows, columns), image, atol=1e-6)
    ramp = (np.arange(9)[:, None] + 2 * np.arange(11.0)).astype(np.float32)[..., None]
    inner_rows, inner_columns = np.linspace(1, 7, 5) + 0.123 / 9, np.linspace(1, 9, 6) - 0.01
    np.testing.assert_allclose(
        sample_cubic(ramp, inner_rows, np.clip(inner_columns, 1, 8.99))[..., 0],
        inner_rows[:, None] + 2 * np.clip(inner_columns, 1, 8.99),
        rtol=1e-5,
    )
    labels = np.arange(99, dtype=np.uint8).reshape(9, 11)
    np.testing.assert_array_equal(
        sample_nearest(labels, np.array([-0.4, 3.6]), np.array([10.4, 0.51])), [[10, 1], [54, 45]]
    )
    np.testing.assert_allclose(zoom_positions(5, 2.0, 2.0), [1, 1.5, 2, 2.5, 3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "regenerate"}, "zoom: 'regenerate'"),
        ({"mode": "physical", "wraparound": True}, "wraparound: true with zoom physical"),
        ({"mode": "paper", "factors": [0.8]}, "zoom_factors"),
        ({"mode": "paper", "factors": []}, "zoom_factors"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        RandomZoom(**{"scale": 4, "phase": 0.0, "sigma_max": 5.0} | options)
