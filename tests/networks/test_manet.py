"""MANet, its restorer and both together: what they say and are told, and their released files.

The stored numbers come from the implementation that met the released networks to 2e-6
(test_manet_golden.py), so that a change of the network shows where those files are not.
"""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.golden.recipe import fill, image

import blindsr
from blindsr.cli.app import main
from blindsr.degradation import kernel_map
from blindsr.errors import ConfigError, DataError, WeightsError
from blindsr.imaging.resize import upsample
from blindsr.losses import kernel_l1
from blindsr.networks import RRDBSFTPCA, BlindSR, MANet, MANetSR
from blindsr.networks.roles import EstimatorNetwork
from blindsr.types import Estimate
from blindsr.weights import load_official, read_network

SMALL = {"kernel_size": 9, "features": (8, 16)}
TOLD = {"code_length": 3, "kernel_size": 9, "blocks": 1, "features": 8, "growth": 4}
LR = image("manet:lr", (1, 3, 7, 9))
STORED = {
    "kernel": [0.00385779155, 0.00739576305, 0.00811067157],
    "sr": [-0.164458858, -0.320866632, 0.19717738],
    "one_kernel": [-0.16600357, -0.320403398, 0.196486739],
}


def drawn(network):
    """Every tensor drawn from its name."""
    network.load_state_dict({n: fill(n, t.shape) for n, t in network.state_dict().items()})
    return network.eval()


def pipeline(**changes):
    parts = drawn(MANet(**SMALL | changes)), drawn(RRDBSFTPCA(**TOLD | changes))
    return MANetSR(*parts).eval()


@torch.no_grad()
def test_the_stored_numbers():
    sr, kernels = pipeline().double()(LR.double())
    np.testing.assert_allclose(kernels[0, 30:33, 5, 7].numpy(), STORED["kernel"], rtol=1e-6)
    np.testing.assert_allclose(sr[0, :, 21, 30].numpy(), STORED["sr"], rtol=1e-6)
    one = drawn(RRDBSFTPCA(**TOLD)).double()
    kernel = (9 * image("manet:kernel", (1, 1, 9, 9))).double().flatten(1).softmax(dim=1)
    sr = one(LR.double(), kernel.view(1, 9, 9))
    np.testing.assert_allclose(sr[0, :, 21, 30].numpy(), STORED["one_kernel"], rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 17)])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@torch.no_grad()
def test_any_size_and_scale(size, scale):
    network = pipeline(scale=scale)
    lr = torch.rand(2, 3, *size)
    sr, kernels = network(lr)
    assert sr.shape == (2, 3, scale * size[0], scale * size[1])
    assert kernels.shape == (2, 81, *size)
    torch.testing.assert_close(kernels.sum(dim=1), torch.ones(2, *size))
    estimate = network.estimate(lr)
    assert estimate.blur.shape == (2, 1, *sr.shape[-2:])
    assert torch.equal(estimate.kernels, kernels)


@torch.no_grad()
def test_bfloat16_is_near():
    network = pipeline()
    exact, kernels = network(LR)
    with torch.autocast("cpu", torch.bfloat16):
        sr, found = network(LR)
    assert (found - kernels).abs().max() < 0.3 * kernels.std()
    assert (sr.float() - exact).abs().max() < 0.1 * exact.std()


def test_several_blocks_at_each_level():
    network = MANet(**SMALL, blocks=2)
    names = {name.rsplit(".", 1)[0] for name in network.state_dict()}
    assert {"m_body.1.res.2.conv1", "m_down1.2", "m_up1.2.res.0.fc0.0"} <= names
    assert network(LR).shape == (1, 81, 7, 9)


