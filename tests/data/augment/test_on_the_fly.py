"""Blur made anew: exact against the pipeline, aligned, seeded."""

import numpy as np
import pytest

from blindsr.data.augment.on_the_fly import Regenerate, Sharp
from blindsr.data.scenes.render import render_scene
from blindsr.degradation.paired import degrade
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import DOWNSAMPLERS

SIZE = (96, 128)


@pytest.fixture(scope="module")
def sharp():
    frame = render_scene(0, 3, SIZE)
    return Sharp(frame.rgb, frame.depth, frame.seg)


def make(**options):
    base = {"scale": 4, "sigma_max": 5.0, "downsampler": "sfold", "iva": 0.0}
    return Regenerate(**(base | options))


@pytest.mark.parametrize("zoom_factors", [(1.0,), (1.5,)])
@pytest.mark.parametrize("downsampler", DOWNSAMPLERS)
def test_lr_is_the_degraded_hr(sharp, downsampler, zoom_factors):
    out = make(downsampler=downsampler, zoom_factors=zoom_factors, vertical=True, photometric=1.0)(
        sharp, 5
    )
    lr = degrade(out["hr"], out["blur"], scale=4, sigma_max=5.0, downsampler=downsampler)
    np.testing.assert_allclose(out["lr"], lr, atol=0.501 / 255)
    assert out["blur"].min() == 0
    assert out["blur"].max() == 5  # every picture of varying blur uses the whole range
    np.testing.assert_allclose(out["hr"] * 255, np.rint(out["hr"] * 255), atol=1e-3)


