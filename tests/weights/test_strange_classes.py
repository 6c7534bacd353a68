"""Files of strangers: no class that they name is imported or built unless it is one of ours."""

import sys

import pytest
import torch
from tests.helpers.one_line import one_line

import blindsr
from blindsr.cli.app import main
from blindsr.weights import build_anchor, read_anchor

EVIL = "evil_module_of_a_stranger"


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A module that must not be imported; a network class lies in it."""
    lines = "from torch import nn\nclass Net(nn.Module):\n    scale = 4\n"
    (tmp_path / f"{EVIL}.py").write_text(lines)
    (tmp_path / "spandrelevil.py").write_text(lines)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    assert not {EVIL, "spandrelevil"} & set(sys.modules)


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


def test_a_training_and_a_released_file_of_pbasr_can_be_upscaled_with(branches, tmp_path):
    model = blindsr.load(branches(), device="cpu")
    assert model.upscale(torch.rand(3, 20, 24)).shape == (3, 80, 96)
    state = build_anchor("compact", {"num_feat": 4, "num_conv": 1}).network.state_dict()
    parts = ("general_branch.", "defocus_branch.", "combinet.")
    released = {prefix + name: tensor for prefix in parts for name, tensor in state.items()}
    torch.save({"params": released}, tmp_path / "x.pth")
    assert blindsr.load(tmp_path / "x.pth", device="cpu").scale == 4
