import pickle

import pytest
import torch
from safetensors.torch import save_file
from tests.golden.recipe import fill

from blindsr.errors import ConfigError, FileError, WeightsError
from blindsr.networks import CMOS
from blindsr.weights import load_official


def small(num_classes=5):
    return CMOS(num_classes, backbone="pyramid_small")


def official(network, prefix="cmos."):
    """A state dict as the released files name it."""
    return {prefix + k: fill(k, v.shape) for k, v in network.state_dict().items()}


@pytest.mark.parametrize("prefix", ["cmos.", "module.cmos.", ""])
@pytest.mark.parametrize("layout", ["legacy", "fixed"])
def test_loads_every_tensor_and_sets_the_layout(prefix, layout):
    network = small()
    load_official(network, official(network, prefix), window_layout=layout)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, fill(name, tensor.shape)), name
    assert network.window_layout == layout
    assert {g.spatial.window_layout for g in (*network.GIA_m, *network.GIA_s)} == {layout}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files(tmp_path, suffix):
    network = small()
    path = tmp_path / f"CMOS_NYUv2_BSR{suffix}"
    state = official(network)
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    load_official(network, path, window_layout="legacy")
    name = "predict.blur.last_layer.0.weight"
    assert torch.equal(network.state_dict()[name], fill(name, (64, 64, 1, 1)))


def test_the_layout_must_be_named(tmp_path):
    network = small()
    with pytest.raises(WeightsError, match=r"no window layout named.*'legacy'.*'fixed'"):
        load_official(network, official(network))
    path = tmp_path / "named.safetensors"
    save_file(official(network), path, metadata={"window_layout": "legacy"})
    load_official(network, path)
    assert network.window_layout == "legacy"
    load_official(network, path, window_layout="fixed")
    assert network.window_layout == "fixed"
    with pytest.raises(ConfigError, match="window_layout: 'old'"):
        load_official(network, path, window_layout="old")


def test_a_mismatch_names_what_differs_and_changes_nothing():
    network = small()
    state = official(network)
    for name in [n for n in state if "GIA_l.0.channel" in n]:
        del state[name]
    state["cmos.extra"] = torch.zeros(1)
    state["cmos.heads.0.decoders.blur.bias"] = torch.zeros(2)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_official(network, state, window_layout="legacy")
    message = str(caught.value)
    assert "\n" not in message
    missing = sum("GIA_l.0.channel" in name for name in before)
    assert f"{missing} missing (GIA_l.0.channel.c1, GIA_l.0.channel.c2" in message
    assert "1 unknown (extra)" in message
    assert "1 of another shape (heads.0.decoders.blur.bias (2,) instead of (1,))" in message
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert network.window_layout == "fixed"


def test_another_number_of_classes_says_so():
    with pytest.raises(WeightsError, match="num_classes=19"):
        load_official(small(40), official(small(19)), window_layout="legacy")


def test_a_whole_blindsr_file_says_so():
    state = {**official(small()), "RRDB_trunk.0.RDB1.conv1.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match="BlindSR"):
        load_official(small(), state, window_layout="legacy")


class Harm:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_files_that_are_no_weights(tmp_path, capsys):
    network = small()
    with pytest.raises(FileError, match="no such file"):
        load_official(network, tmp_path / "none.pth", window_layout="legacy")
    whole = tmp_path / "whole.pth"
    torch.save(official(network), whole)
    (tmp_path / "cut.pth").write_bytes(whole.read_bytes()[:5000])
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    (tmp_path / "harm.pth").write_bytes(pickle.dumps({"x": Harm()}))
    for name in ("cut.pth", "cut.safetensors", "harm.pth"):
        with pytest.raises(WeightsError, match=f"{name}: not readable as weights"):
            load_official(network, tmp_path / name, window_layout="legacy")
    assert "must not run" not in capsys.readouterr().out
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "nested.pth")
    with pytest.raises(WeightsError, match="flat dictionary"):
        load_official(network, tmp_path / "nested.pth", window_layout="legacy")


def test_networks_without_official_weights():
    with pytest.raises(ConfigError, match="network: Linear"):
        load_official(torch.nn.Linear(2, 2), {}, window_layout="fixed")
