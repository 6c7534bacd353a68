"""Parity of KOALAnet and its degradation with the released graph, in float64."""

import json

import numpy as np
import pytest
import torch
from tests.golden.recipe import image, released_state

from blindsr.degradation.koalanet import (
    bicubic_base,
    degradation_kernel,
    degrade_koalanet,
    local_down,
)
from blindsr.losses.koalanet import kernel_losses, sr_loss
from blindsr.networks import KOALAnet
from blindsr.networks.blocks.local_filter import summing_to_one
from blindsr.networks.koalanet import to_tensorflow
from blindsr.weights import load_official


def off(ours, golden):
    return np.abs(np.asarray(ours) - golden).max() / golden.std()


@pytest.fixture(scope="module")
def golden(shared):
    return np.load(shared / "golden" / "koalanet.npz")


@pytest.fixture(scope="module")
def network(shared):
    state = released_state(shared / "golden", "koalanet")
    state = {n: t.permute(2, 3, 1, 0) if t.ndim == 4 else t for n, t in state.items()}
    network = KOALAnet()
    load_official(network, state)
    return network.double().eval()


def test_the_degradation(golden):
    assert off(bicubic_base(), golden["bicubic"]) <= 1e-12
    kernels = np.stack([degradation_kernel(1, 3, 0.4), degradation_kernel(2.5, 0.7, 1.2)])
    assert off(kernels, golden["degradation_kernels"]) <= 1e-12
    hr = 2 * image("koalanet:hr", (2, 3, 32, 48)).double() - 1
    assert off(degrade_koalanet(hr, torch.from_numpy(kernels)), golden["degraded"]) <= 1e-12


@pytest.mark.slow  # full width
@torch.no_grad()
def test_images_kernels_and_filters(network, golden):
    lr = image("koalanet:lr", (2, 3, 24, 32)).double()
    sr, kernels = network(lr)
    assert off((2 * sr - 1)[..., 1::3, 2::3], golden["sr"]) <= 1e-6
    assert off(kernels[..., 1::7, 2::7], golden["kernel"]) <= 1e-6
    condition = network.raw_kernels(lr)
    for layer in network.SISR_DUF.kernel_condition.children():
        condition = torch.relu(layer(condition))
    found = network.SISR_DUF.KOALA_module["5"].raw_filter(condition)
    assert off(found[..., 1::7, 2::7], golden["filter5"]) <= 1e-6
    hr = 2 * image("koalanet:hr", (2, 3, 32, 48)).double() - 1
    small = summing_to_one(network.raw_kernels(image("koalanet:train_lr", (2, 3, 8, 12)).double()))
    assert off(local_down(hr, small, 4), golden["reblurred"]) <= 1e-6
    assert sum(p.numel() for p in network.parameters()) == 6_545_416


@pytest.mark.slow  # full width
def test_losses_and_gradients(network, golden, shared):
    told = json.loads((shared / "golden" / "koalanet_train.json").read_text())
    lr, hr = image("koalanet:train_lr", (2, 3, 8, 12)), image("koalanet:hr", (2, 3, 32, 48))
    lr, hr = lr.double(), hr.double()
    raw = network.raw_kernels(lr)
    kernels = summing_to_one(raw)
    # the released graph sees zeros outside of HR in [-1, 1]
    reblurred = (local_down(2 * hr - 1, kernels, 4) + 1) / 2
    true = torch.from_numpy(golden["degradation_kernels"]).flatten(1)[:, :, None, None]
    parts = kernel_losses(lr, reblurred, kernels, true, kernel_loss="mean")
    parts["sr"] = sr_loss(network.restored(lr, raw), hr)
    assert {name: loss.item() for name, loss in parts.items()} == pytest.approx(
        told["losses"], rel=1e-6
    )
    network.zero_grad(set_to_none=True)
    sum(parts.values()).backward()
    gradients = to_tensorflow({name: p.grad for name, p in network.named_parameters()})
    norms = {name: gradient.norm().item() for name, gradient in gradients.items()}
    assert norms == pytest.approx(told["grad_norms"], rel=1e-6)
    for name, some in told["entries"].items():
        ours = gradients[name].permute(3, 2, 0, 1).flatten()[:: some["stride"]][:16]
        np.testing.assert_allclose(ours, some["values"], rtol=1e-6, atol=1e-12)
