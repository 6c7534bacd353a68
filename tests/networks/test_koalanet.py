"""KOALAnet: kernels of every pixel, local filters, released files by TensorFlow's names.

The stored numbers come from the implementation that met the released networks to 3e-7
(test_koalanet_golden.py), so that a change of the network shows where those files are not.
"""

import numpy as np
import pytest
import torch
from tests.golden.recipe import fill, image
from tests.helpers.make_tensorflow import write_tensorflow
from torch.nn.functional import unfold

import blindsr
from blindsr.cli.app import main
from blindsr.degradation import gather_blur, kernel_map
from blindsr.degradation.koalanet import local_down
from blindsr.errors import ConfigError, DataError
from blindsr.networks import KOALAnet
from blindsr.networks.blocks.local_filter import depth_to_space, local_filter, summing_to_one
from blindsr.networks.koalanet import to_tensorflow
from blindsr.weights import load_official, read_network

LR = image("koalanet:lr", (1, 3, 7, 9))
STORED = {
    2: [-2.37783641, 3.086912584, -0.571582379, 0.017106196, 0.010183477],
    4: [0.345832812, 1.272986204, -0.189011626, 0.017106196, 0.010183477],
}


def small(**changes):
    """Every tensor drawn from its name; the kernels small beside their mean."""
    network = KOALAnet(**{"down_kernel": 9, "features": 8} | changes)
    state = {name: fill(name, tensor.shape) for name, tensor in network.state_dict().items()}
    for name in ("SISR_DDF.conv2d_1.weight", "SISR_DDF.conv2d_1.bias"):
        state[name] = 0.02 * state[name]
    network.load_state_dict(state)
    return network.eval()


@pytest.mark.parametrize("scale", [2, 4])
@torch.no_grad()
def test_the_stored_numbers(scale):
    sr, kernels = small(scale=scale).double()(LR.double())
    ours = [*sr[0, :, 5, 7].tolist(), *kernels[0, 39:41, 3, 4].tolist()]
    np.testing.assert_allclose(ours, STORED[scale], rtol=1e-5)


@torch.no_grad()
def test_kernels_sum_to_one_and_features_follow_them():
    network = small()
    raw = network.raw_kernels(LR)
    torch.testing.assert_close(network(LR)[1].sum(dim=1), torch.ones(1, 7, 9))
    plain = network.restored(LR, None)
    assert (network.restored(LR, raw) - plain).abs().max() > 1e-3
    torch.testing.assert_close(network.restored(LR, raw), network(LR)[0])


def test_local_filters_are_those_of_unfolded_images():
    draw = torch.Generator().manual_seed(0)
    feature, weights = (torch.randn(2, c, 5, 6, generator=draw).double() for c in (3, 25))
    columns = unfold(feature, 5, padding=2).view(2, 3, 25, 5, 6)
    expected = (columns * weights[:, None]).sum(dim=2)
    torch.testing.assert_close(local_filter(feature, weights), expected)
    torch.testing.assert_close(summing_to_one(weights).sum(dim=1), torch.ones(2, 5, 6).double())


def test_depth_to_space_has_the_channels_of_tensorflow():
    feature = torch.arange(8.0).view(1, 8, 1, 1)  # (fy * 2 + fx) * 2 + c
    expected = torch.tensor([[[0.0, 2.0], [4.0, 6.0]], [[1.0, 3.0], [5.0, 7.0]]])
    assert torch.equal(depth_to_space(feature, 2)[0], expected)


