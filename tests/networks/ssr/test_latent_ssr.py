"""SSR around a frozen latent diffusion: the wiring, with random tiny weights and no net."""

import copy
import shutil

import pytest
import torch
from tests.helpers.tiny_diffusion import save_tiny_diffusion
from torch import nn

from blindsr.errors import ConfigError, FileError, WeightsError
from blindsr.networks.ssr import frozen_diffusion
from blindsr.networks.ssr.constrained import known
from blindsr.networks.ssr.frozen_diffusion import FILES, FrozenDiffusion
from blindsr.networks.ssr.latent_ssr import LatentSSR

SMALL = {"kernel_width": 8, "kernel_blocks": 1, "iterations": 0, "width": 4, "steps": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("diffusers")
    return save_tiny_diffusion(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="module")
def frozen(folder):
    return FrozenDiffusion.from_folder(folder)


@pytest.fixture
def network(frozen):
    torch.manual_seed(0)
    return LatentSSR(frozen, **SMALL).eval()


def awake(network):
    """AMF says something."""
    draw = torch.Generator().manual_seed(0)
    for parameter in network.amf.parameters():
        if not parameter.any():
            parameter.data.normal_(std=0.3, generator=draw)
    return network


def picture(height=16, width=16):
    draw = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 4, 5, generator=draw)
    return nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


MAPS = known(torch.full((1, 1, 64, 64), 2.0), torch.linspace(0, 1, 64).expand(1, 1, 64, 64))
STEP = torch.tensor([2])


def test_the_frozen_networks_are_frozen_and_in_no_checkpoint(network):
    frozen = network.frozen
    network.train()
    assert not any(module.training for module in frozen.modules())
    assert not any(p.requires_grad for p in frozen.parameters())
    shared = {id(p) for p in frozen.parameters()}
    assert not shared & {id(p) for p in network.parameters()}
    assert {n.partition(".")[0] for n in network.state_dict()} == {"svkr", "amf", "ladder", "rmse"}
    assert copy.deepcopy(network).frozen is frozen
    network.double()
    assert frozen.unet.dtype == torch.float64, "it follows the network"
    network.float()


