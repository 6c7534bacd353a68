"""Parity of the pieces of KernelGAN and ZSSR with the released code."""

import json

import numpy as np
import pytest
import torch
from tests.golden.recipe import fill, gain_of, image

from blindsr.inference.kernelgan.crops import gradient_map, loss_map, probability
from blindsr.inference.kernelgan.resizing import reduced, released_resize
from blindsr.losses.kernelgan import bicubic_loss, kernel_terms, penalty_mask, real_or_not
from blindsr.networks import (
    KernelGANDiscriminator,
    KernelGANGenerator,
    ZSSRNet,
    centre_kernel,
    collapse,
    kernel_x4,
)
from blindsr.networks.kernelgan import kept_taps


def off(ours, golden):
    return np.abs(np.asarray(ours) - golden).max() / golden.std()


@pytest.fixture(scope="module")
def golden(shared):
    return np.load(shared / "golden" / "kernelgan.npz")


@pytest.fixture(scope="module")
def told(shared):
    return json.loads((shared / "golden" / "kernelgan.json").read_text())


@pytest.fixture(scope="module")
def zssr(shared):
    return np.load(shared / "golden" / "zssr.npz")


@pytest.fixture(scope="module")
def networks(shared):
    keys = json.loads((shared / "golden" / "keys_kernelgan.json").read_text())
    found = {"generator": KernelGANGenerator(), "discriminator": KernelGANDiscriminator()}
    for name, network in found.items():
        gains = keys["gains"].get(name, {})
        state = {
            key: fill(key, shape) * (gain_of(key, gains) if shape else 1)
            for key, shape in keys["keys"][name].items()
        }
        network.load_state_dict(state)
        network.double().eval()
        for module in network.modules():
            if hasattr(module, "weight_u"):
                left, _, right = torch.linalg.svd(module.weight_orig.detach().flatten(1))
                module.weight_u.copy_(left[:, 0])
                module.weight_v.copy_(right[0])
    return found


def test_networks_losses_and_gradients(networks, golden, told):
    generator = networks["generator"]
    crop = 2 * image("kernelgan:crop", (1, 3, 64, 64)).double() - 1
    made = generator(crop)
    map_ = networks["discriminator"](made)
    kernel = collapse(generator)
    found = {"g": made, "d": map_, "kernel": kernel}
    for name, tensor in found.items():
        assert off(tensor.detach(), golden[name]) <= 1e-6, name
    assert off(penalty_mask(13, kernel), golden["penalty_mask"]) <= 1e-12
    terms = kernel_terms(kernel)
    losses = {
        "gan": real_or_not(map_, real=True),
        "bicubic": bicubic_loss(made, crop, "released"),
        "sum2one": terms["sum"],
        "boundaries": terms["boundary"],
        "centralized": terms["centre"],
        "sparse": terms["sparse"],
    }
    assert {n: v.item() for n, v in losses.items()} == pytest.approx(told["losses"], rel=1e-6)
    weights = (1, 5, 0.5, 0.5, 1, 5)
    total = sum(w * v for w, v in zip(weights, losses.values(), strict=True))
    assert total.item() == pytest.approx(told["loss"], rel=1e-6)
    total.backward()
    norms = {name: p.grad.norm().item() for name, p in generator.named_parameters()}
    assert norms == pytest.approx(told["grad_norms"], rel=1e-6)


def test_kernels(golden, zssr):
    kernel = golden["k2"]
    assert off(kept_taps(kernel), golden["k2_zeroized"]) <= 1e-12
    assert off(centre_kernel(kernel, 2), golden["k2_final"]) <= 1e-6
    assert off(kernel_x4(kernel), golden["k4"]) <= 1e-12
    again = centre_kernel(golden["k2_final"], 2, threshold=False)
    assert off(again, zssr["zssr_kernel"]) <= 1e-6


def test_crops_and_resizing(golden, zssr):
    photo = image("kernelgan:photo", (1, 3, 72, 80))[0].permute(1, 2, 0).double().numpy()
    importance = gradient_map(photo)
    assert off(importance[1::3, 2::3], golden["gradient_map"]) <= 1e-12
    assert off(probability(importance, 26)[1::3, 2::3], golden["probability"]) <= 1e-12
    assert off(loss_map(photo)[::3, ::3], zssr["loss_map"]) <= 1e-12
    small = released_resize(photo, 0.5)
    assert off(small[::3, ::3], golden["small"]) <= 1e-12
    assert off(released_resize(small, 2)[::5, ::5], golden["up"]) <= 1e-12

    def by(kernel, picture):
        lr = torch.from_numpy(picture.transpose(2, 0, 1)[None])
        return reduced(lr, torch.from_numpy(kernel), 2)[0].permute(1, 2, 0).numpy()

    assert off(by(golden["k2_final"], photo)[::3, ::3], golden["down_with_kernel"]) <= 1e-12
    enlarged = released_resize(photo, 2)
    missing = released_resize(photo - by(zssr["zssr_kernel"], enlarged), 2)
    projected = np.clip(enlarged + missing, 0, 1)
    assert off(projected[::6, ::6], zssr["back_projected"]) <= 1e-12


def test_zssr(shared, zssr):
    told = json.loads((shared / "golden" / "zssr.json").read_text())
    network = ZSSRNet()
    with torch.no_grad():
        for (name, shape), weight in zip(told["keys"].items(), network.parameters(), strict=True):
            weight.copy_(fill(name, shape))
    names = ("zssr_in", "zssr_father", "zssr_map")
    enlarged, father, weights = (image(f"kernelgan:{name}", (1, 3, 40, 48)) for name in names)
    assert off(network(enlarged).detach()[..., 1::3, 2::3], zssr["out"]) <= 1e-5
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for index, expected in enumerate(told["losses_of_5_adam_steps"]):
        loss = ((network(enlarged) - father).abs() * weights).mean()
        assert loss.item() == pytest.approx(expected, rel=1e-2 if index else 1e-6)
        optimiser.zero_grad()
        loss.backward()
        if index == 0:
            norms = [p.grad.norm().item() for p in network.parameters()]
            assert norms == pytest.approx(list(told["grad_norms"].values()), rel=1e-4)
        optimiser.step()
