"""ONNX files compute what the network does, at any size, and say what they are."""

import json

import numpy as np
import pytest
import torch
from tests.helpers.anchors import TINY
from tests.helpers.convert_command import convert, refused
from tests.helpers.pbasr_files import mean_network, moved, run
from torch import nn

from blindsr.errors import WeightsError
from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.types import IGNORE_INDEX
from blindsr.weights import NetworkFile, build_anchor, save_safetensors
from blindsr.weights.onnx.export import save_onnx
from blindsr.weights.onnx.graphs import EstimatorGraph, PlainGraph, RestorerGraph
from blindsr.weights.onnx.model import OnnxModel

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

ESTIMATOR = {"num_classes": 6, "backbone": "pyramid_small", "window": (4, 5), "gia_parts": "F"}
RESTORER = {
    "code_length": 4,
    "features": 8,
    "growth": 4,
    "blocks": 1,
    "window": (4, 5),
    "num_classes": 6,
}
# windows of 4 x 5 fit exactly, not at all, once and not quite, and in one direction
SIZES = [(1, 16, 20), (2, 17, 23), (1, 33, 16), (3, 24, 41)]
NAMES = tuple("abcdef")


def stirred(network):
    """In evaluation mode, with every weight and running statistic off its start."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
    return network.eval()


def runtime(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_session(session, **inputs):
    """Outputs by name."""
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {name: tensor.numpy() for name, tensor in inputs.items()})
    return dict(zip(names, found, strict=True))


def metadata(session):
    return session.get_modelmeta().custom_metadata_map


def model(graph):
    return OnnxModel("weights.ckpt", "Tiny", graph.eval(), {"description": "d"}, 6, 5.0)


def test_a_blind_pipeline_of_the_command_line(tmp_path, capfd):
    torch.manual_seed(3)
    network = stirred(BlindSR(CMOS(**ESTIMATOR), RRDBSFT(**RESTORER, condition="lr")))
    settings = {"estimator": ESTIMATOR, "restorer": RESTORER | {"condition": "lr"}}
    file = NetworkFile("x", "blind", settings, network.state_dict(), 3.0, NAMES)
    source, out = tmp_path / "blind.safetensors", tmp_path / "new" / "blind.onnx"
    save_safetensors(source, file)
    assert convert("export", source, "-o", out) == 0
    captured = capfd.readouterr()  # of the file descriptors: exporters write past sys.stdout
    assert captured.err == ""
    start = f"{source} -> {out}: BlindSR (CMOS + RRDB-SFT) x4; lr -> sr, blur, seg; "
    assert captured.out.startswith(start)
    assert " MB; opset 17; at most " in captured.out
    assert captured.out.endswith("(blur) from the network, classes equal\n")
    assert captured.out.count("\n") == 1
    assert [path.name for path in out.parent.iterdir()] == ["blind.onnx"]

    session = runtime(out)
    torch.manual_seed(1)
    for n, h, w in SIZES:
        lr = torch.rand(n, 3, h, w)
        with torch.no_grad():
            sr, estimate = network(lr)
        found = run_session(session, lr=lr)
        seg = estimate.seg_logits.argmax(dim=1).numpy()
        assert found["seg"].dtype == np.int64
        np.testing.assert_array_equal(found["seg"], seg)
        np.testing.assert_allclose(found["sr"], sr.numpy(), atol=1e-4)
        np.testing.assert_allclose(found["blur"], estimate.blur.numpy(), atol=1e-4)
    assert len(np.unique(seg)) > 1

    facts = metadata(session)
    assert (facts["scale"], facts["sigma_max"], facts["opset"]) == ("4", "3.0", "17")
    assert (facts["minimum_size"], facts["batch_size"]) == ("16", "any")
    assert json.loads(facts["class_names"]) == list(NAMES)
    assert json.loads(facts["blindsr"])["settings"]["restorer"]["condition"] == "lr"
    assert facts["description"].startswith("BlindSR (CMOS + RRDB-SFT) x4, blind super-")
    assert "blur (n,1,4h,4w) float32, sigma in HR pixels" in facts["description"]
    assert facts["license"].startswith("Apache-2.0")
    assert "phase" not in facts
    shape = {output.name: output.shape for output in session.get_outputs()}["sr"]
    assert [axis for axis in shape if isinstance(axis, int)] in ([], [3])  # all else is open


@pytest.mark.parametrize(
    "options",
    [
        {"condition": "hr"},
        {"condition": "lr", "window_layout": "legacy"},
        {"condition": "lr", "use_blur": False, "embed": "onehot"},
        {"condition": "hr", "use_semantics": False, "scale": 3},
        {"use_blur": False, "use_semantics": False, "skip": "bicubic", "phase": 1.5},
    ],
    ids=lambda options: " ".join(f"{k}={v}" for k, v in options.items()),
)
def test_restorers_take_the_maps_they_use(options, tmp_path):
    network = stirred(RRDBSFT(**RESTORER | options))
    graph = RestorerGraph(network)
    used = {"blur": network.use_blur, "seg": network.use_semantics}
    report = save_onnx(tmp_path / "a.onnx", model(graph))
    assert set(report.differences) == {"sr"}
    assert report.size == (tmp_path / "a.onnx").stat().st_size
    session = runtime(tmp_path / "a.onnx")
    names = [i.name for i in session.get_inputs()]
    assert names == ["lr", *(name for name, use in used.items() if use)]
    torch.manual_seed(1)
    for n, h, w in [*SIZES, (1, 1, 1), (2, 2, 5)]:
        height, width = network.scale * h, network.scale * w
        seg = torch.randint(0, 6, (n, height, width))
        seg[:, 0] = IGNORE_INDEX
        inputs = {
            "lr": torch.rand(n, 3, h, w),
            "blur": 5 * torch.rand(n, 1, height, width),
            "seg": seg,
        }
        inputs = {name: inputs[name] for name in names}
        with torch.no_grad():
            expected = network(**inputs).numpy()
        np.testing.assert_allclose(run_session(session, **inputs)["sr"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "outputs"),
    [
        ({"tasks": "blur", "gia_parts": "FCS"}, ["blur"]),
        ({"tasks": "seg"}, ["seg"]),
        pytest.param(
            {"gia_parts": "FCS", "window_layout": "legacy"},
            ["blur", "seg"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_estimators_give_the_maps_they_have(options, outputs, tmp_path):
    network = stirred(CMOS(**ESTIMATOR | options))
    save_onnx(tmp_path / "a.onnx", model(EstimatorGraph(network)))
    session = runtime(tmp_path / "a.onnx")
    assert [output.name for output in session.get_outputs()] == outputs
    torch.manual_seed(1)
    for n, h, w in SIZES:
        lr = torch.rand(n, 3, h, w)
        with torch.no_grad():
            estimate = network(lr)
        found = run_session(session, lr=lr)
        if "blur" in found:
            np.testing.assert_allclose(found["blur"], estimate.blur.numpy(), atol=1e-4)
        if "seg" in found:
            expected = estimate.seg_logits.argmax(dim=1).numpy()
            assert np.mean(found["seg"] != expected) < 1e-3


def test_the_average_of_pbasr(tmp_path, capfd):
    anchor = build_anchor("esrgan", TINY["esrgan"])
    general, blur = moved(anchor.network, 1), moved(anchor.network, 2)
    torch.save(run(anchor, general, blur), tmp_path / "run.ckpt")
    assert convert("export", tmp_path / "run.ckpt", "-o", tmp_path / "a.onnx") == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    assert ": ESRGAN x4; lr -> sr; " in captured.out
    session, average = runtime(tmp_path / "a.onnx"), mean_network(general, blur).eval()
    for n, h, w in SIZES:
        lr = torch.rand(n, 3, h, w)
        with torch.no_grad():
            expected = average(lr).numpy()
        np.testing.assert_allclose(run_session(session, lr=lr)["sr"], expected, atol=1e-4)


def test_an_anchor_that_takes_one_picture_at_a_time(tmp_path, capfd):
    anchor = build_anchor("swinir", TINY["swinir"] | {"depths": [2], "num_heads": [2]})
    torch.save({"params": stirred(anchor.network).state_dict()}, tmp_path / "swinir.pth")
    assert convert("export", tmp_path / "swinir.pth", "-o", tmp_path / "a.onnx") == 0
    assert ": SwinIR x4; lr -> sr; one picture at a time; " in capfd.readouterr().out
    session = runtime(tmp_path / "a.onnx")
    assert session.get_inputs()[0].shape[0] == 1
    assert metadata(session)["batch_size"] == "1"
    for h, w in ((16, 16), (19, 30), (33, 17)):
        lr = torch.rand(1, 3, h, w)
        with torch.no_grad():
            expected = anchor.network.eval()(lr).numpy()
        np.testing.assert_allclose(run_session(session, lr=lr)["sr"], expected, atol=1e-4)


@pytest.mark.slow
def test_a_released_restorer_needs_a_layout(tmp_path, capfd):
    network = stirred(RRDBSFT(8, window_layout="legacy"))
    torch.save(network.state_dict(), tmp_path / "RRDB_SFT.pth")
    words = ["export", tmp_path / "RRDB_SFT.pth", "-o", tmp_path / "a.onnx"]
    assert convert(*words) == 2
    assert "--layout: not given, expected fixed or legacy" in capfd.readouterr().err
    assert convert(*words, "--layout", "legacy") == 0
    session = runtime(tmp_path / "a.onnx")
    assert "sigma_max" not in metadata(session)
    lr, blur, seg = torch.rand(1, 3, 9, 8), torch.rand(1, 1, 36, 32), torch.ones(1, 36, 32).long()
    with torch.no_grad():
        expected = network(lr, blur, seg).numpy()
    found = run_session(session, lr=lr, blur=blur, seg=seg)["sr"]
    np.testing.assert_allclose(found, expected, atol=1e-4)


class Blocks(nn.Module):
    """Takes multiples of 4 alone."""

    def forward(self, lr):
        assert lr.shape[2] % 4 == lr.shape[3] % 4 == 0
        blocks = lr.flip(3).reshape(lr.shape[0], 3, -1, 4, lr.shape[3]).flip(3)
        return blocks.reshape(lr.shape).repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_other_sizes_are_mirrored_to_those_that_a_network_takes(tmp_path):
    graph = PlainGraph(Blocks(), 2, multiple=4)
    save_onnx(tmp_path / "a.onnx", model(graph))
    session = runtime(tmp_path / "a.onnx")
    for n, h, w in [*SIZES, (1, 1, 2)]:
        lr = torch.rand(n, 3, h, w)
        found = run_session(session, lr=lr)["sr"]
        assert found.shape == (n, 3, 2 * h, 2 * w)
        np.testing.assert_array_equal(found, graph(lr).numpy())


class Frozen(nn.Module):
    """Depends on the size by a Python number."""

    def forward(self, lr):
        return lr * (int(lr.shape[2]) / 100)


class Undefined(nn.Module):
    def forward(self, lr):
        return torch.sqrt(lr - 2)


class Singular(nn.Module):
    def forward(self, lr):
        return torch.linalg.svd(lr)[1]


@pytest.mark.parametrize(
    ("network", "part"),
    [
        (Frozen(), r"differs from the network by 0\.\d+ in sr for a picture \(1, 3, 10, 21\)"),
        (Undefined(), "differs from the network by nan"),
        (Singular(), "a network that cannot be written as ONNX"),
    ],
)
def test_what_onnx_cannot_hold_is_not_written(network, part, tmp_path):
    with pytest.raises(WeightsError, match=part) as caught:
        save_onnx(tmp_path / "a.onnx", model(PlainGraph(network, 1)))
    assert str(caught.value).startswith("weights.ckpt: ")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(Exception, match="cannot be written"):
        save_onnx(tmp_path / "file" / "a.onnx", model(PlainGraph(nn.Identity(), 1)))


def test_without_the_extra_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    found = "blindsr.weights.onnx.export.find_spec"
    monkeypatch.setattr(found, lambda name: None if name == "onnxruntime" else object())
    (tmp_path / "some.ckpt").write_text("")
    error = refused(capsys, "export", tmp_path / "some.ckpt", "-o", tmp_path / "a.onnx")
    assert "onnxruntime not installed, expected the extra `onnx`" in error
    assert error.endswith("Type: uv pip install 'blindsr[onnx]'\n")


def test_wrong_words_are_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = RRDBSFT(**RESTORER, use_blur=False, use_semantics=False)
    settings = RESTORER | {"use_blur": False, "use_semantics": False}
    save_safetensors(
        "own.safetensors", NetworkFile("x", "rrdb_sft", settings, network.state_dict())
    )
    torch.save({"weight": torch.zeros(1)}, "other.pth")
    cases = [
        (["export", "x.ckpt", "-o", "a.onnx", "--format", "safetensors"], "ends in .safetensors"),
        (["export", "x.ckpt", "-o", "a.pth", "--format", "onnx"], "ends in .onnx"),
        (["export", "x.ckpt", "-o", "a.onx"], "--format safetensors or official or onnx"),
        (["official", "x.pth", "-o", "a.onnx"], "a.onnx for a safetensors file"),
        (["export", "x.ckpt", "-o", "a.onnx"], "x.ckpt: no such file"),
        (["export", "other.pth", "-o", "a.onnx"], "of an unknown architecture (weight)"),
        (["export", "own.safetensors", "-o", "a.onnx", "--layout", "fixed"], "Leave it out"),
        (["export", "own.safetensors", "-o", "a.safetensors", "--layout", "fixed"], "Leave it"),
    ]
    for words, expected in cases:
        assert expected in refused(capsys, *words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.pth", "own.safetensors"]
