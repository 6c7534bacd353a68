"""Files of strangers: settings of a network with any value in any place."""

import json
import socket
from typing import get_type_hints

import pytest
import torch
from safetensors.torch import save_file
from tests.helpers.one_line import one_line
from tests.helpers.restoration_data import ESTIMATOR, RESTORER

import blindsr
from blindsr.cli.app import main
from blindsr.networks import CMOS, RRDBSFT, BlindSR, BlurUNet
from blindsr.networks.settings.checked import LIMITS, checked_settings
from blindsr.weights import read_network
from blindsr.weights.checkpoint import SETTINGS_KEY

CMOS_SETTINGS = {"num_classes": 6, "scale": 4, **ESTIMATOR, "window": [4, 4]}


SETTINGS = {
    "cmos": CMOS_SETTINGS,
    "rrdb_sft": {**RESTORER, "window": [4, 4], "num_classes": 6},
    "blind": {
        "num_classes": 6,
        "scale": 4,
        "estimator": CMOS_SETTINGS,
        "restorer": {**RESTORER, "window": [4, 4], "num_classes": 6},
    },
}


@pytest.fixture(scope="module")
def states():
    torch.manual_seed(0)
    estimator, restorer = CMOS(**CMOS_SETTINGS), RRDBSFT(**SETTINGS["rrdb_sft"])
    networks = {"cmos": estimator, "rrdb_sft": restorer, "blind": BlindSR(estimator, restorer)}
    return {kind: network.state_dict() for kind, network in networks.items()}


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def export(path, state, about):
    save_file(state, path, metadata={SETTINGS_KEY: json.dumps(about)})
    return path


def training(path, state, settings, **more):
    stored = {f"network.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": stored, "hyper_parameters": settings, **more}, path)
    return path


WRONG = {
    "none": None,
    "text": "4",
    "float": 4.5,
    "negative": -1,
    "zero": 0,
    "huge": 10**12,
    "enormous": 10**400,
    "nan": float("nan"),
    "infinite": float("inf"),
    "true": True,
    "list": [4],
    "nested": [[[1]]],
    "dictionary": {"a": 1},
    "word": "tu-hf-hub:someone/something",
}


def arguments():
    for kind, network in (("cmos", CMOS), ("rrdb_sft", RRDBSFT)):
        for name in checked_settings(network, SETTINGS[kind], "test"):
            for how in WRONG:
                yield kind, name, how


def fits(name, how, right):
    wrong = WRONG[how]
    if isinstance(right, bool):
        return wrong is True
    return name == "phase" and how in ("zero", "float")


@pytest.mark.parametrize("forms", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["cmos", "rrdb_sft"])
def test_every_wrong_setting_of_every_kind_of_file_is_one_line(
    kind, forms, states, tmp_path, offline
):
    """By turns in an export and in a checkpoint, so that each setting is wrong in both."""
    cases = [case[1:] for case in arguments() if case[0] == kind]
    assert len(cases) >= 70
    for turn, (name, how) in enumerate(cases):
        if fits(name, how, SETTINGS[kind][name]):
            continue
        settings = {**SETTINGS[kind], name: WRONG[how]}
        about = {"kind": kind, "settings": settings, "sigma_max": 5.0}
        if forms == 2 or turn % 2:
            path = export(tmp_path / "x.safetensors", states[kind], about)
            assert name in one_line(lambda path=path: read_network(path), path)
        if forms == 2 or not turn % 2:
            path = training(tmp_path / "x.ckpt", states[kind], settings)
            assert name in one_line(lambda path=path: read_network(path), path)


@pytest.mark.parametrize("part", ["estimator", "restorer"])
@pytest.mark.parametrize("value", [None, [], "x", {"scale": 0}, {"window": [4]}])
def test_wrong_parts_of_a_pipeline_are_one_line(part, value, states, tmp_path):
    settings = {**SETTINGS["blind"], part: value}
    path = training(tmp_path / "x.ckpt", states["blind"], settings)
    assert part in one_line(lambda: read_network(path), path)


