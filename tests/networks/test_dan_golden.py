"""Parity of both versions of DAN with the released networks, in float64."""

import json

import numpy as np
import pytest
import torch
from tests.golden.recipe import image, released_state

from blindsr.losses import dan_losses
from blindsr.networks import DAN
from blindsr.weights import load_official

pytestmark = pytest.mark.slow  # full width


@pytest.fixture(params=[1, 2], scope="module")
def version(request):
    return request.param


@pytest.fixture(scope="module")
def network(version, shared):
    state = released_state(shared / "golden", f"dan_v{version}")
    state["init_kernel"] = torch.zeros(1, 21, 21)
    state["init_kernel"][0, 10, 10] = 1
    state["init_ker_map"] = state["encoder"][:, 220]
    network = DAN(version)
    load_official(network, state)
    return network.double().eval()


def off(ours, golden):
    return np.abs(ours.numpy() - golden).max() / golden.std()


@torch.no_grad()
def test_images_codes_and_kernels(network, version, shared):
    golden = np.load(shared / "golden" / f"dan_v{version}.npz")
    found = network(image("dan:lr", (2, 3, 24, 32)).double())
    odd = network(image("dan:odd_lr", (1, 3, 27, 35)).double())
    images = {"sr": found.sr[-1], "sr_first": found.sr[0], "sr_odd": odd.sr[-1]}
    for name, sr in images.items():
        assert off(sr[..., 1::4, 2::4], golden[name]) <= 1e-6, name
    assert off(torch.stack(found.code, dim=1), golden["codes"]) <= 1e-6
    if version == 2:
        assert off(torch.stack(found.kernel, dim=1), golden["kernels"]) <= 1e-6


def test_parameters(network, version):
    assert sum(p.numel() for p in network.parameters()) == {1: 4_329_511, 2: 4_707_708}[version]


def test_losses_and_gradients(network, version, shared):
    golden = json.loads((shared / "golden" / f"dan_v{version}_train.json").read_text())
    lr = image("dan:train_lr", (2, 3, 12, 16)).double()
    hr = image("dan:hr", (2, 3, 48, 64)).double()
    kernel = (9 * image("dan:kernel", (2, 1, 21, 21)).double()).flatten(1).softmax(dim=1)
    target = kernel if version == 2 else kernel @ network.encoder[0]
    found = network(lr)
    told = found.kernel or found.code
    for turn, (sr, of_kernel) in enumerate(
        zip(golden["sr_losses"], golden["kernel_losses"], strict=True)
    ):
        parts = dan_losses(found.sr[: turn + 1], told[: turn + 1], hr, target)
        assert parts["sr"].item() == pytest.approx(sr, rel=1e-6)
        assert parts["kernel"].item() == pytest.approx(of_kernel, rel=1e-6)
    loss = sum(dan_losses(found.sr, told, hr, target).values())
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-6)
    network.zero_grad(set_to_none=True)
    loss.backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    norms = {name: gradient.norm().item() for name, gradient in gradients.items()}
    assert norms == pytest.approx(golden["grad_norms"], rel=1e-6)
    for name, some in golden["entries"].items():
        ours = gradients[name].flatten()[:: some["stride"]][:16]
        np.testing.assert_allclose(ours, some["values"], rtol=1e-6, atol=1e-12)
