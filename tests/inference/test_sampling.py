"""Samples of pictures too large for the memory: the same values, by rows, and nothing held."""

import pytest
import torch

from blindsr.imaging import rows_on_disk
from blindsr.imaging.rows_on_disk import RowsOnDisk, rows_of
from blindsr.inference import sampling
from blindsr.inference.sampling import SampledRun
from blindsr.networks import SSR
from blindsr.networks.ssr import svkr

SMALL = {"kernel_width": 4, "kernel_blocks": 1, "width": 4, "blocks": 1, "sigma_max": 2}


@pytest.fixture
def by_rows(monkeypatch):
    """Bands of 64 rows, tiles of 32 LR pixels, and every picture is large."""
    monkeypatch.setattr(sampling, "LARGE", 0)
    monkeypatch.setattr(rows_on_disk, "_BAND", 1)
    monkeypatch.setattr(svkr, "_TILE", 32)
    monkeypatch.setattr(SSR.sample, "__kwdefaults__", {**SSR.sample.__kwdefaults__, "tile": 64})


def network(**options):
    torch.manual_seed(0)
    made = SSR(**SMALL | options)
    for parameter in made.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return made.eval().requires_grad_(False)


def picture(height=41, width=11):
    draw = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 9, 5, generator=draw)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def whole(map_):
    return rows_of(map_, slice(0, map_.shape[2]))


@pytest.mark.parametrize(
    "options",
    [
        {"iterations": 1, "steps": 2},
        {"iterations": 2, "scale": 2, "constraint": "last", "uncertainty": False, "steps": 2},
        {"iterations": 0, "use_depth": False, "caution": 0.5, "downsampler": "sfold", "steps": 1},
    ],
)
def test_a_large_picture_has_the_values_of_a_small_one(options, request):
    run, lr = SampledRun(network(**options), samples=2, seed=4), picture()
    held, held_blur = run(lr), run.estimate(lr)
    held_spread = run.spread
    request.getfixturevalue("by_rows")
    mean, blur = run(lr), run.estimate(lr)
    assert isinstance(mean, RowsOnDisk)
    for found, expected in (
        (mean, held),
        (run.spread, held_spread),
        *zip(blur, held_blur, strict=True),
    ):
        if expected is not None:
            assert found.shape == expected.shape
            assert (whole(found) - expected).abs().max() < 2e-5


def test_a_picture_of_one_sigma_is_blurred_by_its_own_window(by_rows):
    made = SSR(**SMALL, iterations=0).eval().requires_grad_(False)  # untrained: sigma 1.5
    lr, run = picture(), SampledRun(made)
    mean = run(lr)
    held = made.sample(lr, made.estimate_all(lr))
    assert (whole(mean) - held).abs().max() < 1e-5
