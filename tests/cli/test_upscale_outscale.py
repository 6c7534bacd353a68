"""``blindsr upscale --outscale``, ``--suffix``, ``--json`` and ``--tta``."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.helpers.fake_model import FakeModel
from tests.helpers.make_ncnn import compact
from tests.helpers.upscale_command import fake_for_any_name, names, picture, refused, run

import blindsr
from blindsr.cli.pictures.records import INDEX
from blindsr.imaging.files import read_array, write_png
from blindsr.imaging.resize import upsample


@pytest.fixture
def model(monkeypatch):
    return fake_for_any_name(monkeypatch)


@pytest.mark.parametrize("factor", ["3", "1.5", "0.5", "2", "x2", "1"])
def test_the_result_has_the_size_asked_for(model, tmp_path, factor):
    write_png(tmp_path / "a.png", picture(40, 52))
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", "--outscale", factor) == 0
    times = float(factor.lstrip("x"))
    made = read_array(tmp_path / "out" / "a.png")
    assert made.shape == (round(40 * times), round(52 * times), 3)
    if times == 1:  # every pixel lies on its own: the fake model enlarges without a shift
        inner = np.s_[4:-4, 4:-4]
        assert np.abs(made.astype(int) - picture(40, 52))[inner].max() <= 3
    if times == 2:  # that of the model
        plain = upsample(picture(40, 52) / np.float32(255), 2, phase=model.phase)
        np.testing.assert_allclose(made / 255, np.clip(plain, 0, 1), atol=0.01)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L"])
def test_transparency_and_grey_follow(model, tmp_path, mode):
    ramp = np.linspace(0, 255, 20 * 30).reshape(20, 30).astype(np.uint8)
    colour = picture(20, 30)
    parts = {"RGBA": [colour, ramp[..., None]], "LA": [ramp[..., None]] * 2, "L": [ramp[..., None]]}
    Image.fromarray(np.concatenate(parts[mode], axis=2).squeeze(), mode).save(tmp_path / "a.png")
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", "--outscale", "1.5") == 0
    with Image.open(tmp_path / "out" / "a.png") as made:
        assert (made.mode, made.size) == (mode, (45, 30))
        if mode == "RGBA":
            alpha = np.asarray(made)[..., 3]
            assert (np.diff(alpha[5:-5].mean(axis=1)) > 0).all()


def test_maps_and_comparison_stay_at_the_scale_of_the_model(model, tmp_path):
    write_png(tmp_path / "a.png", picture(20, 30))
    out = tmp_path / "out"
    words = ["--outscale", "3", "--save-maps", "--compare"]
    assert run(tmp_path / "a.png", "-o", out, *words) == 0
    assert read_array(out / "a.png").shape == (60, 90, 3)
    assert read_array(out / "a_sigma.png").shape == (40, 60)


def test_the_suffix_goes_behind_every_name(model, tmp_path):
    write_png(tmp_path / "a.png", picture())
    write_png(tmp_path / "b.png", picture())
    assert run(tmp_path, "-o", tmp_path, "--suffix", "_large", "--save-maps", "--json") == 0
    made = {f"{name}_large{end}" for name in "ab" for end in (".png", ".json", "_sigma.png")}
    assert made <= set(names(tmp_path))
    before = names(tmp_path)
    assert run(tmp_path, "-o", tmp_path, "--suffix", "_large") == 0  # results are no pictures
    assert names(tmp_path) == before


def test_the_sidecar_holds_settings_and_scores(tmp_path):
    network = compact(tmp_path, features=8)
    write_png(tmp_path / "a.png", picture(24, 30))
    out = tmp_path / "out"
    words = f"--outscale 2 --json --consistency --tta --strength 0.8 --model {network}"
    assert run(tmp_path / "a.png", "-o", out, *words.split()) == 0
    content = json.loads((out / "a.json").read_text())
    assert (content["input"], content["output"]) == ("a.png", "a.png")
    assert content["blindsr"] == blindsr.__version__
    settings = content["settings"]
    assert settings["model"].startswith("RealESRGAN Compact x4 from model.param")
    assert (settings["input_size"], settings["size"]) == ([30, 24], [60, 48])
    assert (settings["outscale"], settings["strength"], settings["tta"]) == (2, 0.8, True)
    assert content["scores"]["consistency_db"] > 0
    assert "a.json" in json.loads((out / INDEX).read_text())["results"]
    assert run(tmp_path / "a.png", "-o", out, *words.split()) == 0  # skipped: there already


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--outscale", "0"], "--outscale: '0', expected a number from 0.1 to 64"),
        (["--outscale", "nan"], "--outscale: 'nan', expected"),
        (["--outscale", "65"], "--outscale: '65', expected"),
        (["--suffix", "a/b"], "--suffix: 'a/b', expected a part of a file name"),
        (["--scale", "2"], "unrecognized arguments: --scale 2. Did you mean --outscale?"),
    ],
)
def test_refused_in_one_line(model, tmp_path, capsys, words, part):
    write_png(tmp_path / "a.png", picture())
    assert part in refused(capsys, tmp_path / "a.png", "-o", tmp_path / "out", *words)


def test_a_suffix_and_a_file_name_contradict_each_other(model, tmp_path, capsys):
    write_png(tmp_path / "a.png", picture())
    words = [tmp_path / "a.png", "-o", tmp_path / "b.png", "--suffix", "_x"]
    assert "--suffix: _x for the file name" in refused(capsys, *words)


def test_formats_judge_the_size_that_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr("blindsr.restore.load", lambda *_, **__: FakeModel(scale=4))
    write_png(tmp_path / "a.png", np.zeros((16, 4096, 3), np.uint8))
    words = ["-o", tmp_path / "a.webp", "--outscale", "2"]
    assert run(tmp_path / "a.png", *words) == 0  # 4 times would be too wide for WebP
