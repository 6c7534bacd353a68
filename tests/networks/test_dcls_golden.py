"""Parity of DCLS with the released network, in float64."""

import json

import numpy as np
import pytest
import torch
from tests.golden.recipe import image, released_state

from blindsr.losses import dcls_kernel_target, pixel_l1
from blindsr.networks import DCLS
from blindsr.weights import load_official

pytestmark = pytest.mark.slow  # full width


@pytest.fixture(scope="module")
def golden(shared):
    return shared / "golden"


@pytest.fixture(scope="module")
def network(golden):
    network = DCLS()
    load_official(network, released_state(golden, "dcls"))
    return network.double().eval()


def off(ours, golden):
    return np.abs(ours.numpy() - golden).max() / golden.std()


@torch.no_grad()
def test_images_and_kernels(network, golden):
    stored = np.load(golden / "dcls.npz")
    for suffix, name, shape in (("", "lr", (2, 3, 24, 32)), ("_odd", "odd_lr", (1, 3, 27, 35))):
        sr, kernel = network(image(f"dcls:{name}", shape, 2).double())
        assert off(kernel, stored[f"kernel{suffix}"]) <= 1e-6
        assert off(sr[..., 1::3, 2::3], stored[f"sr{suffix}"]) <= 1e-6
    assert sum(p.numel() for p in network.parameters()) == 13_626_187


def test_losses_and_gradients(network, golden):
    stored = np.load(golden / "dcls.npz")
    blurred, clean = (torch.from_numpy(stored[name]) for name in ("lr_blurred", "lr_clean"))
    target = dcls_kernel_target(blurred, clean, 21)
    assert off(target, stored["target"]) <= 1e-6
    expected = json.loads((golden / "dcls_train.json").read_text())
    sr, kernel = network.train()(blurred.double())
    parts = {"kernel_loss": (kernel - target).abs().mean()}
    parts["sr_loss"] = pixel_l1(sr, image("dcls:hr", (2, 3, 88, 112), 2).double())
    total = sum(parts.values())
    for name, value in {**parts, "loss": total}.items():
        assert value.item() == pytest.approx(expected[name], rel=1e-9), name
    total.backward()
    ours = {name: p.grad for name, p in network.named_parameters()}
    assert ours.keys() == expected["grad_norms"].keys()
    for name, norm in expected["grad_norms"].items():
        assert ours[name].norm().item() == pytest.approx(norm, rel=1e-6), name
    for name, entries in expected["entries"].items():
        found = ours[name].flatten()[:: entries["stride"]][: len(entries["values"])].numpy()
        np.testing.assert_allclose(found, entries["values"], rtol=1e-6, err_msg=name)
