"""DCLS: its kernel, the deconvolution by it, what it says of the blur, and its released files.

The stored numbers come from the implementation that met the released network to 1e-7
(test_dcls_golden.py), so that a change of the network shows where those files are not.
"""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from tests.golden.recipe import fill, image

import blindsr
from blindsr.cli.app import main
from blindsr.degradation import kernel_map
from blindsr.errors import ConfigError, DataError, WeightsError
from blindsr.imaging.resize import downsample
from blindsr.losses import dcls_kernel_target
from blindsr.networks import DCLS
from blindsr.networks.dcls import Deconvolution
from blindsr.weights import load_official, read_network

SMALL = {"kernel_size": 11, "latent": 6, "blocks": 1, "groups": 2, "features": 8}
LR = image("dcls:lr", (1, 3, 9, 12))
STORED = {
    "kernel": [0.0456205611, 0.000762840329, -0.0289737531],
    "sr": [0.570839949, 0.416617271, 0.530164256],
}


def small(**changes):
    """Every tensor drawn from its name; no kernel sums to nearly 0, and SR is seldom clipped."""
    network = DCLS(**SMALL | changes)
    state = {n: fill(n, t.shape) for n, t in network.state_dict().items()}
    for name, tensor in state.items():
        if name.startswith("Estimator.dec.") and name.endswith("bias"):
            tensor += 0.2
    weight, bias = [name for name in state if name.startswith("Restorer.upscale.")][-2:]
    state |= {weight: 0.01 * state[weight], bias: 0.5 + state[bias]}
    network.load_state_dict(state)
    return network.eval()


@torch.no_grad()
def test_the_stored_numbers():
    sr, kernel = small().double()(LR.double())
    np.testing.assert_allclose(kernel[0, 0, 5, 4:7].numpy(), STORED["kernel"], rtol=1e-6)
    np.testing.assert_allclose(sr[0, :, 21, 30].numpy(), STORED["sr"], rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 16)])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@torch.no_grad()
def test_any_size_and_scale(size, scale):
    network = small(scale=scale)
    lr = torch.rand(2, 3, *size)
    sr, estimate = network.restore(lr)
    assert sr.shape == (2, 3, scale * size[0], scale * size[1])
    assert estimate.blur.shape == (2, 1, *sr.shape[-2:])
    assert estimate.kernels.shape == (2, 121, *size)
    torch.testing.assert_close(estimate.kernels.sum(dim=1), torch.ones(2, *size))
    assert torch.equal(network.estimate(lr).blur, estimate.blur)


@torch.no_grad()
def test_images_of_a_batch_do_not_mix():
    network = small().double()
    both = torch.cat([LR, LR.flip(3)]).double()
    sr, kernel = network(both)
    for index in range(2):
        alone = network(both[index : index + 1])
        torch.testing.assert_close(alone[0], sr[index : index + 1])
        torch.testing.assert_close(alone[1], kernel[index : index + 1])


@torch.no_grad()
def test_bfloat16_is_near_and_transforms_in_float32():
    network = small()
    exact, kernel = network(LR)
    with torch.autocast("cpu", torch.bfloat16):
        sr, found = network(LR)
    assert found.dtype == torch.float32
    assert (found - kernel).abs().max() < 0.1 * kernel.abs().max()
    assert (sr.float() - exact).abs().max() < 0.1


@torch.no_grad()
def test_the_deconvolution_takes_a_blur_back():
    """Where the smoothness filters are 0 it is the inverse of the blur."""
    layer = Deconvolution(8, 11).double()
    feature = image("dcls:feature", (1, 2, 40, 44)).double()
    kernel = kernel_map(torch.full((1, 1, 1, 1), 0.9).double(), 2.5).view(1, 1, 11, 11)
    flat = torch.nn.functional.pad(feature, (11,) * 4, mode="replicate")
    spread = torch.nn.functional.pad(flat, (5,) * 4, mode="circular")
    blurred = torch.nn.functional.conv2d(spread.transpose(0, 1), kernel).transpose(0, 1)
    layer.edge = 0
    found = layer._solve(blurred, kernel, torch.zeros(1, 2, 3, 3).double())
    torch.testing.assert_close(found, flat, atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_kernel_in_lr_space_tells_the_sigma_in_hr_pixels():
    """A blur of 4 HR pixels is one of about 1 LR pixel."""
    kernel = kernel_map(torch.full((1, 1, 1, 1), 1.0), 2.5).view(1, 1, 11, 11)
    estimate = DCLS(**SMALL, sigma_max=15.0).described(kernel, LR)
    assert estimate.blur.shape == (1, 1, 36, 48)
    torch.testing.assert_close(estimate.blur, torch.full((1, 1, 36, 48), 4.0), atol=0.05, rtol=0)


@pytest.mark.parametrize("downsampler", ["area", "bicubic"])
def test_the_target_is_the_kernel_between_two_lr_images(downsampler):
    hr = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    kernel = kernel_map(torch.full((1, 1, 1, 1), 5.0), 5.0).view(1, 1, 21, 21)
    wide = torch.nn.functional.pad(hr.transpose(0, 1), (10,) * 4, mode="circular")
    blurred = torch.nn.functional.conv2d(wide, kernel).transpose(0, 1)
    lr, clean = (downsample(x, 4, downsampler) for x in (blurred, hr))
    target = dcls_kernel_target(lr, clean, 11)
    assert target.shape == (1, 1, 11, 11)
    assert target.sum().item() == pytest.approx(1)
    estimate = DCLS(**SMALL).described(target, lr)
    assert estimate.blur.mean().item() == pytest.approx(5.0, abs=1.0)


def test_what_has_no_target_is_refused():
    with pytest.raises(DataError, match="lr: 16 x 8 pixels, expected at least 11 x 11"):
        dcls_kernel_target(torch.rand(1, 3, 8, 16), torch.rand(1, 3, 8, 16), 11)
    with pytest.raises(DataError, match="clean: shape"):
        dcls_kernel_target(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 12), 11)


