"""What the estimator in the box sees, held by embedded pictures that it was not trained on."""

import importlib

import cv2
import numpy as np
import pytest
import torch
from tests.conftest import REPOSITORY

import blindsr
from blindsr.data.scenes.leaves.dataset import BlurredPictures
from blindsr.data.scenes.photographs import HELD_OUT, photograph
from blindsr.inference.blur.in_box import FILE
from blindsr.weights.checkpoint import read_network


@pytest.fixture(scope="module")
def network():
    """That of the model in the box, with maps at the size of the picture."""
    return read_network(FILE).network().estimator


@pytest.fixture(scope="module")
def held_out(network):
    """Truth, estimate and scale of many pixels of held-out scenes."""
    data = BlurredPictures(seed=23, count=100, size=160, scenes=100, held_out=True)
    columns = []
    with torch.inference_mode():
        for index in range(len(data)):
            sample = data[index]
            found = network(sample["lr"][None])
            parts = (sample["blur"][None], found.blur, found.blur_scale)
            columns.append(torch.stack([p[..., ::3, ::3].flatten() for p in parts]))
    return torch.cat(columns, dim=1).double()


def sharp_photograph():
    picture = photograph(HELD_OUT[0]).astype(np.float32) / np.float32(255)
    return cv2.resize(picture, (320, 214), interpolation=cv2.INTER_AREA)


def estimated(network, rgb):
    lr = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
    with torch.inference_mode():
        return network(lr).blur[0, 0].numpy()


def test_map_follows_the_truth_on_held_out_scenes(held_out):
    truth, said, _ = held_out
    assert np.corrcoef(truth, said)[0, 1] > 0.6


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_hold_within_five_points(held_out, level):
    truth, said, scale = held_out
    inside = (truth - said).abs() <= -np.log(1 - level) * scale
    assert abs(float(inside.double().mean()) - level) <= 0.05


def test_answer_rises_with_even_blur(network):
    sharp = sharp_photograph()
    sigmas = (0.5, 1, 2, 3, 4, 5, 6, 7, 8)
    means = [estimated(network, cv2.GaussianBlur(sharp, (0, 0), s)).mean() for s in sigmas]
    assert np.all(np.diff(means) > 0)


def test_hue_does_not_matter(network):
    sharp = sharp_photograph()
    soft = cv2.GaussianBlur(sharp, (0, 0), 4)
    half = np.concatenate([sharp[:, :160], soft[:, 160:]], axis=1)
    plain, turned = estimated(network, half), estimated(network, half[..., [2, 0, 1]])
    assert np.corrcoef(plain.ravel(), turned.ravel())[0, 1] > 0.99
    assert plain[:, :120].mean() + 1.5 < plain[:, 200:].mean()


def test_the_benchmark_scores_these_maps(network, monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    method = importlib.import_module("blur_maps").network_method(None)
    soft = cv2.GaussianBlur(sharp_photograph(), (0, 0), 4)
    found, unsure = method(soft)
    said = estimated(network, soft)
    assert found.shape == unsure.shape == said.shape
    assert found.mean() == pytest.approx(said.mean(), rel=0.02)  # of another size in between
    assert np.corrcoef(found.ravel(), said.ravel())[0, 1] > 0.99


def test_tiles_are_the_whole_picture():
    sharp = np.tile(sharp_photograph(), (1, 4, 1))
    model = blindsr.load(device="cpu")
    whole, tiled = (model.estimate(sharp, tile=tile).blur for tile in (0, 1))
    assert 0 < abs(whole - tiled).max() < 1e-4


@pytest.mark.slow
def test_rgbd_pictures(network, shared, monkeypatch):
    """Pooled correlation and slope, even blur within 25 %."""
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    pictures = importlib.import_module("blur_maps_pictures")
    cases = pictures.defocused(shared / "data" / "rgbd")
    truth = np.concatenate([case.blur.ravel() for case in cases]).astype(np.float64)
    said = np.concatenate([estimated(network, case.blurred).ravel() for case in cases])
    assert np.corrcoef(truth, said)[0, 1] >= 0.8
    slope = np.cov(truth, said)[0, 1] / truth.var()
    assert 0.8 <= slope <= 1.2
    sharp = [case.sharp for case in cases[::2]]
    for sigma in (1.0, 2.0, 4.0, 8.0):
        means = [estimated(network, pictures.even(one, sigma)).mean() for one in sharp]
        assert abs(np.mean(means) / sigma - 1) <= 0.25
