"""Files of strangers: tensors that are more than they hold, programs, unknown content."""

import pickle
import zipfile

import pytest
import torch
from tests.helpers.anchors import TINY
from tests.helpers.one_line import one_line

import blindsr
from blindsr.errors import WeightsError
from blindsr.weights import build_anchor, read_network
from blindsr.weights.reading import read_checkpoint

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


@pytest.mark.parametrize(
    # that a file of FeMaSR is read and computes what it did is held by anchors/test_anchor.py
    "name",
    ["srformer", pytest.param("femasr", marks=pytest.mark.slow)],
)
def test_networks_of_the_extra_can_be_upscaled_with(name, tmp_path):
    pytest.importorskip("spandrel_extra_arches")
    settings = {"srformer": TINY["srformer"], "femasr": {}}[name]
    anchor = build_anchor(name, settings)
    torch.save({"params": anchor.network.state_dict()}, tmp_path / "x.pth")
    title = anchor.title
    del anchor  # 140 MB
    model = blindsr.load(tmp_path / "x.pth", device="cpu")
    assert (model.title, model.scale) == (title, 4)
    assert model.upscale(torch.rand(3, 15, 16)).shape == (3, 60, 64)


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