def test_a_kernel_that_sums_to_nothing_stops_a_training():
    network = small().train()
    with torch.no_grad():
        for parameter in network.Estimator.dec[3].parameters():
            parameter.zero_()
    with pytest.raises(DataError, match="taps sum to 0") as caught:
        network(LR)
    assert "\n" not in str(caught.value)


def test_the_restorer_does_not_teach_the_estimator():
    network = small().train()
    sr, kernel = network(LR)
    sr.sum().backward(retain_graph=True)
    assert all(p.grad is None for p in network.Estimator.parameters())
    kernel.square().sum().backward()
    assert all(p.grad is not None for p in network.Estimator.parameters())


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"kernel_size": 13}, "kernel_size: 13, expected one of 11, 21, 31"),
        ({"features": 6}, "features: 6, expected a multiple of 4"),
        ({"groups": 0}, "groups: 0, expected at least 1"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(changes, part):
    with pytest.raises(ConfigError, match=re.escape(part)):
        DCLS(**SMALL | changes)


@pytest.mark.parametrize(("scale", "kernel_size"), [(2, 11), (4, 21), (4, 31)])
def test_released_files_are_opened_and_converted(scale, kernel_size, tmp_path, capsys):
    network = small(scale=scale, kernel_size=kernel_size)
    path = tmp_path / "DCLSx4.pth"
    torch.save({f"module.{n}": t for n, t in network.state_dict().items()}, path)
    file = read_network(path)
    assert (file.kind, file.official, file.settings["kernel_size"]) == ("dcls", True, kernel_size)
    other = DCLS(**SMALL | {"scale": scale, "kernel_size": kernel_size})
    load_official(other, path)
    out, again = tmp_path / "dcls.safetensors", tmp_path / "again.pth"
    assert main(["convert", "official", str(path), "-o", str(out)]) == 0
    assert main(["convert", "export", str(out), "-o", str(again)]) == 0
    capsys.readouterr()
    assert torch.load(again, weights_only=True).keys() == network.state_dict().keys()
    model = blindsr.load(out, device="cpu")
    lr = LR[0].permute(1, 2, 0).contiguous().numpy()
    with torch.no_grad():
        sr, estimate = network.restore(LR)
    np.testing.assert_allclose(model.upscale(lr), sr[0].permute(1, 2, 0), atol=1e-4)
    np.testing.assert_allclose(model.estimate(lr).blur, estimate.blur[0, 0], atol=1e-3)


def test_the_command_upscales_and_estimates_with_it(tmp_path, capsys):
    path, photo = tmp_path / "DCLSx4.pth", tmp_path / "photo.png"
    torch.save(small().state_dict(), path)
    Image.fromarray((255 * LR[0].permute(1, 2, 0).numpy()).astype(np.uint8)).save(photo)
    for words in (
        ["upscale", str(photo), "--model", str(path)],
        ["estimate", str(path), str(photo)],
    ):
        out = tmp_path / words[0]
        assert main([*words, "-o", str(out)]) == 0, capsys.readouterr().err
        assert any(out.iterdir())


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path):
    state = small().state_dict()
    with pytest.raises(WeightsError, match="shape") as caught:
        load_official(DCLS(**SMALL | {"kernel_size": 21}), state)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="group_skip: 'residual'"):
        load_official(DCLS(**SMALL, group_skip="residual"), state)
    del state["Estimator.tail.4.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match=re.escape("Estimator.tail.4.weight")) as caught:
        read_network(tmp_path / "part.pth")
    assert "\n" not in str(caught.value)