@pytest.mark.parametrize("how", [how for how in WRONG if how != "float"])
def test_a_wrong_sigma_max_is_one_line(how, states, tmp_path):
    if how == "none":
        pytest.skip("null: an official restorer does not show it")
    path = training(tmp_path / "x.ckpt", states["cmos"], {**CMOS_SETTINGS, "sigma_max": WRONG[how]})
    if how == "true":
        assert "sigma_max True" in one_line(lambda: read_network(path), path)
    else:
        assert "sigma_max" in one_line(lambda: read_network(path), path)


@pytest.mark.parametrize(
    "names", ["wall", [1, 2, 3, 4, 5, 6], ["a\x1b[31m"] * 6, ["a"] * 5, ["a" * 5000] * 6, {"a": 1}]
)
def test_wrong_class_names_are_one_line(names, states, tmp_path):
    path = training(tmp_path / "x.ckpt", states["cmos"], CMOS_SETTINGS, class_names=names)
    one_line(lambda: read_network(path), path)


@pytest.mark.parametrize(
    "backbone",
    [
        "tu-hf-hub:someone/something",
        "hf-hub:someone/something",
        "tu-local-dir:/tmp",
        "tu-hf_hub:x/y",
        "https://example.org/x",
        "../x",
        "timm/convnext_atto",
        "tu-timm/convnext_atto",
        "TU-convnext_atto",
        "",
    ],
)
def test_backbones_are_known_names_and_never_a_hub(backbone, states, tmp_path, offline):
    settings = {**CMOS_SETTINGS, "backbone": backbone}
    path = training(tmp_path / "x.ckpt", states["cmos"], settings)
    assert "backbone" in one_line(lambda: read_network(path), path)
    about = {"kind": "cmos", "settings": settings, "sigma_max": 5.0}
    path = export(tmp_path / "x.safetensors", states["cmos"], about)
    assert "backbone" in one_line(lambda: blindsr.load(path, device="cpu"), path)


def test_a_setting_called_pretrained_fetches_nothing(states, tmp_path, offline):
    settings = {**CMOS_SETTINGS, "pretrained": True}
    path = training(tmp_path / "x.ckpt", states["cmos"], settings)
    assert read_network(path).network().num_classes == 6


@pytest.mark.parametrize("backbone", ["resnet18", "tu-convnext_atto"])
def test_encoders_by_name_still_load(backbone, tmp_path, offline):
    settings = {**CMOS_SETTINGS, "backbone": backbone}
    network = CMOS(**settings)
    path = training(tmp_path / "x.ckpt", network.state_dict(), settings)
    assert set(read_network(path).network().state_dict()) == set(network.state_dict())


def test_settings_beyond_the_tensors_are_refused_before_they_are_built(states, tmp_path):
    large = {"blocks": 64, "features": 1024, "growth": 1024}  # 110 GB
    path = training(tmp_path / "x.ckpt", states["rrdb_sft"], {**SETTINGS["rrdb_sft"], **large})
    assert "missing" in one_line(lambda: read_network(path).network(), path)


@pytest.mark.parametrize("network", [CMOS, RRDBSFT, BlurUNet])
def test_every_number_of_a_constructor_has_limits(network):
    hints = get_type_hints(network.__init__)
    numbers = {name for name, hint in hints.items() if hint in (int, float, tuple[int, int])}
    assert numbers
    assert numbers <= set(LIMITS)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_every_command(value, states, tmp_path, capsys):
    state = {name: tensor.clone() for name, tensor in states["blind"].items()}
    name = next(name for name in state if name.endswith("conv_first.weight"))
    state[name].view(-1)[3] = value
    path = training(tmp_path / "x.ckpt", state, SETTINGS["blind"])
    picture = tmp_path / "x.png"
    blindsr.imaging.write_png(picture, torch.zeros(20, 20, 3, dtype=torch.uint8).numpy())
    out = str(tmp_path / "out")
    for words in (
        ["upscale", str(picture), "--model", str(path), "-o", out],
        ["estimate", str(path), str(picture), "-o", out],
        ["convert", "export", str(path), "-o", str(tmp_path / "y.safetensors")],
    ):
        assert main(words) == 2, words
        assert f"{name} with values that are not finite" in capsys.readouterr().err
    assert not (tmp_path / "y.safetensors").exists()
