"""``blindsr score``."""

import json

import numpy as np
import pytest
import torch
from tests.helpers.upscale_command import picture

from blindsr.cli import app
from blindsr.imaging.files import write_png
from blindsr.metrics import psnr_y, ssim_y


def score(*words):
    return app.main(["score", *map(str, words)])


@pytest.fixture
def folders(tmp_path):
    """Two pairs; the names of results differ by words that say what they are."""
    for index, name in enumerate(("a", "b")):
        true = picture(48, 60, seed=index)
        write_png(tmp_path / "hr" / f"{name}.png", true)
        noise = np.random.default_rng(index).integers(-9, 10, true.shape)
        write_png(
            tmp_path / "sr" / f"{name}_x4.png", np.clip(true + noise, 0, 255).astype(np.uint8)
        )
    return tmp_path / "sr", tmp_path / "hr"


def tensor(path):
    from blindsr.imaging.files import read_rgb, to_uint8

    return torch.from_numpy(to_uint8(read_rgb(path)) / np.float32(255)).permute(2, 0, 1)[None]


def test_folders_are_paired_by_name_and_scored(folders, capsys, tmp_path):
    sr, hr = folders
    assert score(sr, hr, "--json", tmp_path / "scores.json") == 0
    out = capsys.readouterr().out
    assert "a_x4.png" in out
    assert "mean of 2" in out
    assert "lower is better" in out
    found = json.loads((tmp_path / "scores.json").read_text())
    first, second = tensor(sr / "a_x4.png"), tensor(hr / "a.png")
    scores = found["pictures"]["a_x4.png"]
    assert {"psnr", "ssim", "vif"} <= set(scores)
    assert scores["psnr"] == pytest.approx(psnr_y(first, second).item())
    assert scores["ssim"] == pytest.approx(ssim_y(first, second).item())
    both = [one["psnr"] for one in found["pictures"].values()]
    assert found["mean"]["psnr"] == pytest.approx(np.mean(both))
    assert found["better"]["psnr"] == "higher"


def test_no_number_is_cut_in_a_narrow_terminal(folders, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert score(*folders) == 0
    out = capsys.readouterr().out
    assert "…" not in out
    assert "too narrow for" in out
    monkeypatch.setenv("COLUMNS", "200")
    assert score(*folders) == 0
    assert "too narrow" not in capsys.readouterr().out


def test_two_files_and_json_alone_on_standard_output(folders, capsys):
    sr, hr = folders
    assert score(sr / "a_x4.png", hr / "a.png", "--crop", "4", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    expected = psnr_y(tensor(sr / "a_x4.png"), tensor(hr / "a.png"), crop=4).item()
    assert found["mean"]["psnr"] == pytest.approx(expected)


def test_an_exact_match_is_infinite_and_in_no_mean(folders, capsys, tmp_path):
    sr, hr = folders
    (sr / "a_x4.png").write_bytes((hr / "a.png").read_bytes())
    assert score(sr, hr, "--json", tmp_path / "s.json") == 0
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["pictures"]["a_x4.png"]["psnr"] == "inf"
    assert found["mean"]["psnr"] == found["pictures"]["b_x4.png"]["psnr"]
    assert found["mean"]["psnr_exact"] == 1
    assert "exact, not in the mean: PSNR of 1" in capsys.readouterr().out


def test_bad_pairs_are_reported_and_the_others_scored(folders, capsys):
    sr, hr = folders
    write_png(sr / "b_x4.png", picture(40, 60))
    write_png(hr / "c.png", picture(40, 60))
    assert score(sr, hr) == 1
    caught = capsys.readouterr()
    assert "a_x4.png" in caught.out
    assert "b_x4.png: 60 x 40 pixels, expected 60 x 48 as b.png" in caught.err
    assert "c.png: no partner in" in caught.err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["sr", "hr/a.png"], "the folder sr and the file hr/a.png, expected two of a kind"),
        (["nowhere", "hr"], "nowhere: no such file or folder"),
        (["sr", "empty"], "empty: no images, expected true pictures"),
        (["other", "hr"], "a.png: no partner in other"),
        (["sr", "hr", "--crop", "-1"], "--crop: '-1', expected a number of pixels"),
        (["sr", "hr", "--lpips", "none.pth"], "none.pth: no such file"),
    ],
)
def test_refused_in_one_line(folders, words, part, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_png(tmp_path / "other" / "z.png", picture())
    assert score(*words) == 2
    error = capsys.readouterr().err
    assert part in error
    assert error.count("\n") == 1
