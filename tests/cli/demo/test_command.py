"""The demonstration, made so small that it shows nothing but that it runs to its end."""

import argparse
import contextlib
import json
import sys

import numpy as np
import pytest
from rich.console import Console
from tests.conftest import REPOSITORY

from blindsr.cli.app import main
from blindsr.cli.demo import pbasr, runs
from blindsr.cli.demo.runs import Background
from blindsr.cli.training.command import main as lightning
from blindsr.data.scenes.known_blur import Case
from blindsr.errors import BlindSRError
from blindsr.imaging.files import read_array

TINY = [
    "--trainer.max_epochs=1",
    "--data.train_count=4",
    "--data.val_count=2",
    "--data.test_count=2",
    "--data.batch_size=2",
    "--data.iva=0",
    "--data.size=[64,96]",
    "--data.crop=[16,24]",
]


@pytest.fixture
def configs():
    return str(REPOSITORY / "experiments")


class InThisProcess(Background):
    """The same commands, without the seconds that a process takes to import Lightning."""

    def __enter__(self):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log, contextlib.redirect_stdout(log):
            for command in self.commands:
                assert lightning(command[command.index("fit") :]) == 0
        return self

    def __exit__(self, *_):
        """Nothing runs any more."""


def test_three_stages_end_in_tables_pictures_and_scores(configs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runs, "Background", InThisProcess)
    out = tmp_path / "demo"
    words = ["--full", "-c", configs, "-o", str(out), "--seed", "3", "--", *TINY]
    assert main(["demo", *words]) == 0
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


def test_the_first_look_shows_the_box_and_an_estimator_that_learns(
    configs, tmp_path, capsys, monkeypatch
):
    rng = np.random.default_rng(0)
    hr, sigma = rng.random((64, 96, 3), np.float32), rng.random((64, 96), np.float32)
    case = Case("noise", hr[::4, ::4].copy(), hr, sigma)
    monkeypatch.setattr("blindsr.data.scenes.known_blur.cases", lambda: [case])
    out = tmp_path / "demo"
    assert main(["demo", "-c", configs, "-o", str(out), "--", *TINY]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Takes about")
    for word in ("noise", "bicubic", "no map", "estimated map", "true map"):
        assert word in printed
    for picture in ("box.png", "learning.png", "blur_maps.png"):
        assert read_array(out / picture).std() > 10
    content = json.loads((out / "scores.json").read_text())
    assert set(content["box"]) == {"noise"}
    assert not (out / "rrdb_sft").exists()


def test_processes_of_stages_end_one_after_the_other(tmp_path):
    say = [[sys.executable, "-c", f"print('epoch {number}')"] for number in (1, 2)]
    with Background(say, tmp_path / "logs" / "two.log") as background:
        runs.wait(background, Console(quiet=True))
    assert not background.running()
    assert background.last_line() == "epoch 2"


def test_a_process_of_a_stage_that_fails_is_one_line_and_ends_the_queue(tmp_path):
    arguments = argparse.Namespace(configs=str(tmp_path), out=tmp_path, seed=0, overrides=[])
    stage = runs.script(arguments, "nothing", "stage")
    never = [sys.executable, "-c", "print('never')"]
    with (
        Background([stage, never], tmp_path / "stage.log") as background,
        pytest.raises(BlindSRError, match=r"lightning_script.*no such file.*stage\.log"),
    ):
        runs.wait(background, Console(quiet=True))
    assert "never" not in (tmp_path / "stage.log").read_text()


def test_a_restorer_that_fails_is_one_line(configs, tmp_path, capsys):
    words = ["--", *TINY, "--trainer.gradient_clip_val=x"]
    assert main(["demo", "--full", "-c", configs, "-o", str(tmp_path / "demo"), *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_pbasr_compares_four_trainings(configs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pbasr, "Background", InThisProcess)
    out = tmp_path / "demo"
    tiny = [
        "--trainer.max_epochs=1",
        "--data.train_count=3",  # mixed after two: then the branches go on
        "--data.val_count=1",
        "--data.test_count=1",
        "--data.batch_size=1",
        "--data.size=[64,64]",
        "--data.crop=32",
    ]
    assert main(["demo", "--method", "pbasr", "-c", configs, "-o", str(out), "--", *tiny]) == 0
    printed = capsys.readouterr().out
    content = json.loads((out / "scores.json").read_text())["pbasr"]
    assert list(content) == [
        *("bicubic", "anchor", "unified training", "general branch, not mixed"),
        *("blur branch, not mixed", "average, not mixed", "PBaSR"),
    ]
    assert all(row in printed for row in content)
    assert content["PBaSR"]["blur"]["psnr"] != content["average, not mixed"]["blur"]["psnr"]
    assert content["PBaSR"]["blur"]["texture"] > 0
    assert content["unified training"]["blur"]["psnr"] != content["anchor"]["blur"]["psnr"]
    assert read_array(out / "pbasr.png").std() > 10


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], "cmos_demo"),
        (["--full"], "cmos_demo"),
        (["--method", "pbasr"], "pbasr_demo_anchor"),
    ],
)
def test_missing_configurations_are_one_line(words, name, tmp_path, capsys):
    assert main(["demo", *words, "-c", str(tmp_path), "-o", str(tmp_path / "demo")]) == 2
    error = capsys.readouterr().err
    assert f"{name}.yaml: no such file" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("words", [["--full"], ["--method", "pbasr"]])
def test_a_folder_of_the_users_own_is_never_removed(words, configs, tmp_path, capsys):
    name = "cmos" if words == ["--full"] else "pbasr_anchor"
    for mine in ("cmos", "rrdb_sft", "no_maps", name, "anchor", "unified"):
        (tmp_path / mine).mkdir(exist_ok=True)
        (tmp_path / mine / "thesis.txt").write_text("mine")
    assert main(["demo", *words, "-c", configs, "-o", str(tmp_path), "--", *TINY]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no run of a demonstration" in error
    assert all((folder / "thesis.txt").exists() for folder in tmp_path.iterdir() if folder.is_dir())
