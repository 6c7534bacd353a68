"""Anchors of PBaSR: any architecture and dialect in, the same bits in the same dialect out."""

import copy
import importlib.util
import pickle
import sys

import pytest
import torch
from safetensors.torch import save_file
from tests.helpers.anchors import RESTRICTED, TINY, bits, dialects, rrdb
from torch import nn

from blindsr.errors import ConfigError, FileError, WeightsError
from blindsr.networks import RRDBSFT
from blindsr.weights import anchor_state, build_anchor, read_anchor
from blindsr.weights.anchors.anchor import FEMASR_FROZEN
from blindsr.weights.anchors.classes import RELEASED, build_class, resolve
from blindsr.weights.anchors.dialects import marked, names_from_marks

HAS_EXTRA = importlib.util.find_spec("spandrel_extra_arches") is not None


class Nearest(nn.Module):
    """A network of a user: s times nearest, after one convolution."""

    def __init__(self, factor: int = 4, channels: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.up = nn.Upsample(scale_factor=factor)

    def forward(self, lr):
        return self.up(self.conv(lr))


class Sized(Nearest):
    scale, multiple, minimum = 4, 8, 24


def own(name):
    return f"{__name__}.{name}"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """This file under its name, as a module of a user is."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())


def _this():
    import types

    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    return module


def noisy(network):
    """Random values in every parameter, zero biases included."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return network


def sr(network, size=16):
    with torch.no_grad():
        return network.eval()(torch.linspace(0, 1, 3 * size * size).view(1, 3, size, size))


@pytest.mark.parametrize("dialect", list(dialects(rrdb().state_dict())))
def test_every_dialect_of_rrdb_is_read_and_written_back(dialect, tmp_path):
    network = noisy(rrdb())
    content, wrapper = dialects(network.state_dict())[dialect]
    torch.save(content, tmp_path / "x.pth")
    anchor = read_anchor(tmp_path / "x.pth")
    assert (anchor.title, anchor.scale, anchor.wrapper) == ("ESRGAN", 4, wrapper)
    assert (anchor.multiple, anchor.class_path) == (1, None)
    assert torch.equal(sr(anchor.network), sr(network))
    assert all(parameter.requires_grad for parameter in anchor.network.parameters())
    back = anchor_state(anchor.names, anchor.wrapper, anchor.network.state_dict())
    assert bits(back) == bits(content)


@pytest.mark.parametrize(("shuffle", "scale"), [(2, 2), (4, 1)])
def test_rrdb_with_pixel_unshuffle(shuffle, scale, tmp_path):
    network = rrdb(in_nc=3 * shuffle**2, shuffle_factor=shuffle)
    torch.save(dialects(network.state_dict())["Real-ESRGAN"][0], tmp_path / "x2.pth")
    anchor = read_anchor(tmp_path / "x2.pth")
    assert (anchor.scale, anchor.multiple) == (scale, 4)
    assert torch.equal(sr(anchor.network), sr(network))


@pytest.mark.parametrize("name", list(TINY))
def test_from_scratch_by_short_name_and_back_from_its_file(name, tmp_path):
    if name in RESTRICTED and not HAS_EXTRA:
        pytest.skip("spandrel_extra_arches is not installed")
    torch.manual_seed(0)
    anchor = build_anchor(name, TINY[name])
    assert (anchor.scale, anchor.wrapper, anchor.class_path) == (4, "params", RELEASED[name][0])
    assert anchor.init_args == {**RELEASED[name][1], **TINY[name]}
    noisy(anchor.network)
    content = anchor_state(anchor.names, anchor.wrapper, anchor.network.state_dict())
    torch.save(content, tmp_path / "x.pth")
    again = read_anchor(tmp_path / "x.pth")
    assert again.title == anchor.title
    assert torch.equal(sr(again.network), sr(anchor.network))
    assert sr(again.network).shape == (1, 3, 64, 64)
    back = anchor_state(again.names, again.wrapper, again.network.state_dict())
    assert bits(back) == bits(content)
    import spandrel

    if name not in RESTRICTED:
        plain = spandrel.ModelLoader().load_from_file(tmp_path / "x.pth")
        assert torch.equal(sr(plain.model), sr(anchor.network))
    if name == "esrgan":
        assert {"conv_first.weight", "body.0.rdb3.conv5.bias", "conv_up2.bias"} <= set(anchor.names)


@pytest.mark.skipif(not HAS_EXTRA, reason="spandrel_extra_arches is not installed")
def test_femasr_is_the_released_network_and_its_junk_is_dropped(tmp_path):
    network = build_class(*resolve("femasr", {}))
    assert sum(p.numel() for p in network.parameters()) == 34_059_971
    frozen = [
        p.numel() for n, p in network.named_parameters() if any(part in n for part in FEMASR_FROZEN)
    ]
    assert sum(frozen) == 5_766_787
    noisy(network)
    content = {"params": {**network.state_dict(), "conv_semantic.0.weight": torch.zeros(3)}}
    torch.save(content, tmp_path / "femasr.pth")
    anchor = read_anchor(tmp_path / "femasr.pth")
    assert (anchor.title, anchor.scale, anchor.multiple) == ("FeMaSR", 4, 16)
    assert torch.equal(sr(anchor.network), sr(network))
    assert sr(network).shape == (1, 3, 64, 64)
    del content["params"]["conv_semantic.0.weight"]
    back = anchor_state(anchor.names, anchor.wrapper, anchor.network.state_dict())
    assert bits(back) == bits(content)


@pytest.mark.parametrize("name", RESTRICTED)
def test_without_the_extra_one_line_says_what_to_install(name, tmp_path, monkeypatch):
    mark = {
        "femasr": "multiscale_encoder.in_conv.weight",
        "srformer": "layers.0.residual_group.blocks.0.attn.aligned_relative_position_index",
    }[name]
    torch.save({"params": {mark: torch.zeros(1), "x": torch.zeros(1)}}, tmp_path / "x.pth")
    loaded = [module for module in sys.modules if module.startswith("spandrel_extra_arches")]
    for module in ("spandrel_extra_arches", *loaded):
        monkeypatch.setitem(sys.modules, module, None)
    licence = {"femasr": r"CC BY-NC-SA 4\.0", "srformer": r"CC BY-NC 4\.0"}[name]
    wanted = rf"uv pip install 'blindsr\[arches\]' \(its licence is {licence}"
    with pytest.raises(WeightsError, match=wanted):
        read_anchor(tmp_path / "x.pth")
    with pytest.raises(ConfigError, match=wanted):
        build_anchor(name)


def test_settings_that_tensors_do_not_show_keep_the_class():
    anchor = build_anchor("hat", {**TINY["hat"], "conv_scale": 0.5})
    assert (anchor.wrapper, anchor.scale, anchor.minimum) == ("", 4, 16)
    assert anchor.names == {name: name for name in anchor.network.state_dict()}
    tripled = build_anchor("esrgan", {**TINY["esrgan"], "scale": 3})  # read as x2 by its tensors
    assert tripled.scale == 3
    assert sr(tripled.network).shape == (1, 3, 48, 48)


def test_a_network_of_the_user(tmp_path):
    anchor = build_anchor(own("Nearest"), {"factor": 3})
    assert (anchor.title, anchor.scale, anchor.wrapper) == ("Nearest", 3, "")
    assert anchor.names == {"conv.weight": "conv.weight", "conv.bias": "conv.bias"}
    assert anchor.description() == {
        "names": anchor.names,
        "wrapper": "",
        "title": "Nearest",
        "scale": 3,
        "class_path": own("Nearest"),
        "init_args": {"factor": 3},
    }
    sized = build_anchor(own("Sized"))
    assert (sized.scale, sized.multiple, sized.minimum) == (4, 8, 24)
    state = {f"module.{n}": t + 1 for n, t in anchor.network.state_dict().items()}
    save_file(state, tmp_path / "own.safetensors")
    loaded = build_anchor(own("Nearest"), {"factor": 3}, tmp_path / "own.safetensors")
    assert loaded.names == {"module.conv.bias": "conv.bias", "module.conv.weight": "conv.weight"}
    back = anchor_state(loaded.names, loaded.wrapper, loaded.network.state_dict())
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())


