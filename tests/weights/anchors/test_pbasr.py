"""PBaSR's branches: out of checkpoints and released files, averaged, written for the anchor."""

import copy

import pytest
import torch
from safetensors.torch import save_file
from tests.helpers.anchors import TINY, bits, dialects, rrdb
from tests.helpers.pbasr_files import mean_network, moved, released, run, sr
from torch import nn

from blindsr.errors import ConfigError, FileError, WeightsError
from blindsr.weights import (
    anchor_of_branch,
    anchor_state,
    average_branches,
    build_anchor,
    read_anchor,
    read_pbasr,
    read_pbasr_official,
    read_pbasr_run,
)


def test_the_average_is_the_mean_of_what_was_trained_and_a_copy_of_all_else():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.frozen = nn.Parameter(torch.randn(5), requires_grad=False)
            self.norm = nn.BatchNorm2d(4)
            self.register_buffer("relative_position_index", torch.arange(6))
            self.register_buffer("attn_mask", torch.zeros(2, 2))

    torch.manual_seed(0)
    general, blur = Mixed(), Mixed()
    blur.frozen.data = general.frozen.data.clone()
    blur.norm.running_mean += 1
    blur.norm.running_var *= 3
    blur.norm.num_batches_tracked += 7
    blur.relative_position_index += 1
    blur.attn_mask -= 100
    one, other = general.state_dict(), blur.state_dict()
    before = copy.deepcopy((one, other))
    mean = average_branches(one, other)
    for name in ("conv.weight", "conv.bias"):
        torch.testing.assert_close(mean[name], 0.5 * one[name] + 0.5 * other[name])
    assert torch.equal(mean["norm.running_mean"], torch.full((4,), 0.5))
    assert torch.equal(mean["norm.running_var"], torch.full((4,), 2.0))
    for name in ("frozen", "norm.num_batches_tracked", "relative_position_index", "attn_mask"):
        assert torch.equal(mean[name], one[name]), name
    assert list(mean) == list(one)
    for state, old in zip((one, other), before, strict=True):
        assert all(torch.equal(state[name], old[name]) for name in state)


def test_the_average_is_rounded_once_and_has_no_side():
    small = torch.tensor([1e-45, 3.0, 2.0**-24 + 1, float("inf")])
    large = torch.tensor([1e-45, 5.0, 1.0, float("inf")])
    mean = average_branches({"w": small}, {"w": large})["w"]
    assert torch.equal(mean, average_branches({"w": large}, {"w": small})["w"])
    assert torch.equal(mean[[0, 3]], small[[0, 3]])
    halves = (
        {"w": torch.tensor([60000.0], dtype=torch.float16)},
        {"w": torch.tensor([60032.0]).half()},
    )
    assert float(average_branches(*halves)["w"]) == 60032.0  # 60016 rounded; the sum overflows


def test_branches_of_two_networks_are_refused():
    wanted = r"in the blur branch 1 missing \(a\), 1 unknown \(c\), 1 of another shape \(b "
    with pytest.raises(WeightsError, match=wanted):
        average_branches(
            {"a": torch.zeros(1), "b": torch.zeros(2)}, {"c": torch.zeros(1), "b": torch.zeros(3)}
        )


def test_a_released_file_is_read_as_branches_and_as_the_network_of_their_average(tmp_path):
    general = rrdb()
    blur = moved(general, 1)
    path = tmp_path / "PBaSR-ESRGAN.pth"
    torch.save(released(general, blur), path)
    names = dialects(general.state_dict())["BasicSR"][0]["params"]
    one, other = read_pbasr_official(path)
    assert list(one) == list(other) == list(names)
    assert all(torch.equal(one[name], tensor) for name, tensor in names.items())
    anchor = read_anchor(path)
    assert (anchor.title, anchor.scale, anchor.wrapper) == ("ESRGAN", 4, "params")
    assert torch.equal(sr(anchor.network), sr(mean_network(general, blur)))
    assert list(anchor.names) == list(names)
    flat = released(general, blur)["params"]
    save_file({f"module.{name}": t.clone() for name, t in flat.items()}, tmp_path / "a.safetensors")
    again = read_anchor(tmp_path / "a.safetensors")
    assert torch.equal(sr(again.network), sr(anchor.network))
    started = build_anchor("esrgan", TINY["esrgan"], path)
    assert torch.equal(sr(started.network), sr(anchor.network))


