import time

import pytest
import torch
from safetensors.torch import save_file

from blindsr.errors import FileError, WeightsError
from blindsr.networks import load_imagenet
from blindsr.networks.backbones import imagenet
from blindsr.networks.backbones.hrnet import hrnet_w18_small_v2
from blindsr.networks.backbones.pyramid_small import PyramidSmall


@pytest.fixture(scope="module")
def backbone():
    return hrnet_w18_small_v2()


@pytest.fixture(scope="module")
def weights():
    """An ImageNet file: the backbone's tensors and some of the classifier's."""
    torch.manual_seed(5)
    state = hrnet_w18_small_v2().state_dict()
    return {**state, "classifier.weight": torch.zeros(3, 4), "final_layer.0.bias": torch.zeros(2)}


@pytest.mark.parametrize("kind", ["pth", "safetensors", "module.pth", "old.pth"])
def test_local_files(tmp_path, backbone, weights, kind):
    path = tmp_path / f"hrnet.{kind}"
    state = dict(weights)
    if kind == "module.pth":
        state = {f"module.{k}": v for k, v in state.items()}
    if kind == "old.pth":  # before batch norm counted its batches
        state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    save_file(state, path) if kind == "safetensors" else torch.save(state, path)
    torch.nn.init.zeros_(backbone.conv1.weight)
    load_imagenet(backbone, str(path))
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("conv1.weight"), "1 tensors missing .conv1.weight"),
        (lambda s: s.update(other=torch.zeros(1)), "1 tensors unknown .other"),
        (lambda s: s.update({"bn1.bias": torch.zeros(9)}), "1 tensors of another shape .bn1.bias"),
    ],
)
def test_weights_that_do_not_fit(tmp_path, backbone, weights, change, words):
    state = dict(weights)
    change(state)
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=words):
        load_imagenet(backbone, str(tmp_path / "x.pth"))


def test_missing_and_broken_files(tmp_path, backbone):
    with pytest.raises(FileError, match=r"--model\.pretrained"):
        load_imagenet(backbone, str(tmp_path / "none.pth"))
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(FileError, match=r"text.pth: unreadable"):
        load_imagenet(backbone, str(tmp_path / "text.pth"))


def test_false_does_nothing_and_other_backbones_have_none(backbone):
    before = backbone.conv1.weight.clone()
    load_imagenet(backbone, False)
    assert torch.equal(backbone.conv1.weight, before)
    load_imagenet(PyramidSmall(), False)
    with pytest.raises(WeightsError, match="PyramidSmall"):
        load_imagenet(PyramidSmall(), True)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """An empty cache, and a hub address at which nothing answers."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(imagenet, "_cached", lambda: None)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_network_it_fails_fast_in_one_line_with_both_ways_out(backbone, no_network):
    start = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        load_imagenet(backbone, True)
    assert time.monotonic() - start < 20
    message = str(caught.value)
    assert "\n" not in message
    for words in ("model.safetensors", "hrnet_w18_small_v2.ms_in1k", "--model.pretrained PATH"):
        assert words in message
    assert "--model.pretrained false" in message


def test_offline_mode_of_the_hub_is_respected(backbone, no_network, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE"):
        load_imagenet(backbone, True)


def test_download_goes_through_timm(backbone, weights, monkeypatch):
    import timm.models

    monkeypatch.setattr(imagenet, "_cached", lambda: None)
    monkeypatch.setattr(imagenet, "_probe", lambda: None)
    asked = []

    def answer(name, **_):
        asked.append(name)
        return weights

    monkeypatch.setattr(timm.models, "load_state_dict_from_hf", answer)
    load_imagenet(backbone, True)
    assert asked == ["timm/hrnet_w18_small_v2.ms_in1k"]
    assert torch.equal(backbone.conv1.weight, weights["conv1.weight"])
