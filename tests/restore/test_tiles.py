"""Tiles and strips of the restorer give the picture at once."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.helpers.made_pipeline import TILE, as_float, blind, equal, made_model, scene
from torch import nn

from blindsr.errors import ConfigError
from blindsr.inference.model import Model, Upscaler
from blindsr.inference.tiles import run
from blindsr.inference.tiles.sizes import lay_tiles
from blindsr.networks.tile_needs import TileNeeds
from blindsr.restore import Restorer

SIZE = 90, 104
"""Two tiles in each direction."""


def plain_upscaler(scale=2):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3 * scale**2, 5, padding=2)]
    network = nn.Sequential(*layers, nn.PixelShuffle(scale), nn.Sigmoid()).eval()
    upscaler = Upscaler(lambda lr, *_: network(lr), TileNeeds((3, 5), overlap=16))
    return Restorer(Model("plain", "here", scale, torch.device("cpu"), upscaler=upscaler))


@pytest.mark.parametrize("size", [(16, 16), (33, 200), (100, 31), (120, 150)])
def test_convolutions_with_enough_overlap_do_not_notice_tiles(size):
    image = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
    model = plain_upscaler()
    whole = model.upscale(image, tile=0)
    assert whole.shape == (2 * size[0], 2 * size[1], 3)
    for tile in (1, 24):
        assert np.abs(model.upscale(image, tile=tile) - whole).max() < 1e-5


@torch.inference_mode()
def test_untiled_is_the_network_itself(model):
    image = as_float(scene(40, 53))
    sr, estimate = blind()(torch.from_numpy(image).permute(2, 0, 1)[None])
    maps = model.estimate(image)
    np.testing.assert_allclose(maps.blur, estimate.blur[0, 0], atol=1e-4)
    seg = estimate.seg_logits.argmax(1)[0].numpy()
    assert (maps.seg == seg).mean() > 0.999
    found = model.upscale(image)
    expected = sr[0].permute(1, 2, 0).clamp(0, 1).numpy()
    assert np.quantile(np.abs(found - expected), 0.99) < 1e-4


def errors(model, image, whole, monkeypatch, rounds):
    monkeypatch.setattr(run, "ROUNDS", rounds)
    return 255 * np.abs(whole - model.upscale(image, tile=TILE))


@pytest.mark.parametrize("condition", ["hr", "lr"])
def test_tiles_hardly_change_the_result(condition, monkeypatch):
    monkeypatch.setattr("blindsr.networks.tile_needs.CMOS_OVERLAP", 64)
    model = Restorer(made_model(blind(condition=condition)))
    image = as_float(scene(100, 140))
    whole = model.upscale(image, tile=0)
    difference = errors(model, image, whole, monkeypatch, 1)
    assert difference.max() > 0  # there are tiles
    assert difference.mean() <= 0.001
    assert np.quantile(difference, 0.999) <= 0.1
    # Means of a tile instead of the picture's: what a tool that only cuts and blends would do.
    without = errors(model, image, whole, monkeypatch, 0)
    assert without.mean() > 3 * difference.mean()


def test_memory_is_that_of_a_tile(model):
    """No tensor that enters a network grows with the picture, and neither do the strips."""
    largest, strips = [], []
    for height, width in (SIZE, (135, 104), (90, 156)):
        seen = [0]

        def watch(part, seen=seen):
            def run(*inputs, **maps):
                seen.append(max(x.numel() for x in (*inputs, *maps.values())))
                return part.run(*inputs, **maps)

            return run

        inner = model._model
        watched = replace(
            inner,
            estimator=replace(inner.estimator, run=watch(inner.estimator)),
            upscaler=replace(inner.upscaler, run=watch(inner.upscaler)),
        )
        image = np.zeros((height, width, 3), np.uint8)
        results = list(Restorer(watched).strips(image, tile=TILE))
        largest.append(max(seen))
        strips.append(max(len(strip.sr) for strip in results))
    assert largest == [largest[0]] * 3
    assert max(strips) <= 4 * (TILE + 2 * 32)


def test_maps_stay_tensors_between_estimator_and_restorer(model, monkeypatch):
    arrays, convert = [], torch.Tensor.numpy
    monkeypatch.setattr(
        torch.Tensor, "numpy", lambda x, *a, **k: arrays.append(x.shape[-1]) or convert(x, *a, **k)
    )
    strips = list(model.strips(scene(*SIZE), tile=TILE, keep_blur=0))
    assert arrays == [3] * len(strips)  # the SR image alone leaves torch


@pytest.mark.parametrize("writeable", [True, False])
def test_maps_of_a_user_are_neither_copied_whole_nor_changed(writeable):
    blur, columns = np.full((160, 240), 2.0, np.float32), []

    def run(lr, blur):
        columns.append(tuple(blur.shape[2:]))
        return torch.nn.functional.interpolate(lr, scale_factor=2) + blur - 2

    blur.flags.writeable = writeable
    upscaler = Upscaler(run, TileNeeds((8, 8), overlap=16), uses=("blur",))
    restorer = Restorer(Model("plain", "here", 2, torch.device("cpu"), upscaler=upscaler))
    image = np.random.default_rng(0).random((80, 120, 3), np.float32)
    expected = image.repeat(2, axis=0).repeat(2, axis=1)
    for told in (blur, 2.0):
        found = restorer.upscale(image, blur=told, tile=24)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert max(columns) < blur.shape
    assert np.all(blur == 2)


def test_auto_follows_the_budget(model, monkeypatch):
    needs = TileNeeds((48, 64), 32, bytes_per_pixel=1000)
    assert len(lay_tiles((100, 100), needs, "auto", 10_000_000)) == 1
    for size in ((1000, 2000), (3000, 90), (90, 3000)):
        for budget in (20_000_000, 300_000_000):
            grid = lay_tiles(size, needs, "auto", budget)
            assert len(grid) > 1 or size[0] * size[1] * 1000 <= budget
            seen = max((r.stop - r.start) * (c.stop - c.start) for r, c in grid)
            assert seen * 1000 <= budget
            grid = lay_tiles(size, needs, "auto", budget, strip_bytes=50)
            rows, columns = grid.rows[0].stop, grid.columns[0].stop
            assert rows * (1000 * columns + 50 * size[1]) <= budget
    tiny = lay_tiles((1000, 1000), needs, "auto", 1)  # the least that the network can do
    assert tiny.rows[0].stop == 48 + 32


def test_wrong_tiles_are_refused(model):
    for tile in (-1, 1.5, "big", True, None):
        for call in (model.upscale, model.estimate, model.strips):
            with pytest.raises(ConfigError, match="tile"):
                call(scene(20, 20), tile=tile)


@pytest.fixture(scope="module")
def tiled(model):
    """A scene in tiles."""
    return model.upscale(scene(*SIZE), tile=TILE)


def test_strips_are_the_picture_and_the_maps(model, tiled):
    image, calls = scene(*SIZE), []
    strips = list(model.strips(image, tile=TILE, maps=True, on_progress=lambda *n: calls.append(n)))
    assert len(strips) > 1
    tops = np.cumsum([0, *(len(strip.sr) for strip in strips)])
    assert [strip.top for strip in strips] == list(tops[:-1])
    joined = [np.concatenate([strip[i] for strip in strips]) for i in (1, 2, 3)]
    assert equal(np.rint(joined[0] * 255).astype(np.uint8), tiled)
    maps = model.estimate(image, tile=TILE)
    # The last of the rounds that collect means saw no restorer here: the maps are the same.
    assert equal(joined[1], maps.blur)
    assert equal(joined[2], maps.seg)
    done, total = zip(*calls, strict=True)
    assert done == tuple(range(1, total[0] + 1))
    assert set(total) == {len(calls)}
    assert next(model.strips(image, tile=TILE)).blur is None


def test_threads_get_what_they_would_get_alone(model, tiled):
    images = [scene(*SIZE, index) for index in (1, 2)]
    alone = [tiled, model.upscale(images[1], tile=TILE)]
    together = {}

    def work(i):
        together[i] = model.upscale(images[i], tile=TILE)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in (0, 1):
        assert equal(together[i], alone[i])
    assert not equal(alone[0], alone[1])


def test_nothing_of_a_tile_stays_behind(model):
    strips = model.strips(scene(*SIZE), tile=TILE)
    next(strips)
    assert not torch.is_inference_mode_enabled()
    small = scene(20, 24)
    assert equal(model.upscale(small), Restorer(model._model).upscale(small))
