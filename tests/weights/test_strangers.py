"""Files of strangers: nothing they name is imported, fetched or built unless it is one of ours."""

import json
import pickle
import socket
import sys
import time
import zipfile
from typing import get_type_hints

import pytest
import torch
from safetensors.torch import save_file
from tests.helpers.anchors import TINY
from tests.helpers.restoration_data import ESTIMATOR, RESTORER

import blindsr
from blindsr.cli.app import main
from blindsr.errors import BlindSRError, WeightsError
from blindsr.networks import CMOS, RRDBSFT, BlindSR, BlurUNet
from blindsr.networks.settings import LIMITS, checked_settings
from blindsr.weights import build_anchor, read_anchor, read_network
from blindsr.weights.checkpoint import SETTINGS_KEY
from blindsr.weights.reading import read_checkpoint

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
EVIL = "evil_module_of_a_stranger"


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


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A module that must not be imported; a network class lies in it."""
    lines = "from torch import nn\nclass Net(nn.Module):\n    scale = 4\n"
    (tmp_path / f"{EVIL}.py").write_text(lines)
    (tmp_path / "spandrelevil.py").write_text(lines)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    assert not {EVIL, "spandrelevil"} & set(sys.modules)


def export(path, state, about):
    save_file(state, path, metadata={SETTINGS_KEY: json.dumps(about)})
    return path


def training(path, state, settings, **more):
    stored = {f"network.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": stored, "hyper_parameters": settings, **more}, path)
    return path


def one_line(call, path):
    start = time.monotonic()
    with pytest.raises(BlindSRError) as error:
        call()
    assert time.monotonic() - start < 20
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    assert len(text) < 1000
    return text


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


@pytest.mark.parametrize("kind", ["cmos", "rrdb_sft"])
def test_every_wrong_setting_of_every_kind_of_file_is_one_line(kind, states, tmp_path, offline):
    cases = [case[1:] for case in arguments() if case[0] == kind]
    assert len(cases) >= 70
    for name, how in cases:
        if fits(name, how, SETTINGS[kind][name]):
            continue
        settings = {**SETTINGS[kind], name: WRONG[how]}
        about = {"kind": kind, "settings": settings, "sigma_max": 5.0}
        path = export(tmp_path / "x.safetensors", states[kind], about)
        assert name in one_line(lambda path=path: read_network(path), path)
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
    large = {"blocks": 256, "features": 1024, "growth": 1024}  # 450 GB
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


HOLLOW = {
    "expanded": lambda: torch.zeros(1).expand(10**12),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "complex": lambda: torch.zeros(3, dtype=torch.complex64),
    "meta": lambda: torch.zeros(3, device="meta"),
}


@pytest.mark.parametrize("how", HOLLOW)
@pytest.mark.parametrize("where", ["state", "deep"])
def test_tensors_that_are_more_than_they_hold_are_refused(how, where, tmp_path):
    path = tmp_path / "x.ckpt"
    tensor = HOLLOW[how]()
    torch.save({"a": tensor} if where == "state" else {"state_dict": {"x": [tensor]}}, path)
    one_line(lambda: read_checkpoint(path), path)


CLASSES = [
    f"{EVIL}.Net",
    "spandrelevil.Net",
    "spandrel.os.system",
    "spandrel.architectures.os.system",
    "torch.nn.Conv2d",
    f"spandrel.architectures.ESRGAN.{EVIL}",
    "spandrel.architectures.SwinIR.SwinIRArch",
    "os.system",
    "",
]


@pytest.fixture
def branches(tmp_path):
    """Writes a checkpoint of PBaSR whose anchor is of a class with arguments."""
    anchor = build_anchor("compact", {"num_feat": 4, "num_conv": 1})
    state = anchor.network.state_dict()

    def write(**about):
        stored = {
            f"{branch}.{name}": tensor
            for branch in ("general", "blur")
            for name, tensor in state.items()
        }
        path = tmp_path / "pbasr.ckpt"
        content = {"state_dict": stored, "anchor": {**anchor.description(), **about}}
        torch.save(content, path)
        return path

    return write


@pytest.mark.parametrize("class_path", CLASSES)
def test_classes_that_a_file_names_are_not_imported(class_path, branches, evil, tmp_path, capsys):
    path = branches(class_path=class_path)
    one_line(lambda: blindsr.load(path, device="cpu"), path)
    out = tmp_path / "out.pth"
    main(["convert", "average", str(path), "-o", str(out)])  # copies tensors, builds nothing
    assert main(["convert", "export", str(path), "-o", str(tmp_path / "out.onnx")]) == 2
    assert len(capsys.readouterr().err.splitlines()) <= 2
    assert not (tmp_path / "out.onnx").exists()
    one_line(lambda: read_anchor(path), path)  # as the weights of an anchor in a YAML


def test_the_user_may_name_a_class_of_his_own(branches, tmp_path, capsys):
    path = branches(class_path="my.Compact")
    out = tmp_path / "out.onnx"
    words = ["convert", "export", str(path), "-o", str(out)]
    assert main(words) == 2
    assert "--anchor-class" in capsys.readouterr().err
    mine = "spandrel.architectures.Compact.Compact"
    assert main([*words, "--anchor-class", mine]) == 0
    assert out.exists()


@pytest.mark.parametrize(
    "init_args",
    [
        {"num_feat": 10**12},
        {"num_feat": -(10**12)},
        {"num_feat": float("nan")},
        {"num_feat": "a" * 100},
        {"num_feat": {"a": 1}},
        {"num_feat": [[[[1]]]]},
        {"num_feat": 4096, "num_conv": 4096},
        {"num_conv": [4096, 4096]},
        {"x y": 1},
        {"unknown": 1},
        {"num_feat": None},
        "text",
    ],
)
def test_arguments_that_a_file_names_are_plain_and_fit_its_tensors(init_args, branches):
    path = branches(init_args=init_args)
    one_line(lambda: blindsr.load(path, device="cpu"), path)


@pytest.mark.parametrize(
    "about",
    [
        {"names": None},
        {"names": {"a": 1}},
        {"wrapper": 3},
        {"title": "a\x1b[2J"},
        {"scale": 0},
        {"scale": 10**9},
        {"scale": True},
        {"class_path": 3},
    ],
)
def test_wrong_descriptions_of_an_anchor_are_one_line(about, branches):
    path = branches(**about)
    one_line(lambda: read_anchor(path), path)


@pytest.mark.parametrize("anchor", [None, 3, [], "x"])
def test_an_anchor_that_is_no_dictionary_is_one_line(anchor, branches, tmp_path):
    content = torch.load(branches(), weights_only=True) | {"anchor": anchor}
    torch.save(content, tmp_path / "x.ckpt")
    one_line(lambda: blindsr.load(tmp_path / "x.ckpt", device="cpu"), tmp_path / "x.ckpt")


def test_layers_that_a_file_does_not_hold_are_not_counted(tmp_path):
    state = build_anchor("esrgan", {"num_filters": 4, "num_blocks": 1}).network.state_dict()
    path = tmp_path / "x.pth"
    name = "model.1.sub.1000000000.RDB1.conv1.0.weight"
    torch.save({**state, name: torch.zeros(1)}, path)
    assert name in one_line(lambda: blindsr.load(path, device="cpu"), path)


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": 3},
        {"state_dict": {"a": 3}},
        {"state_dict": {3: torch.zeros(1)}},
        {"state_dict": {}, "hyper_parameters": 3},
        {"hyper_parameters": {}},
        {3: torch.zeros(1)},
        {},
        {"params": {"params": {"params": torch.zeros(1)}}},
    ],
)
def test_content_of_another_shape_is_one_line(content, tmp_path):
    path = tmp_path / "x.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError):
        read_network(path)
    one_line(lambda: blindsr.load(path, device="cpu"), path)


@pytest.mark.parametrize("name", ["srformer", "femasr"])
def test_networks_of_the_extra_can_be_upscaled_with(name, tmp_path):
    pytest.importorskip("spandrel_extra_arches")
    settings = {"srformer": TINY["srformer"], "femasr": {}}[name]
    anchor = build_anchor(name, settings)
    torch.save({"params": anchor.network.state_dict()}, tmp_path / "x.pth")
    model = blindsr.load(tmp_path / "x.pth", device="cpu")
    assert (model.title, model.scale) == (anchor.title, 4)
    assert model.upscale(torch.rand(3, 20, 24)).shape == (3, 80, 96)


def test_a_training_and_a_released_file_of_pbasr_can_be_upscaled_with(branches, tmp_path):
    model = blindsr.load(branches(), device="cpu")
    assert model.upscale(torch.rand(3, 20, 24)).shape == (3, 80, 96)
    state = build_anchor("compact", {"num_feat": 4, "num_conv": 1}).network.state_dict()
    parts = ("general_branch.", "defocus_branch.", "combinet.")
    released = {prefix + name: tensor for prefix in parts for name, tensor in state.items()}
    torch.save({"params": released}, tmp_path / "x.pth")
    assert blindsr.load(tmp_path / "x.pth", device="cpu").scale == 4


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_torchscript_file_is_read_and_its_program_is_not_run(tmp_path, monkeypatch):
    network = build_anchor("esrgan", {"num_filters": 4, "num_blocks": 1}).network.eval()
    lr = torch.rand(1, 3, 20, 24)
    torch.jit.trace(network, lr).save(tmp_path / "x.pt")
    monkeypatch.setattr(torch.jit, "load", None)
    model = blindsr.load(tmp_path / "x.pt", device="cpu")
    with torch.no_grad():
        expected = network(lr)[0].clamp(0, 1)
    torch.testing.assert_close(torch.as_tensor(model.upscale(lr[0])), expected, atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_torchscript_file_with_more_than_tensors_is_refused(tmp_path):
    whole = tmp_path / "whole.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(whole)
    evil = pickle.dumps(print, protocol=2)  # any function by its name
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, evil if name.endswith("data.pkl") else source.read(name))
    one_line(lambda: read_checkpoint(path), path)
