"""``blindsr upscale``: words, sizes and models that it refuses, and its help."""

import numpy as np
import pytest
from PIL import Image
from tests.helpers.fake_model import FakeModel
from tests.helpers.upscale_command import fake_for_any_name, names, picture, refused, run

from blindsr.imaging.files import write_png


@pytest.fixture
def model(monkeypatch):
    return fake_for_any_name(monkeypatch)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["nowhere.png", "-o", "out"], "nowhere.png: no such file or folder"),
        (["nothing*.png", "-o", "out"], "nothing*.png: matches nothing"),
        (["empty", "-o", "out"], "empty: a folder without pictures, expected files with one of"),
        (["deep", "-o", "out"], "--recursive looks into its folders"),
        (["a.png", "-o", "."], "a.png: its output a.png would replace an input"),
        (["a.png", "-o", "a.png", "--overwrite"], "would replace an input"),
        (["a.png", "b", "-o", "out.png"], "--out: a file name, out.png, for 3 pictures"),
        (["deep/in", "-o", "out.png"], "for a folder of pictures, expected a folder"),
        (["a.png", "-o", "out.gif"], "out.gif: a suffix of no known format, expected one of .png"),
        (["a.png", "-o", "note.txt"], "--out: note.txt, a file, expected a folder"),
        (["a.png", "-o", "out.png", "--format", "jpg"], "--format: jpg for out.png"),
        (["a.png"], "required: -o/--out"),
        (["-o", "out"], "required: INPUT"),
        (["a.png", "-o", "out", "--tile", "-3"], "--tile: '-3', expected auto, 0 or a number"),
        (["a.png", "-o", "out", "--tile", "big"], "--tile: 'big', expected auto, 0 or a number"),
        (["a.png", "-o", "out", "--quality", "101"], "--quality: '101', expected 1..100"),
        (["a.png", "-o", "out", "--prefilter", "sharpen"], "invalid choice: 'sharpen'"),
        (["a.png", "-o", "out", "--device", "tpu9"], "--device: tpu9"),
        (["a.png", "-o", "out", "--device", "gpux"], "gpux, which torch cannot use on this"),
        (["a.png", "-o", "out", "--device", "cuda:99"], "expected one of auto, cpu"),
        (["a.png", "-o", "out", "--model", "nowhere.pth"], "nowhere.pth: no such file"),
        (["a.png", "-o", "out", "--zzz", "2"], "upscale: unrecognized arguments: --zzz 2. See"),
        (["a.png", "-o", "out", "--overwirte"], "Did you mean --overwrite?"),
    ],
)
def test_wrong_words_are_one_line(model, words, part, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b/a.png", "b/a_sigma.png", "deep/in/a.png"):
        write_png(tmp_path / name, picture())
    Image.fromarray(picture()).save("a.webp")
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("")
    before = names(tmp_path)
    assert part in refused(capsys, *words)
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("abilities", "words", "part"),
    [
        ({"can_upscale": False}, [], "an estimator, which restores nothing"),
        ({"needs_maps": True}, [], "which must be told sigma and classes"),
        ({"can_estimate": False}, ["--save-maps"], "--save-maps: a model that estimates no maps"),
    ],
)
def test_models_that_cannot_are_refused(monkeypatch, tmp_path, capsys, abilities, words, part):
    monkeypatch.setattr("blindsr.restore.load", lambda *_, **__: FakeModel(**abilities))
    write_png(tmp_path / "a.png", picture())
    assert part in refused(capsys, tmp_path / "a.png", "-o", tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()


def test_webp_has_a_largest_size(monkeypatch, tmp_path, capsys):
    fake = FakeModel(scale=4)
    monkeypatch.setattr("blindsr.restore.load", lambda *_, **__: fake)
    write_png(tmp_path / "a.png", np.zeros((16, 4096, 3), np.uint8))
    assert run(tmp_path / "a.png", "-o", tmp_path / "a.webp") == 2
    error = capsys.readouterr().err
    assert "a.webp: 16384 x 64 pixels, expected at most 16383 a side in WebP" in error
    assert "Choose PNG or TIFF" in error


def test_help_has_examples(capsys):
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert out.count("\n  blindsr upscale ") == 2
    assert "--prefilter" in out
