"""Alignment is proven with pictures that hold their own coordinates."""

import numpy as np
import pytest
import torch

from blindsr.data.augment.paired import PairedTransform, to_sample
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import downsample, phase, upsample

HEIGHT, WIDTH = 48, 64


def coordinates(method="sfold", scale=4):
    """A sample whose colours are (column, row, 0) and whose maps repeat them."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    hr = np.stack([x, y, np.zeros_like(x)], axis=-1)
    seg = ((x + 3 * y) % 7).astype(np.uint8)
    return {"lr": downsample(hr, scale, method), "hr": hr, "blur": x + 100 * y, "seg": seg}


def is_mirrored(arrays, axis):
    """Whether the column (axis 1) or row (axis 0) coordinate runs backwards."""
    plane = arrays["lr"][..., 0 if axis == 1 else 1]
    return plane[-1, -1] < plane[0, 0]


def check_targets_agree(arrays):
    """Blur and classes belong to the HR pixel they lie on, except where there is no label."""
    x, y = arrays["hr"][..., 0], arrays["hr"][..., 1]
    np.testing.assert_array_equal(arrays["blur"], x + 100 * y)
    labelled = arrays["seg"] != 255
    np.testing.assert_array_equal(arrays["seg"][labelled], ((x + 3 * y) % 7)[labelled])
    return labelled


@pytest.mark.parametrize("crop", [None, [7, 9], [8, 8], [12, 16]])
@pytest.mark.parametrize("scale", [2, 4])
def test_sfold_pairs_stay_exact(crop, scale):
    square = crop == [8, 8]
    transform = PairedTransform(scale=scale, phase=0.0, crop=crop, vertical=True, transpose=square)
    arrays, seen = coordinates(scale=scale), set()
    for seed in range(40):
        out = transform(arrays, seed)
        h, w = out["lr"].shape[:2]
        assert (h, w) == tuple(crop or (HEIGHT // scale, WIDTH // scale))
        assert out["hr"].shape == (scale * h, scale * w, 3)
        np.testing.assert_array_equal(out["lr"], out["hr"][::scale, ::scale])
        labelled = check_targets_agree(out)
        flips = (is_mirrored(out, 0), is_mirrored(out, 1))
        seen.add(flips)
        if not any(flips):
            assert labelled.all()
        # at most the last scale - 1 rows and columns lie outside the picture
        assert labelled[: scale * h - scale + 1, : scale * w - scale + 1].all()
    assert len(seen) == 4


@pytest.mark.parametrize("method", ["area", "bicubic"])
def test_symmetric_downsamplers_need_no_margin(method):
    transform = PairedTransform(scale=4, phase=phase(method, 4), crop=None, vertical=True)
    arrays = coordinates(method)
    for seed in range(12):
        out = transform(arrays, seed)
        np.testing.assert_allclose(out["lr"], downsample(out["hr"], 4, method), atol=1e-3)
        assert check_targets_agree(out).all()


def shift_of(lr, hr, method):
    """Least-squares shift (rows, columns) in HR pixels between enlarged LR and HR."""
    enlarged = upsample(lr, 4, phase=phase(method, 4), method="bicubic")
    inner = np.s_[8:-8, 8:-8]
    gradients = np.gradient(hr)
    rows = np.stack([g[inner].ravel() for g in gradients], axis=1)
    return np.linalg.lstsq(rows, (enlarged - hr)[inner].ravel(), rcond=None)[0]


@pytest.mark.parametrize("method", ["sfold", "area", "bicubic"])
def test_subpixel_alignment_of_a_smooth_picture(method):
    y, x = np.mgrid[:96, :96].astype(np.float64)
    hr = np.sin(x / 17 + 0.3) * np.cos(y / 19) + 0.5 * np.sin((x + 2 * y) / 23)
    arrays = {"lr": downsample(hr, 4, method), "hr": hr}
    transform = PairedTransform(scale=4, phase=phase(method, 4), vertical=True)
    for seed in range(8):
        out = transform(arrays, seed)
        assert np.abs(shift_of(out["lr"], out["hr"], method)).max() < 0.02


def test_paper_flip_is_off_by_three_pixels():
    arrays = coordinates()
    transform = PairedTransform(scale=4, phase=0.0, alignment="paper")
    mirrored = [out for s in range(12) if is_mirrored(out := transform(arrays, s), 1)]
    assert 2 < len(mirrored) < 10
    for out in mirrored:
        np.testing.assert_array_equal(out["hr"], arrays["hr"][:, ::-1])
        np.testing.assert_array_equal(out["lr"], arrays["lr"][:, ::-1])
        np.testing.assert_array_equal(out["lr"], out["hr"][::4, 3::4])  # not [::4, ::4]


def test_same_seed_same_draw_and_input_untouched():
    arrays = coordinates()
    before = {key: value.copy() for key, value in arrays.items()}
    transform = PairedTransform(scale=4, phase=0.0, crop=[5, 6], vertical=True)
    first, again = transform(arrays, 11), transform(arrays, 11)
    for key in arrays:
        np.testing.assert_array_equal(first[key], again[key])
        np.testing.assert_array_equal(arrays[key], before[key])
    corners = {tuple(transform(arrays, seed)["lr"][0, 0]) for seed in range(30)}
    assert len(corners) > 15


def test_without_seed_torch_decides():
    arrays, transform = coordinates(), PairedTransform(scale=4, phase=0.0, crop=[3, 3])

    def run():
        torch.manual_seed(5)
        return [transform(arrays)["lr"] for _ in range(4)]

    first, again = run(), run()
    np.testing.assert_array_equal(first, again)
    assert len({picture.tobytes() for picture in first}) > 1


def test_without_flips_it_only_crops():
    transform = PairedTransform(scale=4, phase=0.0, horizontal=False)
    out = transform(coordinates(), 0)
    for key, value in coordinates().items():
        np.testing.assert_array_equal(out[key], value)


def test_lr_alone_and_dtypes():
    transform = PairedTransform(scale=4, phase=0.0, crop=[4, 4], transpose=True)
    assert set(transform({"lr": coordinates()["lr"]}, 0)) == {"lr"}
    out = transform(coordinates(), 3)
    assert {key: value.dtype for key, value in out.items()} == {
        "lr": np.float32,
        "hr": np.float32,
        "blur": np.float32,
        "seg": np.uint8,
    }


def test_bad_arguments():
    with pytest.raises(ConfigError, match="crop"):
        PairedTransform(scale=4, phase=0.0, crop=[8])
    with pytest.raises(ConfigError, match="transpose"):
        PairedTransform(scale=4, phase=0.0, crop=[8, 9], transpose=True)
    with pytest.raises(DataError, match=r"\(12, 16\), expected at least \(13, 4\)"):
        PairedTransform(scale=4, phase=0.0, crop=[13, 4])(coordinates(), 0)


def test_to_sample():
    sample = to_sample(coordinates() | {"mask": np.ones((48, 64))}, name="a", group="Group1")
    assert {k: (tuple(v.shape), v.dtype) for k, v in sample.items() if torch.is_tensor(v)} == {
        "lr": ((3, 12, 16), torch.float32),
        "hr": ((3, 48, 64), torch.float32),
        "blur": ((1, 48, 64), torch.float32),
        "mask": ((1, 48, 64), torch.float32),
        "seg": ((48, 64), torch.int64),
    }
    assert sample["name"] == "a"
    assert sample["group"] == "Group1"
    assert "group" not in to_sample(coordinates(), name="a")