@pytest.mark.parametrize("phase", [0.0, 1.5])
@torch.no_grad()
def test_the_sigma_of_kernels_lies_in_the_phase_of_the_data(phase):
    sigma = 0.2 + 1.7 * image("manet:sigma", (1, 1, 5, 6))
    network = MANet(**SMALL, phase=phase)
    blur = network.described(kernel_map(sigma, 2.0)).blur
    expected = upsample(sigma, 4, phase=phase, method="bilinear")
    torch.testing.assert_close(blur, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("phase", [0.0, 1.5])
@torch.no_grad()
def test_a_sigma_map_is_read_where_lr_pixels_lie(phase):
    """A plane of sigma, read at 4i + phase, is told as its kernels are."""
    network = drawn(RRDBSFTPCA(**TOLD, phase=phase))

    def plane(rows, columns):
        return (0.03 * rows[:, None] + 0.02 * columns).float()[None, None]

    blur = plane(torch.arange(28), torch.arange(36))
    sigma = plane(4 * torch.arange(7) + phase, 4 * torch.arange(9) + phase)
    told = network(LR, kernel_map(sigma, 2.0))
    torch.testing.assert_close(network(LR, blur=blur), told, atol=1e-4, rtol=1e-4)
    assert torch.equal(network(LR, blur, None), network(LR, blur=blur))


@torch.no_grad()
def test_one_kernel_per_image_is_the_same_in_every_pixel():
    network = drawn(RRDBSFTPCA(**TOLD))
    kernel = torch.rand(1, 9, 9)
    everywhere = kernel.view(1, 81, 1, 1).expand(1, 81, 7, 9)
    torch.testing.assert_close(network(LR, kernel), network(LR, everywhere))


def test_the_estimator_gets_no_gradient():
    network = pipeline().train()
    assert not network.estimator.training
    network(LR)[0].sum().backward()
    assert all(p.grad is None for p in network.estimator.parameters())
    assert all(p.grad is not None for p in network.restorer.parameters())


class Constant(EstimatorNetwork):
    estimates = ("blur",)

    def __init__(self, scale: int = 4):
        super().__init__()
        self.scale = scale

    def forward(self, lr):
        n, _, h, w = lr.shape
        return Estimate(blur=torch.full((n, 1, self.scale * h, self.scale * w), 1.5))


@torch.no_grad()
def test_the_restorer_also_follows_an_estimator_of_sigma():
    restorer = drawn(RRDBSFTPCA(**TOLD))
    sr, _ = BlindSR(Constant(), restorer)(LR)
    kernel = kernel_map(torch.full((1, 1, 1, 1), 1.5), 2.0).view(1, 9, 9)
    torch.testing.assert_close(sr, restorer(LR, kernel))


def test_the_loss_is_that_of_the_release_at_hr():
    estimate, target = torch.rand(2, 9, 3, 4), torch.rand(2, 9, 1, 1)
    at_hr = estimate.repeat_interleave(4, 2).repeat_interleave(4, 3)
    released = (1e4 * at_hr - 1e4 * target).abs().mean() / (12 * 16)
    torch.testing.assert_close(kernel_l1(estimate, target, weight=1e4 / (12 * 16)), released)
    with pytest.raises(DataError, match=r"kernels: shape \(2, 9, 3, 1\)"):
        kernel_l1(estimate, torch.rand(2, 9, 3, 1))


@pytest.mark.parametrize(
    ("made", "part"),
    [
        (lambda: MANet(kernel_size=8), "kernel_size: 8, expected an odd number"),
        (lambda: MANet(features=(6, 8)), "features: 6 and 8, expected two multiples of 4"),
        (lambda: MANet(blocks=0), "blocks: 0, expected at least 1"),
        (lambda: RRDBSFTPCA(code_length=1000), "code_length: 1000"),
        (lambda: MANetSR(MANet(scale=2), RRDBSFTPCA(**TOLD)), "an estimator of x2, expected x4"),
        (
            lambda: MANetSR(MANet(kernel_size=5), RRDBSFTPCA(**TOLD)),
            "an estimator of 5 x 5 kernels, expected 9 x 9",
        ),
        (lambda: MANet(**SMALL)(LR[0]), r"lr: shape (3, 7, 9), expected (N, 3, h, w)"),
        (lambda: RRDBSFTPCA(**TOLD)(LR), "kernel: none, expected (1, 81, 7, 9) or (1, 9, 9) or"),
        (lambda: RRDBSFTPCA(**TOLD)(LR, LR), "kernel: shape (1, 3, 7, 9), expected"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(made, part):
    with pytest.raises((ConfigError, DataError)) as caught:
        made()
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def released_files(scale, folder):
    """The three stages' networks and files, with the names of the release."""
    network = pipeline(scale=scale)
    first = {f"kernel_estimation.{n}": t for n, t in network.estimator.state_dict().items()}
    second = network.restorer.state_dict()
    states = {"stage1": first, "stage2": second, "stage3": {**first, **second}}
    for name, state in states.items():
        torch.save({f"module.{n}": t for n, t in state.items()}, folder / f"{name}.pth")
    return {"stage1": network.estimator, "stage2": network.restorer, "stage3": network}


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("stage", ["stage1", "stage2", "stage3"])
def test_released_files_are_opened_and_converted(stage, scale, tmp_path, capsys):
    network, path = released_files(scale, tmp_path)[stage], tmp_path / f"{stage}.pth"
    file = read_network(path)
    kinds = {"stage1": "manet", "stage2": "rrdb_sft_pca", "stage3": "blind"}
    assert (file.kind, file.official) == (kinds[stage], True)
    other = file.network()
    load_official(other, path)
    loaded = other.state_dict()
    assert all(torch.equal(loaded[name], t) for name, t in network.state_dict().items())
    out, again = tmp_path / "ours.safetensors", tmp_path / "again.pth"
    assert main(["convert", "official", str(path), "-o", str(out)]) == 0
    assert main(["convert", "export", str(out), "-o", str(again)]) == 0
    capsys.readouterr()
    back, there = torch.load(again, weights_only=True), torch.load(path, weights_only=True)
    assert back.keys() == {name.removeprefix("module.") for name in there}


@torch.no_grad()
def test_a_model_of_all_stages_upscales_and_estimates(tmp_path, capsys):
    network, path = released_files(4, tmp_path)["stage3"], tmp_path / "stage3.pth"
    model = blindsr.load(path, device="cpu")
    assert "MANet" in model.title
    lr = LR[0].permute(1, 2, 0).contiguous().numpy()
    np.testing.assert_allclose(model.estimate(lr).blur, network.estimate(LR).blur[0, 0], atol=1e-4)
    Image.fromarray((255 * lr).astype(np.uint8)).save(tmp_path / "photo.png")
    for words in (["upscale", "--model", str(path)], ["estimate", str(path)]):
        out = tmp_path / words[0]
        assert main([*words, str(tmp_path / "photo.png"), "-o", str(out)]) == 0
        capsys.readouterr()
        assert any(out.iterdir())


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path):
    released_files(4, tmp_path)
    with pytest.raises(WeightsError, match="unknown") as caught:
        load_official(MANet(**SMALL), tmp_path / "stage3.pth")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="residual: 1"):
        load_official(RRDBSFTPCA(**TOLD, residual=1.0), tmp_path / "stage2.pth")
    state = torch.load(tmp_path / "stage1.pth", weights_only=True)
    del state["module.kernel_estimation.m_tail.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="m_tail") as caught:
        read_network(tmp_path / "part.pth")
    assert "\n" not in str(caught.value)
