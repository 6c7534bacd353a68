import pytest
import torch
from tests.golden.recipe import fill

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.weights import load_official


def restorer(**options):
    return RRDBSFT(8, features=8, growth=4, blocks=1, window=(6, 8), **options)


def blind():
    return BlindSR(CMOS(5, backbone="pyramid_small"), restorer())


def official(network):
    """A state dict as the released files name it."""
    names = {"estimator.": "cmos.", "restorer.": ""}
    state = {}
    for name, tensor in network.state_dict().items():
        for ours, theirs in names.items():
            if name.startswith(ours):
                name = theirs + name.removeprefix(ours)
        state[name] = fill(name, tensor.shape)
    return state


@pytest.mark.parametrize("layout", ["legacy", "fixed"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_restorer(layout, prefix):
    network = restorer()
    state = {prefix + k: v for k, v in official(network).items()}
    load_official(network, state, window_layout=layout)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, fill(name, tensor.shape)), name
    assert network.window_layout == network.fuse.spatial.window_layout == layout


@pytest.mark.parametrize("prefix", ["", "module."])
def test_blind_network_sets_both_layouts(tmp_path, prefix):
    network = blind()
    path = tmp_path / "BlindSR_NYUv2_BSR.pth"
    torch.save({prefix + k: v for k, v in official(network).items()}, path)
    load_official(network, path, window_layout="legacy")
    assert network.estimator.window_layout == network.restorer.window_layout == "legacy"
    for name, tensor in network.estimator.state_dict().items():
        assert torch.equal(tensor, fill("cmos." + name, tensor.shape)), name
    for name, tensor in network.restorer.state_dict().items():
        assert torch.equal(tensor, fill(name, tensor.shape)), name


@pytest.mark.parametrize(
    ("network", "source", "word"),
    [
        (restorer, blind, r"unknown \(cmos\..*whole BlindSR network; RRDBSFT is in RRDB_SFT_"),
        (lambda: CMOS(5, backbone="pyramid_small"), blind, "BlindSR network; CMOS is in CMOS_"),
        (blind, restorer, r"missing \(estimator\..*RRDB-SFT alone; load it into"),
        (blind, lambda: blind().estimator, r"missing \(restorer\..*\), .*CMOS alone; load it"),
        (lambda: restorer(use_semantics=False), restorer, r"unknown \(seg_conv\.weight, seg_conv"),
        (
            restorer,
            lambda: RRDBSFT(8, features=8, growth=4, blocks=1),
            r"of another shape \(fuse\.spatial\.conv_redu1",
        ),
    ],
)
def test_files_of_another_network(network, source, word):
    target = network()
    state = official(source())
    if isinstance(target, BlindSR) and not any(k.startswith("RRDB") for k in state):
        state = {"cmos." + k: v for k, v in state.items()}
    before = {k: v.clone() for k, v in target.state_dict().items()}
    with pytest.raises(WeightsError, match=word) as caught:
        load_official(target, state, window_layout="legacy")
    assert "\n" not in str(caught.value)
    assert all(torch.equal(v, before[k]) for k, v in target.state_dict().items())


@pytest.mark.parametrize(
    ("option", "value", "released"),
    [("condition", "lr", "hr"), ("skip", "bicubic", "none"), ("residual", 1.0, 0.2)],
)
def test_a_restorer_whose_tensors_fit_but_mean_something_else(option, value, released):
    network = restorer(**{option: value})
    with pytest.raises(ConfigError, match=f"{option}: {value!r}, expected {released!r}"):
        load_official(network, official(network), window_layout="legacy")