def test_each_branch_of_a_run_is_a_network(tmp_path):
    source = rrdb()
    torch.save(dialects(source.state_dict())["Real-ESRGAN"][0], tmp_path / "source.pth")
    anchor = read_anchor(tmp_path / "source.pth")
    general, blur = moved(anchor.network, 1), moved(anchor.network, 2)
    torch.save(run(anchor, general, blur), tmp_path / "run.ckpt")
    weights = read_pbasr_run(tmp_path / "run.ckpt")
    assert (weights.title, weights.scale, weights.averaged) == ("ESRGAN", 4, False)
    expected = {"general": general, "blur": blur, "average": mean_network(general, blur)}
    for which, network in expected.items():
        assert torch.equal(sr(anchor_of_branch(weights, which).network), sr(network)), which
        wanted = dialects(network.state_dict())["Real-ESRGAN"][0]
        assert bits(weights.in_dialect(which)) == bits(wanted), which
    read = read_anchor(tmp_path / "run.ckpt")  # a training may start from another one
    assert torch.equal(sr(read.network), sr(expected["average"]))
    assert read.names == anchor.names
    with pytest.raises(ConfigError, match="branch: 'both', expected 'average' or 'general'"):
        weights.branch("both")


def test_a_run_from_scratch_knows_its_class(tmp_path):
    anchor = build_anchor("hat", {**TINY["hat"], "conv_scale": 0.5})
    general, blur = moved(anchor.network, 1), moved(anchor.network, 2)
    torch.save(run(anchor, general, blur, current_model_state={}), tmp_path / "run.ckpt")
    weights = read_pbasr(tmp_path / "run.ckpt")
    assert weights.averaged
    built = anchor_of_branch(weights)
    assert torch.equal(sr(built.network), sr(mean_network(general, blur)))
    assert built.init_args["conv_scale"] == 0.5


def test_a_unified_training_has_one_branch(tmp_path):
    anchor = build_anchor("compact", TINY["compact"])
    torch.save(run(anchor, anchor.network), tmp_path / "run.ckpt")
    weights = read_pbasr_run(tmp_path / "run.ckpt")
    assert weights.blur is None
    expected = anchor_state(anchor.names, anchor.wrapper, anchor.network.state_dict())
    for which in ("average", "general"):
        assert bits(weights.in_dialect(which)) == bits(expected)
    with pytest.raises(WeightsError, match=r"run\.ckpt: one branch, of a unified training"):
        weights.branch("blur")


def without(content, *starts):
    kept = {n: t for n, t in content["params"].items() if not n.startswith(starts)}
    return {"params": kept}


def test_files_without_branches(tmp_path):
    whole = released(rrdb(), rrdb())
    anchor = build_anchor("compact", TINY["compact"])
    good = run(anchor, anchor.network)
    torn = {k: v for k, v in good["state_dict"].items() if "body.1" not in k}
    about = {"names": {}, "wrapper": ""}
    plain = without(whole, "general_branch.", "defocus_branch.")
    cases = {
        "plain": (plain, "none under general_branch. and none under defocus_branch."),
        "half": (without(whole, "defocus_branch."), "none under defocus_branch..*may be cut"),
        "more": (released(rrdb(), rrdb(), odd=torch.zeros(1)), r"1 beside \(odd\)"),
        "uneven": (without(whole, "general_branch.conv_l"), r"in the blur branch 2 unknown"),
        "task": ({"state_dict": {"network.a": torch.zeros(1)}}, "none under general_branch"),
        "anchorless": (good | {"anchor": about}, "an anchor that cannot be read .*title"),
        "odd": (good | {"anchor": [1]}, "an anchor that cannot be read"),
        "torn": (good | {"state_dict": torn}, "without 1 of 8 tensors"),
    }
    for name, (content, expected) in cases.items():
        path = tmp_path / f"{name}.ckpt"
        torch.save(content, path)
        with pytest.raises(WeightsError, match=expected) as caught:
            read_pbasr(path).branch()
        assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match=r"no training of PBaSR \(params\)"):
        read_pbasr_run(tmp_path / "half.ckpt")
    with pytest.raises(FileError, match="no such file"):
        read_pbasr(tmp_path / "none.pth")
    torch.save(whole, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:5000])
    with pytest.raises(WeightsError, match="not readable as weights"):
        read_pbasr_official(tmp_path / "cut.pth")