@pytest.mark.parametrize("operator", ["gather", "layered"])
def test_crop_sees_its_surroundings(sharp, operator):
    """A crop equals the same window of the whole picture, its border included."""
    crop, seeds = (9, 10), range(6)
    corners = set()
    for seed in seeds:
        whole = make(horizontal=False, operator=operator)(sharp, seed)
        part = make(horizontal=False, operator=operator, crop=crop)(sharp, seed)
        top, left = find(part["hr"], whole["hr"])
        corners.add((top, left))
        window = np.s_[top : top + 36, left : left + 40]
        np.testing.assert_array_equal(part["blur"], whole["blur"][window])
        np.testing.assert_array_equal(part["seg"], whole["seg"][window])
        lr = whole["lr"][top // 4 : top // 4 + 9, left // 4 : left // 4 + 10]
        off = np.abs(part["lr"] - lr)
        # layers hidden behind others start from what is painted in reach: rarely a level or two
        assert off.max() <= (1e-6 if operator == "gather" else 0.05)
    assert len(corners) > 3


def find(part, whole):
    height, width = part.shape[:2]
    return next(
        (top, left)
        for top in range(0, whole.shape[0] - height + 1, 4)
        for left in range(0, whole.shape[1] - width + 1, 4)
        if (whole[top : top + height, left : left + width] == part).all()
    )


@pytest.mark.parametrize("downsampler", DOWNSAMPLERS)
@pytest.mark.parametrize("crop", [None, (16, 16)])
def test_everything_stays_aligned(downsampler, crop):
    """Colours hold the column and the row; classes and depth repeat the column."""
    y, x = np.mgrid[:96, :128]
    picture = np.stack([x, y, 0 * x], axis=-1).astype(np.uint8)
    source = Sharp(picture, (1.0 + x).astype(np.float32), x.astype(np.uint8))
    operation = make(
        downsampler=downsampler, zoom_factors=(1.2, 1.5), vertical=True, iva=1.0, crop=crop,
        transpose=crop is not None,
    )  # fmt: skip
    seen = set()
    for seed in range(12):
        out = operation(source, seed)
        column, row = 255 * out["hr"][..., 0], 255 * out["hr"][..., 1]
        np.testing.assert_allclose(out["seg"], column, atol=1.001)  # nearest pixel, whole level
        assert np.abs(np.median(out["seg"] - column)) <= 0.5
        inner = np.s_[6:-6, 6:-6] if crop is None else np.s_[:, :]
        away = (column > 14) & (column < 113) & (row > 14) & (row < 81)
        shift = {"sfold": 0, "area": 1.5, "bicubic": 1.5}[downsampler]
        for channel in range(2):
            ramp = 255 * out["hr"][..., channel]
            expected = ramp[::4, ::4] + shift * (
                np.gradient(ramp, axis=0)[::4, ::4].mean()
                + np.gradient(ramp, axis=1)[::4, ::4].mean()
            )
            off = (255 * out["lr"][..., channel] - expected)[inner][away[::4, ::4][inner]]
            assert np.abs(off).max() < 1.6  # two roundings of the ramp
            assert np.abs(off.mean()) < 0.51
        seen.add((column[0, 0] < column[0, -1], row[0, 0] < row[-1, 0]))
    assert len(seen) == 4


def test_depth_gives_sigma_where_it_lies(sharp):
    near = np.ones(SIZE, np.float32) * 3
    near[20:60, 30:90] = 1.0
    hr = np.where(near[..., None] == 1, 200, 20).astype(np.uint8).repeat(3, axis=2)
    for seed in range(8):
        out = make(zoom_factors=(1.5,), vertical=True)(Sharp(hr, near), seed)
        inside = out["blur"] == out["blur"][out["hr"][..., 0] == 200 / 255].flat[0]
        flat = (out["hr"][..., 0] == 200 / 255) | (out["hr"][..., 0] == 20 / 255)
        assert (inside == (out["hr"][..., 0] > 0.5))[flat].mean() > 0.99
        assert "seg" not in out


def test_seeds(sharp):
    operation = make(zoom_factors=(1.0, 1.2, 1.5), photometric=1.0, iva=0.5)
    first, again, other = operation(sharp, 1), operation(sharp, 1), operation(sharp, 2)
    for key, array in first.items():
        np.testing.assert_array_equal(array, again[key])
    assert not np.array_equal(first["lr"], other["lr"])
    assert len({operation(sharp, seed)["lr"].tobytes() for seed in range(12)}) == 12
    uniform = [np.ptp(operation(sharp, seed)["blur"]) == 0 for seed in range(30)]
    assert 5 < sum(uniform) < 25


def test_kinds(sharp):
    assert all(np.ptp(make(iva=1.0)(sharp, seed)["blur"]) == 0 for seed in range(8))
    assert all(make(iva=0.0)(sharp, seed)["blur"].max() == 5 for seed in range(8))


def test_colours_change_a_little_before_the_blur(sharp):
    plain = make(horizontal=False)(sharp, 4)
    changed = [make(horizontal=False, photometric=p)(sharp, 4) for p in (0.3, 1.0)]
    offs = [np.abs(out["hr"] - plain["hr"]).mean() for out in changed]
    assert 0 < offs[0] < offs[1] < 0.3
    for out in changed:
        np.testing.assert_array_equal(out["blur"], plain["blur"])
    means = {make(photometric=0.5)(sharp, seed)["hr"].mean().round(4) for seed in range(6)}
    assert len(means) == 6


def test_source_is_not_changed(sharp):
    before = [part.copy() for part in sharp]
    make(zoom_factors=(1.5,), photometric=1.0, vertical=True)(sharp, 0)
    for part, copy in zip(sharp, before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_without_seed_torch_decides(sharp):
    import torch

    operation = make()
    torch.manual_seed(1)
    first = operation(sharp)["lr"]
    torch.manual_seed(1)
    np.testing.assert_array_equal(operation(sharp)["lr"], first)
    assert not np.array_equal(operation(sharp)["lr"], first)


def test_bad_input(sharp):
    with pytest.raises(ConfigError, match="photometric: 2"):
        make(photometric=2)
    with pytest.raises(ConfigError, match="zoom_factors"):
        make(zoom_factors=(0.5,))
    with pytest.raises(ConfigError, match="transpose"):
        make(transpose=True)
    with pytest.raises(DataError, match=r"\(24, 32\), expected \(25, 8\) or more"):
        make(crop=(25, 8))(sharp, 0)
    odd = Sharp(*(part[:94] for part in sharp))
    with pytest.raises(DataError, match=r"\(94, 128\) pixels, expected multiples of scale = 4"):
        make()(odd, 0)
