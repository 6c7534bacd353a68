"""Parity of MANet's three stages with the released networks, in float64."""

import json

import numpy as np
import pytest
import torch
from tests.golden.recipe import image, released_state

from blindsr.losses import kernel_l1, pixel_l1
from blindsr.networks import RRDBSFTPCA, MANet, MANetSR
from blindsr.weights import load_official

pytestmark = pytest.mark.slow  # full width

KERNEL = ("manet:kernel", (2, 1, 21, 21))


@pytest.fixture(scope="module")
def golden(shared):
    return shared / "golden"


def released(network, golden, name):
    load_official(network, released_state(golden, "manet", name))
    return network.double().eval()


def one_kernel_per_image():
    return (9 * image(*KERNEL)).double().flatten(1).softmax(dim=1)


def pictures():
    return [
        image("manet:lr", (2, 3, 24, 32)).double(),
        image("manet:odd_lr", (1, 3, 27, 35)).double(),
    ]


def off(ours, golden):
    return np.abs(ours.numpy() - golden).max() / golden.std()


@torch.no_grad()
def test_kernels(golden):
    network, stored = released(MANet(), golden, "manet"), np.load(golden / "manet.npz")
    kernels, odd = (network(lr) for lr in pictures())
    assert off(kernels[..., 1::6, 2::6], stored["kernel"]) <= 2e-5
    assert off(odd[..., 1::6, 2::6], stored["kernel_odd"]) <= 2e-5
    assert sum(p.numel() for p in network.parameters()) == 1_810_361


@torch.no_grad()
def test_kernels_in_float32(golden):
    network, stored = released(MANet(), golden, "manet").float(), np.load(golden / "manet.npz")
    assert off(network(pictures()[0].float())[..., 1::6, 2::6], stored["kernel"]) <= 5e-4


@torch.no_grad()
def test_the_restorer_told_one_kernel_per_image(golden):
    network = released(RRDBSFTPCA(), golden, "rrdb_sft_pca")
    stored = np.load(golden / "rrdb_sft_pca.npz")
    sr = network(pictures()[0], one_kernel_per_image().view(2, 21, 21))
    assert off(sr[..., 1::3, 2::3], stored["sr"]) <= 1e-6
    assert sum(p.numel() for p in network.parameters()) == 8_086_256


@torch.no_grad()
def test_codes_and_images_of_all_stages(golden):
    network = released(MANetSR(MANet(), RRDBSFTPCA()), golden, "manet_rrdb_sft")
    (lr, odd), stored = pictures(), np.load(golden / "manet_rrdb_sft.npz")
    sr, kernels = network(lr)
    code = network.restorer.code(kernels, lr)
    assert off(code[..., 1::3, 2::3], np.load(golden / "manet.npz")["code"]) <= 1e-6
    assert off(sr[..., 1::3, 2::3], stored["sr"]) <= 1e-6
    assert off(network(odd)[0][..., 1::3, 2::3], stored["sr_odd"]) <= 1e-6


@pytest.mark.parametrize("stage", ["stage1", "stage3"])
def test_losses_and_gradients(stage, golden):
    expected = json.loads((golden / "manet_train.json").read_text())[stage]
    lr = pictures()[0]
    if stage == "stage1":
        network = released(MANet(), golden, "manet")
        target = one_kernel_per_image()[:, :, None, None]
        # the released factor, and the released division by the number of HR pixels
        loss = kernel_l1(network(lr), target, weight=1e4 / (96 * 128))
    else:
        network = released(MANetSR(MANet(), RRDBSFTPCA()), golden, "manet_rrdb_sft")
        hr = image("manet:hr", (2, 3, 96, 128)).double()
        loss = pixel_l1(network(lr)[0], hr)
    loss.backward()
    assert loss.item() == pytest.approx(expected["loss"], rel=1e-6)
    own = {"estimator.": "kernel_estimation.", "restorer.": "", "m_": "kernel_estimation.m_"}
    ours = {}
    for name, parameter in network.named_parameters():
        start = next((one for one in own if name.startswith(one)), "")
        official = own.get(start, "") + name.removeprefix(start)
        none = parameter.grad is None  # the estimator of stage 3, under no_grad
        ours[official] = torch.zeros(()) if none else parameter.grad
    assert ours.keys() == expected["grad_norms"].keys()
    for name, norm in expected["grad_norms"].items():
        assert ours[name].norm().item() == pytest.approx(norm, rel=1e-6), name
    for name, entries in expected["entries"].items():
        found = ours[name].flatten()[:: entries["stride"]][: len(entries["values"])].numpy()
        scale = ours[name].abs().max().item()
        np.testing.assert_allclose(found, entries["values"], atol=1e-7 * scale, err_msg=name)
