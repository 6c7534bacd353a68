"""Which files the restorer opens, what they say of themselves, and what they are asked."""

import shutil

import numpy as np
import pytest
import torch
from tests.helpers.made_pipeline import (
    CLASSES,
    CMOS_SETTINGS,
    RESTORER_SETTINGS,
    as_float,
    blind,
    equal,
    export,
    scene,
)

import blindsr
from blindsr.errors import ConfigError, DataError, FileError, WeightsError
from blindsr.restore import Restorer


def test_what_a_file_says_of_itself(model, blind_file):
    assert model.title == "BlindSR (CMOS + RRDB-SFT)"
    assert (model.scale, model.sigma_max, model.num_classes) == (4, 5.0, CLASSES)
    assert model.class_names == tuple("abcdef")
    assert model.can_upscale
    assert model.can_estimate
    assert not model.needs_maps
    assert "\n" not in model.describe()
    assert blind_file.name in model.describe()


def test_trained_for_is_read_from_the_metadata(blind_file, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(blind_file, "pt") as file:
        metadata = dict(file.metadata())
    path = tmp_path / "x.safetensors"
    save_file(load_file(blind_file), path, {**metadata, "trained_for": "defocus"})
    assert blindsr.load(path, device="cpu").describe().endswith("trained for defocus")


def test_the_small_network_is_the_default(blind_file, tmp_path, monkeypatch):
    monkeypatch.setattr("blindsr.inference.catalogue.ASSETS", tmp_path)
    for arguments in ((), ("small",)):
        with pytest.raises(WeightsError, match=r"^small: no weights in this installation"):
            blindsr.load(*arguments, device="cpu")
    shutil.copy(blind_file, tmp_path / "small.safetensors")
    assert blindsr.load(device="cpu").scale == blindsr.load("small", device="cpu").scale == 4


def test_checkpoints_of_a_training(tmp_path):
    network = blind()
    parts = {"estimator": CMOS_SETTINGS, "restorer": RESTORER_SETTINGS}
    files = {
        "cmos": (network.estimator, CMOS_SETTINGS),
        "rrdb_sft": (network.restorer, RESTORER_SETTINGS),
        "blind": (network, parts),
    }
    models = {}
    for kind, (part, settings) in files.items():
        state = {f"network.{name}": tensor for name, tensor in part.state_dict().items()}
        path = tmp_path / f"{kind}.ckpt"
        torch.save({"state_dict": state, "hyper_parameters": {**settings, "sigma_max": 7}}, path)
        models[kind] = blindsr.load(path, device="cpu")
    image = scene(20, 24)
    maps = models["cmos"].estimate(image)
    assert equal(maps.blur, models["blind"].estimate(image).blur)
    told = models["rrdb_sft"].upscale(image, blur=maps.blur, seg=maps.seg)
    assert equal(told, models["blind"].upscale(image, keep_blur=0))
    assert models["cmos"].sigma_max == 7


def test_an_estimator_alone_restores_nothing(tmp_path):
    path = export(tmp_path / "x.safetensors", "cmos", blind().estimator, CMOS_SETTINGS)
    model = blindsr.load(path, device="cpu")
    assert not model.can_upscale
    for call in (model.upscale, model.strips):
        with pytest.raises(ConfigError, match="estimates maps and restores nothing"):
            call(scene(20, 20))
    strips = list(model.strips(scene(20, 20), maps=True))
    assert strips[0].sr is None
    assert strips[0].blur.shape == (80, 80)


def test_a_restorer_alone_must_be_told(tmp_path):
    path = export(tmp_path / "x.safetensors", "rrdb_sft", blind().restorer, RESTORER_SETTINGS)
    model = blindsr.load(path, device="cpu")
    image = scene(150, 20)
    assert model.needs_maps
    for call in (model.upscale, model.strips):
        with pytest.raises(ConfigError, match=r"no blur, expected upscale\(image, blur=...\)"):
            call(image)
    with pytest.raises(ConfigError, match="estimates no maps"):
        model.estimate(image)
    constant = model.upscale(image, blur=1.5, seg=2)
    maps = np.full((600, 80), 1.5), np.full((600, 80), 2)
    assert equal(constant, model.upscale(image, blur=maps[0], seg=maps[1]))
    assert not equal(constant, model.upscale(image, blur=3, seg=2))
    tiled = model.upscale(image, blur=1.5, seg=2, tile=32)
    assert np.abs(tiled.astype(int) - constant).max() <= 1
    for wrong in ({"blur": -1.0}, {"blur": np.nan}, {"blur": np.zeros((3, 3))}):
        with pytest.raises(DataError, match="blur"):
            model.upscale(image, **{"seg": 2, **wrong})
    for wrong in (0.5, 256, -1):
        with pytest.raises(DataError, match="seg"):
            model.upscale(image, blur=1, seg=wrong)


def test_told_what_it_does_not_ask(model):
    with pytest.raises(ConfigError, match="blur: a value for BlindSR"):
        model.upscale(scene(20, 20), blur=1)


def test_without_its_estimator_a_model_is_told(model):
    image = scene(20, 20)
    alone = model.without_estimator()
    assert alone.needs_maps
    assert model.can_estimate
    maps = model.estimate(image)
    told = alone.upscale(image, blur=maps.blur, seg=maps.seg)
    assert np.abs(told.astype(int) - model.upscale(image, keep_blur=0.0)).max() <= 1
    with pytest.raises(ConfigError, match=r"without_estimator\(\) is told"):
        model.upscale(image, blur=1)


@pytest.fixture
def esrgan(tmp_path):
    spandrel = pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    torch.manual_seed(0)
    network = RRDBNet(num_filters=8, num_blocks=1, scale=4)
    path = tmp_path / "esrgan.pth"
    torch.save({"params_ema": network.state_dict()}, path)
    assert spandrel.ModelLoader().load_from_file(path).scale == 4
    return path, network.eval()


@torch.inference_mode()
def test_networks_of_other_projects(esrgan):
    path, network = esrgan
    model = blindsr.load(path, device="cpu")
    assert (model.title, model.scale) == ("ESRGAN", 4)
    assert not model.can_estimate
    image = as_float(scene(60, 70))
    sr = network(torch.from_numpy(image).permute(2, 0, 1)[None]).clamp(0, 1)
    whole = model.upscale(image, keep_blur=0)
    np.testing.assert_allclose(whole, sr[0].permute(1, 2, 0), atol=1e-6)
    assert np.abs(model.upscale(image, tile=32, keep_blur=0) - whole).max() < 1e-3
    assert model.upscale(scene(3, 70)).shape == (12, 280, 3)
    with pytest.raises(ConfigError, match="estimates no maps"):
        model.estimate(image)


def test_files_that_nobody_knows(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        blindsr.load(tmp_path / "none.pth")
    text = tmp_path / "text.pth"
    text.write_text("hello")
    foreign = tmp_path / "foreign.pth"
    torch.save({"a.weight": torch.zeros(3)}, foreign)
    grey = tmp_path / "pickle.pth"
    torch.save({"a": Restorer}, grey)
    for path in (text, foreign, grey):
        with pytest.raises(WeightsError) as error:
            blindsr.load(path, device="cpu")
        assert str(error.value).startswith(str(path))
        assert "\n" not in str(error.value)


def test_official_files_need_a_layout(tmp_path):
    path = tmp_path / "official.pth"
    names = {f"cmos.{name}": torch.zeros(1) for name in ("heads.0.x",)}
    torch.save({**names, "cmos.predict.seg.last_layer.3.weight": torch.zeros(40, 1)}, path)
    with pytest.raises(WeightsError, match="expected layout='legacy' or 'fixed'"):
        blindsr.load(path, device="cpu")
    with pytest.raises(WeightsError, match="missing"):
        blindsr.load(path, device="cpu", layout="legacy")


def test_wrong_options(blind_file):
    with pytest.raises(ConfigError, match="device: nowhere"):
        blindsr.load(blind_file, device="nowhere")
    with pytest.raises(ConfigError, match="precision: 'half'"):
        blindsr.load(blind_file, device="cpu", precision="half")


def test_half_precision_is_near(model, blind_file):
    image = as_float(scene(20, 24))
    half = blindsr.load(blind_file, device="cpu", precision="bf16").upscale(image)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - model.upscale(image)).mean() < 0.02
