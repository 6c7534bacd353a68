"""Parity of the restorer and of the blind pipeline with the released implementation."""

import copy

import numpy as np
import pytest
import torch
from tests.golden.recipe import GOLDEN, image, official_shapes, official_state

from blindsr.networks import CMOS, RRDBSFT, BlindSR, accelerate
from blindsr.weights import load_official

LR = ("nyu:lr", (1, 3, 96, 128))


@pytest.fixture(scope="module")
def restorer():
    network = RRDBSFT()
    load_official(network, official_state("rrdb_sft"), window_layout="fixed")
    return network.eval()


def error(ours, golden):
    """Largest error in standard deviations at the pixels that the file holds."""
    return np.abs(ours[..., 1::5, 2::5].squeeze().numpy() - golden).max() / golden.std()


@torch.no_grad()
@pytest.mark.parametrize(
    "form",
    [
        # that both are one function to 1e-11 is shown on small networks, in fast/
        pytest.param(lambda network: network, id="plain", marks=pytest.mark.slow),
        pytest.param(accelerate, id="fast"),
    ],
)
def test_restorer(restorer, form):
    blur = 5 * image("nyu:blur", (1, 1, 384, 512))
    labels = np.random.RandomState(2).randint(0, 40, (1, 1, 48, 64))[:, 0]
    seg = torch.from_numpy(labels.repeat(8, axis=1).repeat(8, axis=2))
    sr = form(restorer)(image(*LR), blur, seg)
    assert error(sr, np.load(GOLDEN / "rrdb_sft_nyu.npz")["sr"]) <= 1e-4


def test_names_shapes_and_parameter_count(restorer):
    ours = {name: list(tensor.shape) for name, tensor in restorer.state_dict().items()}
    assert ours == official_shapes("rrdb_sft")
    assert len(ours) == 498
    assert sum(p.numel() for p in restorer.parameters()) == 8_960_592
    assert sum(p.numel() for p in RRDBSFT(15).parameters()) == 8_120_209


@pytest.fixture(scope="module")
def pipeline():
    network = BlindSR(CMOS(), RRDBSFT())
    load_official(network, official_state("blindsr"), window_layout="fixed")
    return accelerate(network.eval())


@pytest.mark.slow  # test_cmos_golden.py holds the estimator, test_blind.py what joins both
@torch.no_grad()
def test_blind_pipeline(pipeline):
    """Rounding of the float32 sigma map, 3e-5, grows to 3e-4 at a steep place of this restorer."""
    golden = np.load(GOLDEN / "blindsr_nyu.npz")
    sr, estimate = pipeline(image(*LR))
    assert error(estimate.blur, golden["blur"]) <= 1e-4
    semantics = estimate.seg_logits.argmax(1)[0, 1::5, 2::5].numpy()
    assert (semantics == golden["semantics"]).mean() >= 0.9999
    assert error(sr, golden["sr"]) <= 5e-4


@pytest.mark.slow
@torch.no_grad()
def test_blind_pipeline_behind_an_exact_estimate(pipeline):
    golden = np.load(GOLDEN / "blindsr_nyu.npz")
    exact = copy.deepcopy(pipeline.estimator).double()(image(*LR).double())
    sr = pipeline.restorer(image(*LR), exact.blur, exact.seg_logits.argmax(1))
    assert error(sr, golden["sr"]) <= 1e-4
