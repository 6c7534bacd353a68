"""The demonstration, made so small that it shows nothing but that it runs to its end."""

import json

import pytest
from tests.conftest import REPOSITORY

from blindsr.cli.app import main
from blindsr.imaging.io import read_array

TINY = [
    "--trainer.max_epochs=1",
    "--data.train_count=4",
    "--data.val_count=2",
    "--data.test_count=2",
    "--data.batch_size=2",
    "--data.iva=0",
    "--data.size=[64,96]",
]


@pytest.fixture
def configs():
    return str(REPOSITORY / "experiments")


def test_three_stages_end_in_tables_pictures_and_scores(configs, tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "-c", configs, "-o", str(out), "--seed", "3", "--", *TINY]) == 0
    printed = capsys.readouterr().out
    for row in ("best constant", "bicubic", "constant sigma", "true maps", "no maps", "mIoU"):
        assert row in printed
    content = json.loads((out / "scores.json").read_text())
    assert content["seed"] == 3
    assert content["estimate"]["images"] == 2
    assert set(content["restoration"]["others"]) == {
        *("bicubic", "constant sigma", "true maps", "no maps")
    }
    for picture in ("blur_maps.png", "restoration.png"):
        assert read_array(out / picture).std() > 10
    assert "epoch 1/1" in (out / "restorers.log").read_text()


def test_a_restorer_that_fails_is_one_line(configs, tmp_path, capsys):
    words = ["--", *TINY, "--trainer.gradient_clip_val=x"]
    assert main(["demo", "-c", configs, "-o", str(tmp_path / "demo"), *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_missing_configurations_are_one_line(tmp_path, capsys):
    assert main(["demo", "-c", str(tmp_path), "-o", str(tmp_path / "demo")]) == 2
    error = capsys.readouterr().err
    assert "cmos_demo.yaml: no such file" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "demo").exists()