def test_residuals_enter_at_every_level_and_learn(network):
    awake(network)
    given = network._given(picture(), MAPS)
    pyramid = network.ladder(network.amf(given, STEP))
    assert [tuple(r.shape) for r in pyramid] == [(1, 16, 32, 32), (1, 32, 16, 16)]
    x = torch.randn(1, 4, 32, 32)
    level = network.sampler.schedule.level(STEP)
    plain = network.frozen.predict(x, level, [torch.zeros_like(r) for r in pyramid])
    for index in range(2):
        alone = [r if i == index else torch.zeros_like(r) for i, r in enumerate(pyramid)]
        assert (network.frozen.predict(x, level, alone) - plain).abs().max() > 1e-5
    hr = picture(64, 64)
    network.noise_error(hr, picture(), MAPS, STEP, x).square().mean().backward()
    learns = {n for n, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    inside = {n for n, _ in network.named_parameters() if n.startswith(("amf.", "ladder."))}
    assert learns == inside
    assert all(p.grad is None for p in network.frozen.parameters())


def test_an_untrained_amf_changes_nothing(network):
    pyramid = network.ladder(network.amf(network._given(picture(), MAPS), STEP))
    assert not any(residual.any() for residual in pyramid)


def test_the_result_explains_lr_whatever_the_vae_does(network):
    lr = picture()
    operator = network.operator_of(MAPS)
    network.uncertainty = False
    with torch.no_grad():
        found = {c: network.sample(lr, MAPS, constraint=c) for c in ("none", "last", "every")}
        again = network.sample(lr, MAPS, constraint="every")
        other = network.sample(lr, MAPS, constraint="every", seed=1)
    off = {name: float((operator(sr) - lr).square().mean()) for name, sr in found.items()}
    assert max(off["every"], off["last"]) < 0.1 * off["none"]
    assert torch.equal(found["every"], again)
    assert not torch.equal(found["every"], other)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_schedule_takes_back_its_own_noise(frozen, prediction, monkeypatch):
    monkeypatch.setattr(frozen, "prediction", prediction)
    schedule = LatentSSR(frozen, **SMALL).sampler.schedule
    latent, noise = torch.randn(2, 1, 4, 8, 8)
    for t in (torch.tensor([1]), STEP):
        x = schedule.add(latent, t, noise)
        target = schedule.target(latent, t, noise)
        torch.testing.assert_close(schedule.latent(x, target, t), latent, atol=1e-4, rtol=0)
    monkeypatch.setattr(frozen, "encode", lambda _: latent)
    before = schedule.posterior(schedule.add(latent, STEP, noise), picture(16, 16), 2, noise)
    wanted = schedule.add(latent, torch.tensor([1]), noise)
    torch.testing.assert_close(before, wanted, atol=1e-4, rtol=0)


def test_pictures_of_any_size_and_large_ones_in_windows(network):
    sr, estimate = awake(network).restore(picture(9, 7))
    assert sr.shape == (1, 3, 36, 28)
    assert estimate.blur.shape == (1, 1, 36, 28)
    x, given = torch.randn(1, 4, 20, 96), None
    seen = []

    def predict(window, level, pyramid):
        seen.append((window.shape[3], pyramid[1].shape[3]))
        return window * 2

    told = known(torch.full((1, 1, 40, 192), 2.0))
    given = network._given(picture(10, 48), told)
    network.frozen.predict, kept = predict, network.frozen.predict
    try:
        with torch.no_grad():
            made = network._predicted(x, given, STEP)
    finally:
        network.frozen.predict = kept
    assert seen == [(64, 32), (48, 24)]
    torch.testing.assert_close(made, 2 * x)


def test_without_diffusers_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setattr(frozen_diffusion, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"diffusers not installed.*blindsr\[diffusion\]"):
        FrozenDiffusion.from_folder(folder)


def test_a_missing_folder_or_file_is_named_with_its_place(tmp_path, folder):
    with pytest.raises(FileError, match=r"sd21: no such folder.*unet/config.json.*Place it there"):
        FrozenDiffusion.from_folder(tmp_path / "sd21")
    for name in FILES:
        copied = tmp_path / name.replace("/", "_")
        shutil.copytree(folder, copied)
        (copied / name).unlink()
        with pytest.raises(FileError, match=f"{name}: no such file") as caught:
            FrozenDiffusion.from_folder(copied)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("unet/config.json", b"{", "unet: cannot be read"),
        ("vae/diffusion_pytorch_model.safetensors", b"junk", "vae"),
        ("scheduler/scheduler_config.json", b"[", "scheduler_config.json: cannot be read"),
        ("null_prompt.safetensors", b"junk", "null_prompt.safetensors: cannot be read"),
    ],
)
def test_damaged_files_end_in_one_line(name, content, words, folder, tmp_path):
    copied = tmp_path / "sd"
    shutil.copytree(folder, copied)
    (copied / name).write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        FrozenDiffusion.from_folder(copied)
    assert "\n" not in str(caught.value)


def test_models_for_another_task_are_refused(tmp_path, folder):
    del folder
    for name, options, words in (
        ("inpainting", {"in_channels": 9}, "9 -> 4 channels, expected 4 -> 4"),
        ("sample", {"prediction": "sample"}, "prediction_type sample"),
    ):
        path = save_tiny_diffusion(tmp_path / name, **options)
        with pytest.raises(WeightsError, match=words):
            FrozenDiffusion.from_folder(path)


def test_wrong_steps_end_in_one_line(frozen):
    for wrong, words in (({"first": 1}, "first: 1, expected 2 to 999"), ({"steps": 0}, "steps: 0")):
        with pytest.raises(ConfigError, match=words):
            LatentSSR(frozen, **SMALL | wrong)
