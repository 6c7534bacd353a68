"""Commands take networks of the user's own from a module that the user names."""

import importlib
import sys

import numpy as np
import pytest

from blindsr.cli.app import main
from blindsr.cli.training.command import main as train
from blindsr.imaging.files import write_png
from blindsr.networks import kinds
from blindsr.weights import NetworkFile, save_safetensors

MODULE = """
import torch
from blindsr.networks import kinds
from blindsr.networks.roles import EstimatorNetwork
from blindsr.types import Estimate

class Brightness(EstimatorNetwork):
    estimates = ("blur",)

    def __init__(self, scale: int = 1):
        super().__init__()
        self.scale, self.weight = scale, torch.nn.Parameter(torch.ones(1))

    def forward(self, lr):
        return Estimate(blur=self.weight * lr.mean(dim=1, keepdim=True))

kinds.add(kinds.NetworkKind("brightness", Brightness, "Brightness"))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Holds a module, a file of its network and a picture; the table does not know the network."""
    (tmp_path / "my_networks.py").write_text(MODULE)
    (tmp_path / "broken_networks.py").write_text("raise RuntimeError('not\\nready')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    network = importlib.import_module("my_networks").Brightness()
    file = NetworkFile("x", "brightness", {"scale": 1}, network.state_dict())
    save_safetensors(tmp_path / "mine.safetensors", file)
    write_png(tmp_path / "picture.png", np.full((16, 20, 3), 51, np.uint8))
    del sys.modules["my_networks"], sys.path[0]
    kinds.remove("brightness")
    yield tmp_path
    sys.modules.pop("my_networks", None)
    if "brightness" in kinds.names():
        kinds.remove("brightness")


WORDS = ["estimate", "mine.safetensors", "picture.png", "-o", "maps", "--npy"]


def test_a_module_in_the_folder_adds_a_network(folder):
    assert main([*WORDS, "--import", "my_networks"]) == 0
    np.testing.assert_allclose(np.load("maps/picture_sigma.npy"), 0.2, atol=1e-6)
    exported = ["convert", "export", "mine.safetensors", "-o", "again.safetensors"]
    assert main([*exported, "--import", "my_networks"]) == 0


def test_without_it_one_line_says_what_to_do(folder, capsys):
    assert main(WORDS) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "mine.safetensors: a network of kind 'brightness', expected" in said
    assert "commands have --import" in said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_such_networks", "(ModuleNotFoundError: No module named 'no_such_networks')"),
        ("broken_networks", "(RuntimeError: not ready)"),
        ("..networks", "(TypeError: "),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(folder, capsys, name, why):
    assert main([*WORDS, "--import", name]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"--import: {name}, which cannot be imported {why}" in said
    assert "or in this folder" in said
    assert not (folder / "maps").exists()


def test_a_task_of_the_current_folder_trains(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_task.py").write_text("from blindsr.tasks import CMOSTask as MyTask")
    config = "model: {class_path: my_task.MyTask}\ndata: {class_path: blindsr.data.Scenes}"
    (tmp_path / "mine.yaml").write_text(config)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder])
    assert train(["fit", "-c", "mine.yaml", "--print_config"]) == 0
    assert "class_path: my_task.MyTask" in capsys.readouterr().out
