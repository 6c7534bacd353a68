"""Parity of both versions of DAN with the released networks, in float64."""

import numpy as np
import pytest
import torch
from tests.golden.recipe import image, released_state

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
