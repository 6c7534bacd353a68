"""``blindsr upscale`` with --keep-blur, --strength and --consistency, in-process."""

import json

import numpy as np
import pytest
from tests.helpers.fake_model import FakeModel

from blindsr.cli import app
from blindsr.cli.pictures.records import INDEX
from blindsr.imaging.files import read_array, read_png_text, write_png
from blindsr.inference.blur import in_box


@pytest.fixture
def model(monkeypatch, tmp_path):
    fake = FakeModel()
    monkeypatch.setattr("blindsr.restore.load", lambda *_, **__: fake)
    monkeypatch.setattr(in_box, "FILE", tmp_path)
    monkeypatch.setattr(in_box, "default_keep_blur", lambda: 0.3)
    write_png(tmp_path / "a.png", picture())
    return fake


def picture(seed=0):
    coarse = np.random.default_rng(seed).random((5, 7, 3), np.float32)
    return np.rint(np.kron(coarse, np.ones((4, 4, 1))) * 255).astype(np.uint8)


def run(*words):
    return app.main(["upscale", *(str(word) for word in words)])


def records(folder):
    return json.loads((folder / INDEX).read_text())["results"]


def test_the_options_reach_the_model_and_the_index(model, tmp_path, capsys):
    assert run(tmp_path / "a.png", "-o", tmp_path / "out") == 0
    assert model.finished == (0.3, 1.0, False)
    made = records(tmp_path / "out")["a.png"]["made_with"]
    assert made == {"model": model.describe(), "keep_blur": 0.3, "strength": 1.0}
    words = ["--keep-blur", "0", "--strength", "0.5", "--overwrite"]
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", *words) == 0
    assert model.finished == (0.0, 0.5, False)
    made = records(tmp_path / "out")["a.png"]["made_with"]
    assert (made["keep_blur"], made["strength"]) == (0.0, 0.5)
    assert "consistency" not in capsys.readouterr().out
    assert run(tmp_path / "a.png", "-o", tmp_path / "out") == 0
    assert "1 skipped" in capsys.readouterr().out
    assert records(tmp_path / "out")["a.png"]["made_with"] == made


def test_consistency_is_a_number_in_the_line_and_in_the_index(model, tmp_path, capsys):
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", "--consistency") == 0
    assert model.finished[2]
    # the stand-in interpolates, so that every second pixel is the input as it was
    assert "52x" not in (out := capsys.readouterr().out)
    assert "28x20 -> 56x40, 8 bit RGB, consistency " in out
    assert " dB, " in out
    found = records(tmp_path / "out")["a.png"]["made_with"]["consistency_db"]
    assert found == "infinite" or found > 60
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["a.png"]


def test_of_several_pictures_the_summary_tells_mean_and_least(model, tmp_path, capsys):
    write_png(tmp_path / "b.png", picture(1))
    model.phase = 0.5  # not where the stand-in puts pixels
    model.downsampler = "area"
    words = ["-o", tmp_path / "out", "--consistency"]
    assert run(tmp_path / "a.png", tmp_path / "b.png", *words) == 0
    out = capsys.readouterr().out
    values = [records(tmp_path / "out")[f"{n}.png"]["made_with"]["consistency_db"] for n in "ab"]
    expected = f"2 of 2 done, consistency {sum(values) / 2:.1f} dB on average"
    assert f"{expected}, least {min(values):.1f}" in out


def test_the_map_shows_each_pixel_of_the_input(model, tmp_path, capsys):
    model.downsampler = "area"
    words = [tmp_path / "a.png", "-o", tmp_path / "out", "--consistency-map"]
    assert run(*words) == 0
    assert "a_consistency.png, consistency " in capsys.readouterr().out
    path = tmp_path / "out" / "a_consistency.png"
    error = read_array(path)
    assert error.shape == picture().shape[:2]
    assert error.dtype == np.uint8
    assert error.max() > 0
    assert read_png_text(path)["white"] == "0.0625 of the range or more"
    decibels = records(tmp_path / "out")["a_consistency.png"]["made_with"]["consistency_db"]
    if error.max() < 255:
        shown = -20 * np.log10(np.sqrt(np.square(error / 255 / 16).mean()))
        assert shown == pytest.approx(decibels, abs=0.5)
    assert run(*words) == 0
    assert "1 skipped" in capsys.readouterr().out
    path.unlink()
    assert run(*words) == 0
    assert path.exists()


@pytest.mark.parametrize("option", ["--keep-blur", "--strength"])
@pytest.mark.parametrize("value", ["-0.5", "1.01", "nan", "wide", ""])
def test_a_wrong_share_ends_in_one_line(model, tmp_path, capsys, option, value):
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", f"{option}={value}") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert f"{option}: {value!r}, expected a number from 0 to 1" in error
    assert not (tmp_path / "out").exists()
