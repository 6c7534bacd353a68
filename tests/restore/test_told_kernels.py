"""A restorer that takes kernels is told those of its estimator, in tiles as in a whole picture."""

import numpy as np
import pytest
import torch
from tests.golden.recipe import fill
from tests.helpers.made_pipeline import as_float, export, made_model, scene

import blindsr
from blindsr.networks import RRDBSFTPCA, MANet, MANetSR
from blindsr.networks.tile_needs import TileNeeds
from blindsr.restore import Restorer

ESTIMATOR = {"kernel_size": 9, "features": (8, 16), "phase": 1.5}
RESTORER = {
    "code_length": 3,
    "kernel_size": 9,
    "blocks": 1,
    "features": 8,
    "growth": 4,
    "skip": "bicubic",
    "phase": 1.5,
}


@pytest.fixture(scope="module")
def network():
    """Weights from their names, scaled: kernels that are no Gaussians, pictures in [0, 1]."""
    network = MANetSR(MANet(**ESTIMATOR), RRDBSFTPCA(**RESTORER), phase=1.5)
    network.load_state_dict({n: fill(n, t.shape) for n, t in network.state_dict().items()})
    with torch.no_grad():
        network.estimator.m_tail.weight.mul_(20)
        network.restorer.pca_matrix.mul_(5)
        network.restorer.upsampler[0].weight.mul_(0.2)
        network.restorer.upsampler[0].bias.mul_(0.1)
    return network.eval()


@pytest.fixture(scope="module")
def model(network, tmp_path_factory):
    settings = {
        "estimator": {"kind": "manet", **ESTIMATOR},
        "restorer": {"kind": "rrdb_sft_pca", **RESTORER},
        "phase": 1.5,
    }
    path = tmp_path_factory.mktemp("manet") / "manet.safetensors"
    return blindsr.load(export(path, "blind", network, settings), device="cpu")


@pytest.fixture(scope="module")
def image():
    return as_float(scene(100, 130))


def restored(network, image, *told):
    with torch.inference_mode():
        lr = torch.from_numpy(image).permute(2, 0, 1)[None]
        return network(lr, *told)[0].reshape(3, 400, 520).permute(1, 2, 0).clamp(0, 1).numpy()


def test_the_result_is_that_of_the_kernels_and_not_of_a_sigma(network, model, image):
    found = model.upscale(image, tile=0, keep_blur=0)
    np.testing.assert_allclose(found, restored(network, image), atol=1e-5)
    blur = model.estimate(image, tile=0).blur
    told = restored(network.restorer, image, torch.from_numpy(blur)[None, None])
    assert np.abs(told - found).max() > 0.01


def test_tiles_hardly_change_the_result(model, image):
    whole, tiled = (model.upscale(image, tile=tile, keep_blur=0) for tile in (0, 1))
    difference = 255 * np.abs(whole - tiled)
    assert difference.max() > 0  # there are tiles
    assert difference.mean() <= 0.001
    assert np.quantile(difference, 0.999) <= 0.1


def test_tiles_that_cover_all_that_both_networks_see_change_nothing(network, image, monkeypatch):
    """The restorer reaches 20 pixels: the estimator, 11 more."""
    monkeypatch.setattr("blindsr.networks.tile_needs.RRDBSFT_OVERLAP", 64)
    found = Restorer(made_model(network)).upscale(image, tile=1, keep_blur=0)
    np.testing.assert_allclose(found, restored(network, image), atol=1e-5)


def test_maps_are_shown_beside_the_result_and_without_the_estimator_sigma_is_told(
    network, model, image
):
    (strip,) = model.strips(image, tile=0, maps=True, keep_blur=0)
    np.testing.assert_allclose(strip.sr, restored(network, image), atol=1e-5)
    np.testing.assert_array_equal(strip.blur, model.estimate(image, tile=0).blur)
    told = model.without_estimator().upscale(image, tile=0, blur=1.25)
    blur = torch.full((1, 1, 400, 520), 1.25)
    np.testing.assert_allclose(told, restored(network.restorer, image, blur), atol=1e-5)


def test_what_two_networks_need_that_run_in_one_tile():
    first = TileNeeds((8, 6), 40, 16, minimum=3, bytes_per_pixel=10)
    second = TileNeeds((4, 9), 32, minimum=5, bytes_per_pixel=7)
    assert first.before(second) == TileNeeds((8, 18), 32 + 24, 16, 5, 17)
    assert second.before(first) == TileNeeds((8, 18), 40 + 16, 16, 5, 17)
    assert first.before(TileNeeds(picture_means=True)).whole
    assert not first.before(TileNeeds(picture_means=True)).picture_means
