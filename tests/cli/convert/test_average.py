"""``blindsr convert average``: what it writes is what programs for the anchor read."""

import pytest
import spandrel
import torch
from tests.helpers.anchors import TINY, bits, dialects, rrdb
from tests.helpers.convert_command import convert, refused
from tests.helpers.pbasr_files import mean_network, moved, released, run, sr

from blindsr.weights import build_anchor


def plain_sr(path):
    """What spandrel alone makes of a file."""
    return sr(spandrel.ModelLoader().load_from_file(path).model)


@pytest.fixture
def trained(tmp_path):
    """Checkpoint of a training from scratch, and its branches."""
    anchor = build_anchor("esrgan", TINY["esrgan"])
    general, blur = moved(anchor.network, 1), moved(anchor.network, 2)
    torch.save(run(anchor, general, blur), tmp_path / "run.ckpt")
    return tmp_path / "run.ckpt", general, blur


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_average_of_a_run_is_read_by_spandrel(trained, suffix, tmp_path, capsys):
    source, general, blur = trained
    out = tmp_path / f"model{suffix}"
    assert convert("average", source, "-o", out) == 0
    assert torch.equal(plain_sr(out), sr(mean_network(general, blur)))
    parameters = sum(p.numel() for p in general.parameters())
    end = f"ESRGAN x4, average of both branches, {parameters:,} parameters\n"
    assert capsys.readouterr().out == f"{source} -> {out}: {end}"
    if suffix == ".pth":
        written = torch.load(out, weights_only=True)
        assert list(written) == ["params"]
        assert "body.0.rdb1.conv1.weight" in written["params"]


def test_one_branch_and_a_released_file(trained, tmp_path, capsys):
    source, general, blur = trained
    for which, network in (("general", general), ("blur", blur)):
        out = tmp_path / f"{which}.pth"
        assert convert("average", source, "-o", out, "--branch", which) == 0
        assert torch.equal(plain_sr(out), sr(network))
        assert f"ESRGAN x4, {which} branch, " in capsys.readouterr().out
    official, out = tmp_path / "PBaSR-ESRGAN.pth", tmp_path / "model.pth"
    torch.save(released(general, blur), official)
    assert convert("average", official, "-o", out) == 0
    assert torch.equal(plain_sr(out), sr(mean_network(general, blur)))


def test_what_is_special_about_a_training_is_said(tmp_path, capsys):
    anchor = build_anchor("hat", {**TINY["hat"], "conv_scale": 0.5})
    torch.save(run(anchor, anchor.network, current_model_state={}), tmp_path / "run.ckpt")
    assert convert("average", tmp_path / "run.ckpt", "-o", tmp_path / "a.pth") == 0
    said = capsys.readouterr().out
    assert "HAT x4, the one branch of a unified training" in said
    assert ", averaged weights, to be loaded into spandrel.architectures.HAT.HAT with" in said


def test_a_class_with_released_weights_is_written_in_their_dialect(tmp_path, capsys):
    content, _ = dialects(rrdb(3).state_dict())["BSRGAN"]
    torch.save(content, tmp_path / "BSRGAN.pth")
    anchor = build_anchor("esrgan", TINY["esrgan"], tmp_path / "BSRGAN.pth")
    stored = run(anchor, anchor.network, anchor.network)
    stored["anchor"] |= {"class_path": "esrgan", "init_args": TINY["esrgan"]}  # as in the YAML
    torch.save(stored, tmp_path / "run.ckpt")
    assert convert("average", tmp_path / "run.ckpt", "-o", tmp_path / "a.pth") == 0
    assert capsys.readouterr().out.endswith(" parameters\n")
    assert bits(torch.load(tmp_path / "a.pth", weights_only=True)) == bits(content)
    assert torch.equal(plain_sr(tmp_path / "a.pth"), sr(anchor.network))


def test_a_class_of_the_user_need_not_be_importable(tmp_path, capsys):
    anchor = build_anchor("torch.nn.Upsample", {"scale_factor": 2})
    network = torch.nn.Conv2d(3, 3, 3)
    stored = run(anchor, network)
    names = {name: name for name in network.state_dict()}
    stored["anchor"] |= {"names": names, "class_path": "gone.Net", "title": "Net"}
    torch.save(stored, tmp_path / "run.ckpt")
    assert convert("average", tmp_path / "run.ckpt", "-o", tmp_path / "a.pth") == 0
    said = "Net x2, the one branch of a unified training, to be loaded into gone.Net with its"
    assert said in capsys.readouterr().out
    written = torch.load(tmp_path / "a.pth", weights_only=True)
    assert all(torch.equal(written[name], t) for name, t in network.state_dict().items())


def test_bad_input_is_one_line_and_writes_nothing(trained, tmp_path, capsys):
    source, *_ = trained
    out = tmp_path / "out" / "model.pth"
    torch.save({"params": rrdb().state_dict()}, tmp_path / "plain.pth")
    cases = [
        (["average", tmp_path / "none.ckpt", "-o", out], "no such file"),
        (["average", tmp_path / "plain.pth", "-o", out], "none under general_branch."),
        (["average", source, "-o", tmp_path / "model.onnx"], "whose suffix names no format"),
        (["average", source, "-o", source], "suffix names no format"),
        (["average", source, "-o", tmp_path / "plain.pth"], "Choose another, or --force"),
        (["average", source], "required: -o/--out"),
        (["average", source, "-o", out, "--branch", "blr"], "Did you mean blur?"),
        (["avrage", source, "-o", out], "Did you mean average?"),
        (["oficial", source], "Did you mean official?"),
    ]
    for words, expected in cases:
        assert expected in refused(capsys, *words)
    assert not out.parent.exists()
    assert not (tmp_path / "model.onnx").exists()