@pytest.mark.parametrize("border", ["zero", "replicate"])
def test_kernels_of_the_data_make_its_lr(border):
    """Away from the border; the windows are odd, so that LR pixel i lies at HR pixel 4 i."""
    hr, sigma = torch.rand(1, 3, 32, 40), torch.full((1, 1, 32, 40), 1.3)
    expected = gather_blur(hr, sigma, sigma_max=2.0)[..., ::4, ::4]
    kernels = kernel_map(sigma[..., ::4, ::4], 2.0)
    found = local_down(hr, kernels, 4, border=border)
    inner = (..., slice(2, -2), slice(2, -2))
    # the gather operator blends levels; a shift by one HR pixel would be off by more than 0.1
    torch.testing.assert_close(found[inner], expected[inner], atol=2e-3, rtol=0)
    with pytest.raises(DataError, match="8x9 of them"):
        local_down(hr, kernels[..., :9], 4)
    with pytest.raises(ConfigError, match="border: 'mirror'"):
        local_down(hr, kernels, 4, border="mirror")


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 4)])
@pytest.mark.parametrize(("scale", "taps"), [(2, 9), (4, 9), (4, 20)])
@torch.no_grad()
def test_any_size(size, scale, taps):
    network = KOALAnet(scale, taps, features=4).eval()
    lr = torch.rand(2, 3, *size)
    sr, estimate = network.restore(lr)
    hr = (scale * size[0], scale * size[1])
    assert sr.shape == (2, 3, *hr)
    assert estimate.blur.shape == (2, 1, *hr)
    assert estimate.kernels.shape == (2, taps**2, *size)
    assert torch.equal(network.estimate(lr).blur, estimate.blur)


@torch.no_grad()
def test_bfloat16_is_near():
    network = small()
    exact = network(LR)[0]
    with torch.autocast("cpu", torch.bfloat16):
        sr, estimate = network.restore(LR)
    assert (sr.float() - exact).abs().max() < 0.1 * exact.std()
    assert torch.isfinite(estimate.blur).all()


@torch.no_grad()
@pytest.mark.parametrize("taps", [21, 20])
def test_the_sigma_of_kernels(taps):
    """Negative taps are left out; a window of 20 taps has its centre between two."""
    sigma = torch.linspace(1, 3, 6).view(6, 1, 1, 1).expand(-1, -1, 3, 4)
    kernels = kernel_map(sigma, 5.0)
    if taps == 20:
        centre = torch.arange(20.0) - 9.5
        window = torch.exp(-0.5 * (centre.view(1, 20, 1, 1) / sigma).square())
        window = window / window.sum(dim=1, keepdim=True)
        kernels = (window[:, :, None] * window[:, None]).flatten(1, 2)
    kernels[:, 0] = -0.001
    estimate = KOALAnet(4, taps, features=4).described(kernels)
    assert estimate.blur.shape == (6, 1, 12, 16)
    expected = sigma[..., :1, :1].expand_as(estimate.blur)
    torch.testing.assert_close(estimate.blur, expected, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"scale": 3}, "scale: 3, expected 2 or 4"),
        ({"up_kernel": 4}, "up_kernel: 4, expected an odd number"),
        ({"features": 6}, "features: 6, expected a multiple of 4"),
        ({"down_kernel": 1}, "down_kernel: 1, expected 3 or more"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(changes, part):
    with pytest.raises(ConfigError) as caught:
        KOALAnet(**changes)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("form", ["checkpoint", "npz"])
def test_released_files_are_opened_and_converted(scale, form, tmp_path, capsys):
    network = small(scale=scale, down_kernel=20)
    state = to_tensorflow(network.state_dict())
    other = KOALAnet(scale, features=8)
    load_official(other, {f"{name}:0": tensor for name, tensor in state.items()})
    assert torch.equal(other(LR)[0], network(LR)[0])
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    arrays |= {"beta1_power": np.float32(0.9), "SISR_DDF/conv2d/kernel/Adam": np.zeros(3, "f4")}
    if form == "checkpoint":
        path = write_tensorflow(tmp_path / "model-5", arrays)
    else:
        path = tmp_path / "model.npz"
        np.savez(path, **arrays)
    file = read_network(path)
    assert file.official
    assert (file.settings["scale"], file.settings["down_kernel"]) == (scale, 20)
    out = tmp_path / "koalanet.safetensors"
    assert main(["convert", "official", str(path), "-o", str(out)]) == 0
    back = tmp_path / "back.pth"
    assert main(["convert", "export", str(out), "-o", str(back)]) == 0
    capsys.readouterr()
    stored = torch.load(back, weights_only=True)
    assert stored.keys() == state.keys()
    assert all(torch.equal(stored[name], state[name]) for name in state)
    model = blindsr.load(out, device="cpu")
    with torch.no_grad():
        expected = network(LR)[0][0].permute(1, 2, 0).clamp(0, 1).numpy()
    found = model.upscale(LR[0].permute(1, 2, 0).contiguous().numpy())
    np.testing.assert_allclose(found, expected, atol=1e-4)
