"""DAN: its turns, what it says of the blur, and the released files of both versions.

The stored numbers come from the implementation that met the released networks to 2e-7
(test_dan_golden.py), so that a change of the network shows where those files are not.
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
from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import DAN
from blindsr.weights import load_official, read_network

SMALL = {"kernel_size": 9, "code_length": 3, "loops": 3, "blocks": 2, "groups": 2, "features": 8}
LR = image("dan:lr", (1, 3, 7, 9))
STORED = {
    1: {
        "last": [-0.144356639, 0.317587859, -0.206882338],
        "first": [-0.166404832, 0.242894976, -0.157397703],
        "code": [0.150967707, 0.484473638, 0.187116461],
    },
    2: {
        "last": [0.100086734, -3.014694671, 0.111161603],
        "first": [-0.355427223, -2.779231173, -0.149084613],
        "code": [-0.010547875, -0.000326451, 0.002308364],
        "kernel": [0.012437957, 0.009426623, 0.001749266],
    },
}


def small(version, **changes):
    """Every tensor drawn from its name, but for the buffers that depend on each other."""
    network = DAN(version, **SMALL | changes)
    state = network.state_dict()
    drawn = {name: fill(name, tensor.shape) for name, tensor in state.items()}
    drawn |= {"init_kernel": state["init_kernel"]}
    centre = state["init_kernel"].flatten().argmax()
    drawn["init_ker_map"] = drawn["encoder"][:, centre]
    network.load_state_dict(drawn)
    return network.eval()


@pytest.mark.parametrize("version", [1, 2])
@torch.no_grad()
def test_the_stored_numbers(version):
    found = small(version).double()(LR.double())
    for name, value in STORED[version].items():
        ours = {"last": found.sr[-1][0, :, 5, 7], "first": found.sr[0][0, :, 5, 7]}
        ours["code"] = found.code[-1][0]
        if found.kernel is not None:
            ours["kernel"] = found.kernel[-1][0, 11:14]
        np.testing.assert_allclose(ours[name].numpy(), value, rtol=1e-5, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("version", [1, 2])
def test_no_gradient_flows_from_turn_to_turn(version):
    network = small(version)
    found = network(LR)
    assert len(found.sr) == len(found.code) == 3
    found.sr[-1].sum().backward()
    assert all(p.grad is None for p in network.Estimator.parameters())
    network.zero_grad(set_to_none=True)
    network(LR).code[-1].sum().backward()
    assert all(p.grad is None for p in network.Restorer.parameters())


def test_the_first_turn_is_told_a_dirac():
    network = DAN(**SMALL)
    told = network.init_kernel.flatten() @ network.encoder[0]
    torch.testing.assert_close(network.init_ker_map[0], told)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 4)])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@torch.no_grad()
def test_any_size_and_scale(version, size, scale):
    network = small(version, scale=scale, loops=2)
    lr = torch.rand(2, 3, *size)
    sr, estimate = network.restore(lr)
    hr = (scale * size[0], scale * size[1])
    assert sr.shape == (2, 3, *hr)
    assert estimate.blur.shape == (2, 1, *hr)
    assert estimate.kernels.shape == (2, 81, *size)
    assert torch.equal(sr, network(lr).sr[-1])


@pytest.mark.parametrize("version", [1, 2])
@torch.no_grad()
def test_bfloat16_is_near(version):
    network = small(version)
    exact = network(LR)
    with torch.autocast("cpu", torch.bfloat16):
        sr, estimate = network.restore(LR)
    spread = exact.sr[-1].std()
    assert (sr.float() - exact.sr[-1]).abs().max() < 0.1 * spread
    assert torch.isfinite(estimate.blur).all()


@torch.no_grad()
def test_the_sigma_of_a_kernel_is_told_in_every_pixel():
    """A kernel of the data, and in version 1 its code, give back their sigma."""
    sigma = torch.tensor([1.1, 1.8]).view(2, 1, 1, 1)
    kernels = kernel_map(sigma, 2.0).flatten(1)
    lr = torch.rand(2, 3, 4, 5)
    for version in (1, 2):
        network = DAN(version, **SMALL | {"code_length": 8})
        found = network(lr)
        code = kernels @ network.encoder[0]
        kernel = None if version == 1 else [kernels]
        estimate = network.described(found._replace(code=[code], kernel=kernel), lr)
        assert estimate.blur.shape == (2, 1, 16, 20)
        expected = sigma.expand_as(estimate.blur)
        torch.testing.assert_close(estimate.blur, expected, atol=0.05, rtol=0)


@torch.no_grad()
def test_a_group_may_add_its_input_as_the_paper_draws_it():
    doubled, added = (small(2, group_skip=skip) for skip in ("double", "residual"))
    group, other = doubled.Restorer.body[0], added.Restorer.body[0]
    x, y = torch.rand(1, 8, 3, 3), torch.rand(1, 8, 1, 1)
    twice, whole = group(x, y), other(x, y)
    for of_two, of_sum, start in zip(twice, whole, (x, y), strict=True):
        torch.testing.assert_close(of_two / 2 + start, of_sum)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"version": 3}, "version: 3, expected 1 or 2"),
        ({"loops": 0}, "loops: 0"),
        ({"kernel_size": 8}, "kernel_size: 8, expected an odd number"),
        ({"code_length": 100}, "code_length: 100"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(changes, part):
    with pytest.raises(ConfigError) as caught:
        DAN(**{"version": 1, **SMALL} | changes)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("scale", [2, 4])
def test_released_files_are_opened_and_converted(version, scale, tmp_path, capsys):
    network = small(version, scale=scale, loops=4)
    path = tmp_path / "DANv1_x4.pth"
    torch.save({f"module.{n}": t for n, t in network.state_dict().items()}, path)
    file = read_network(path)
    assert (file.official, file.settings["version"], file.settings["scale"]) == (
        *(True, version, scale),
    )
    other = DAN(version, **SMALL | {"scale": scale})
    load_official(other, path)
    assert torch.equal(other(LR).sr[0], network(LR).sr[0])
    out, again = tmp_path / "dan.safetensors", tmp_path / "again.pth"
    assert main(["convert", "official", str(path), "-o", str(out)]) == 0
    assert main(["convert", "export", str(out), "-o", str(again)]) == 0
    capsys.readouterr()
    back = torch.load(again, weights_only=True)
    assert back.keys() == network.state_dict().keys()
    model = blindsr.load(out, device="cpu")
    lr = LR[0].permute(1, 2, 0).contiguous().numpy()
    with torch.no_grad():
        sr, estimate = network.restore(LR)
    expected = sr[0].permute(1, 2, 0).clamp(0, 1).numpy()
    np.testing.assert_allclose(model.upscale(lr), expected, atol=1e-4)
    np.testing.assert_allclose(model.estimate(lr).blur, estimate.blur[0, 0], atol=1e-4)


def test_the_command_upscales_and_estimates_with_it(tmp_path, capsys):
    path = tmp_path / "DANv2_x4.pth"
    torch.save(small(2, loops=4).state_dict(), path)
    photo = tmp_path / "photo.png"
    Image.fromarray((255 * LR[0].permute(1, 2, 0).numpy()).astype(np.uint8)).save(photo)
    for words in (
        ["upscale", str(photo), "--model", str(path)],
        ["estimate", str(path), str(photo)],
    ):
        out = tmp_path / words[0]
        assert main([*words, "-o", str(out)]) == 0, capsys.readouterr().err
        assert any(out.iterdir())


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path):
    state = small(1).state_dict()
    with pytest.raises(WeightsError, match="missing") as caught:
        load_official(DAN(2, **SMALL), state)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="group_skip: 'residual'"):
        load_official(DAN(2, **SMALL, group_skip="residual"), small(2).state_dict())
    del state["encoder"]
    path = tmp_path / "part.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=re.escape("encoder")) as caught:
        read_network(path)
    assert "\n" not in str(caught.value)
