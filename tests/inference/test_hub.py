"""Models of the Hub against one on loopback: pushed, loaded, refused in one line, offline."""

from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from tests.helpers.fake_hub import fake_hub
from tests.helpers.upscale_command import picture, run

import blindsr
from blindsr.errors import WeightsError
from blindsr.imaging.files import write_png
from blindsr.inference.hub import hub_file
from blindsr.inference.model import Model, Upscaler
from blindsr.networks.tile_needs import TileNeeds
from blindsr.restore import Restorer

PICTURE = picture(20, 24)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The server; the library looks there, and keeps what it finds in a folder of the test."""
    with fake_hub() as (server, address):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.fixture
def small():
    return blindsr.load(device="cpu")


def told(call, *words):
    with pytest.raises(WeightsError) as error:
        call(*words)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_model_goes_to_the_hub_and_comes_back(hub, small):
    small.push_to_hub("owner/small", token="t")
    pushed = hub.repos["owner/small"]
    assert set(pushed) == {"model.safetensors", "config.json", "README.md"}
    assert 'blindsr.load("hf:owner/small")' in pushed["README.md"].decode()
    assert "photographs, clean or with noise" in pushed["README.md"].decode()
    expected = small.upscale(PICTURE)
    for other in (
        blindsr.load("hf:owner/small", device="cpu"),
        blindsr.load("hf:owner/small@main", device="cpu"),
        Restorer.from_pretrained("owner/small", device="cpu"),
    ):
        np.testing.assert_array_equal(other.upscale(PICTURE), expected)


def test_the_networks_of_a_model_are_not_copied():
    class Network:
        def __deepcopy__(self, memo):
            raise AssertionError("copied")

        def __call__(self, lr):
            return lr

    upscaler = Upscaler(Network(), TileNeeds())
    model = Model("plain", "here", 1, torch.device("cpu"), upscaler=upscaler)
    np.testing.assert_array_equal(Restorer(model).upscale(PICTURE), PICTURE)


def test_only_safetensors_are_read(hub):
    hub.repos["owner/pickle"] = {"pytorch_model.bin": b"would run code"}
    for call, word in (
        (blindsr.load, "hf:owner/pickle"),
        (Restorer.from_pretrained, "owner/pickle"),
    ):
        line = told(call, word)
        assert line.startswith("hf:owner/pickle: a model without model.safetensors, expected safe")
    line = told(blindsr.load, "hf:owner/pickle/pytorch_model.bin")
    assert "pytorch_model.bin, expected a file of safetensors: others could run code" in line


def test_a_model_that_is_not_there(hub):
    assert told(blindsr.load, "hf:owner/nothing").startswith("hf:owner/nothing: no such model on")


def test_offline_ends_in_one_line_and_the_cache_is_used(hub, small, monkeypatch, capfd):
    hub.repos["owner/small"] = {"model.safetensors": Path(small._model.origin).read_bytes()}
    blindsr.load("hf:owner/small", device="cpu")
    nobody = "http://127.0.0.1:9"
    monkeypatch.setattr(constants, "ENDPOINT", nobody)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        nobody + "/{repo_id}/resolve/{revision}/{filename}",
    )
    assert blindsr.load("hf:owner/small", device="cpu").title == small.title
    capfd.readouterr()
    unreachable = "the Hub cannot be reached"
    assert f"hf:owner/never: {unreachable}, and" in told(blindsr.load, "hf:owner/never")
    assert f"hf:owner/never: {unreachable}" in told(Restorer.from_pretrained, "owner/never")
    assert f"owner/small: {unreachable}" in told(small.push_to_hub, "owner/small")
    assert capfd.readouterr().err == ""


def test_the_command_line_takes_such_words(hub, tmp_path, capsys):
    write_png(tmp_path / "a.png", PICTURE)
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", "--model", "hf:owner/nothing") == 2
    assert capsys.readouterr().err.startswith("blindsr: error: hf:owner/nothing: no such model")


def test_a_folder_is_saved_and_loaded_without_the_hub(tmp_path):
    blindsr.load(device="cpu").save_pretrained(tmp_path / "folder")
    assert Restorer.from_pretrained(tmp_path / "folder", device="cpu").scale == 4
    assert (tmp_path / "folder" / "README.md").read_text().startswith("---\nlibrary_name: blindsr")
    (tmp_path / "folder" / "model.safetensors").unlink()
    with pytest.raises(blindsr.errors.FileError, match=r"a folder without model\.safetensors"):
        Restorer.from_pretrained(tmp_path / "folder")


@pytest.mark.parametrize("word", ["hf:", "hf:name", "hf:/name", "hf:a b/c", "hf:a/b@"])
def test_words_that_name_nothing(word):
    with pytest.raises(WeightsError, match="expected hf:owner/name"):
        hub_file(word)