def test_weights_into_a_class_are_strict_and_keep_their_dialect(tmp_path):
    source = noisy(rrdb(1))
    torch.save(dialects(source.state_dict())["BSRGAN"][0], tmp_path / "x.pth")
    anchor = build_anchor("esrgan", TINY["esrgan"], tmp_path / "x.pth")
    assert torch.equal(sr(anchor.network), sr(source))
    assert "RRDB_trunk.0.RDB1.conv1.weight" in anchor.names
    with pytest.raises(WeightsError) as caught:
        build_anchor("esrgan", {"num_filters": 8, "num_blocks": 2}, tmp_path / "x.pth")
    message = str(caught.value)
    assert "\n" not in message
    assert " 32 missing (model.1.sub.1.RDB1.conv1.0.weight" in message
    assert "of another shape (model.0.weight (4, 3, 3, 3) instead of (8, 3, 3, 3)" in message
    network = Nearest()
    state = {**network.state_dict(), "conv.extra": torch.zeros(1)}
    del state["conv.bias"]
    torch.save(state, tmp_path / "own.pth")
    found = r"of 2 tensors 1 missing \(conv.bias\), 1 unknown \(conv.extra\)"
    with pytest.raises(WeightsError, match=found):
        build_anchor(own("Nearest"), {}, tmp_path / "own.pth")


def test_tables_of_another_picture_size_are_not_taken_from_the_file(tmp_path):
    other = build_anchor("swinir", {**TINY["swinir"], "img_size": 24})
    content = anchor_state(other.names, other.wrapper, noisy(other.network).state_dict())
    torch.save(content, tmp_path / "x.pth")
    anchor = build_anchor("swinir", TINY["swinir"], tmp_path / "x.pth")
    mask = "layers.0.residual_group.blocks.1.attn_mask"
    assert anchor.network.state_dict()[mask].shape[0] == 4
    assert other.network.state_dict()[mask].shape[0] == 9
    torch.testing.assert_close(sr(anchor.network), sr(other.network))


def test_copies_are_independent_and_travel(tmp_path):
    anchor = build_anchor("swinir", TINY["swinir"])
    twin = copy.deepcopy(anchor.network)
    noisy(twin)
    assert not torch.equal(sr(twin), sr(anchor.network))
    assert torch.equal(sr(pickle.loads(pickle.dumps(twin))), sr(twin))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "anchor: neither weights nor a class, expected weights"),
        ({"weights": "x.pth", "init_args": {"a": 1}}, "anchor: arguments without a class"),
        ({"class_path": "esrgn"}, "class_path: esrgn, .*Did you mean esrgan"),
        ({"class_path": "no_such_module.Net"}, "cannot be imported .*no_such_module"),
        ({"class_path": "torch.nn.Nothing"}, "cannot be imported .*Nothing"),
        ({"class_path": "math.sqrt"}, "math.sqrt: no network, expected a class"),
        ({"class_path": "esrgan", "init_args": {"blocks": 3}}, "'blocks'.*among .*num_blocks"),
        ({"class_path": "esrgan", "init_args": {"act": "odd"}}, "cannot be built .*odd"),
        ({"class_path": "torch.nn.Linear"}, "do not fit .*in_features"),
        ({"class_path": "torch.nn.Flatten"}, r"no scale to be seen \(it gives \(1, 12288\)\)"),
        ({"class_path": own("Nearest"), "init_args": {"channels": 1}}, "no scale to be seen"),
    ],
)
def test_what_cannot_be_built_says_so_in_one_line(arguments, expected):
    with pytest.raises(ConfigError, match=expected) as caught:
        build_anchor(**arguments)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_anchor(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_anchor(tmp_path / "none.pth")
    state = dialects(rrdb().state_dict())["BasicSR"][0]["params"]
    cases = {
        "foreign": ({"fc.weight": torch.zeros(2)}, r"unknown architecture \(fc.weight\)"),
        "cut": ({n: t for n, t in state.items() if "conv_hr" not in n}, "make no whole network"),
        "nested": ({"params": {"epoch": 3}}, "no flat dictionary of tensors"),
        "empty": ({}, "it is empty"),
        "more": (state | {"sft.weight": torch.zeros(1)}, r"1 of 43 .* ESRGAN has not \(sft"),
        "ours": (RRDBSFT(4, features=4, growth=4, blocks=1).state_dict(), "unknown arch"),
    }
    for name, (content, expected) in cases.items():
        torch.save(content, tmp_path / f"{name}.pth")
        with pytest.raises(WeightsError, match=expected) as caught:
            read_anchor(tmp_path / f"{name}.pth")
        assert "\n" not in str(caught.value)
    grey = rrdb(in_nc=1, out_nc=1)
    torch.save(grey.state_dict(), tmp_path / "grey.pth")
    with pytest.raises(WeightsError, match="from 1 to 1 channels, expected a network from RGB"):
        read_anchor(tmp_path / "grey.pth")


def test_a_whole_state_is_needed_to_write():
    with pytest.raises(WeightsError, match=r"1 of 2 tensors missing \(b\)"):
        anchor_state({"x": "a", "y": "b"}, "params", {"a": torch.zeros(1)})


def test_marks_tell_where_tensors_went():
    state = {
        "one": torch.ones(2, 3),
        "two": torch.zeros(4, dtype=torch.int64),
        "three": torch.ones(2),
    }
    marks = marked(state)
    assert {n: t.shape for n, t in marks.items()} == {n: t.shape for n, t in state.items()}
    landed = {"a": marks["three"], "b": marks["one"], "c": marks["two"], "own": torch.ones(5)}
    assert names_from_marks(state, landed) == {"one": "b", "two": "c", "three": "a"}
    assert names_from_marks(state, {"joined": torch.cat([marks["one"][0], marks["three"]])}) is None
    assert names_from_marks(state, {"part": marks["one"][0]}) is None
    tied = {"one": marks["three"], "three": marks["three"]}  # one parameter under two names
    shapes = {"one": torch.ones(2), "two": state["two"], "three": torch.ones(2)}
    assert names_from_marks(shapes, tied) == {"one": "one", "three": "three"}
