"""Folders of runs: none is written over, tests do not shift trainings, names find checkpoints."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from tests.helpers.configurations import write_config

from blindsr.cli.app import main as blindsr
from blindsr.cli.training.command import main
from blindsr.cli.training.run_folder import find_checkpoints, number_runs
from blindsr.imaging.files import write_png
from blindsr.runs import checkpoint_file


def made(folder, *names, begin=1000):
    """Checkpoints below ``folder``, each newer than the one before."""
    for second, name in enumerate(names, begin):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        os.utime(path, (second, second))
    return folder


def test_a_name_finds_the_newest_of_its_runs(tmp_path):
    runs = made(
        tmp_path / "tiny",
        *("version_1/checkpoints/best.ckpt", "version_10/checkpoints/last.ckpt"),
        *("version_2/checkpoints/best.ckpt", "version_0/checkpoints/last.ckpt"),
    )
    assert checkpoint_file(runs / "best.ckpt") == runs / "version_2/checkpoints/best.ckpt"
    assert checkpoint_file(runs / "last.ckpt") == runs / "version_0/checkpoints/last.ckpt"
    for other in ("other.ckpt", "best.pth", "version_1/checkpoints/best.ckpt", "version_1"):
        assert checkpoint_file(runs / other) == runs / other


def test_a_file_comes_before_the_runs(tmp_path):
    runs = made(tmp_path / "tiny", "version_1/checkpoints/best.ckpt", "best.ckpt")
    assert checkpoint_file(runs / "best.ckpt") == runs / "best.ckpt"


def test_settings_of_any_depth_name_runs(tmp_path, capsys):
    runs = made(tmp_path / "tiny", "version_1/checkpoints/best.ckpt")
    file, name = str(runs / "version_1/checkpoints/best.ckpt"), str(runs / "best.ckpt")
    settings = {"a": {"weights": {"estimator": name, "restorer": file}}, "b": 3, "c": "x.ckpt"}
    find_checkpoints(settings)
    assert settings["a"]["weights"] == {"estimator": file, "restorer": file}
    assert settings["c"] == "x.ckpt"
    assert capsys.readouterr().err == f"blindsr: a.weights.estimator {name}: {file}\n"


def claimed(folder, command):
    trainer = Trainer(accelerator="cpu", logger=CSVLogger(folder, name="tiny"))
    number_runs(trainer, command)
    return trainer.logger.log_dir.rpartition("/")[2]


def test_tests_do_not_shift_the_numbers_of_trainings(tmp_path):
    commands = ("test", "fit", "test", "validate", "fit", "predict", "fit")
    assert [claimed(tmp_path, command) for command in commands] == [
        *("test_0", "version_0", "test_1", "validate_0", "version_1", "predict_0", "version_2")
    ]
    shutil.rmtree(tmp_path / "tiny" / "version_0")
    assert claimed(tmp_path, "fit") == "version_3"  # a number means the same run for ever


def test_runs_that_start_at_once_do_not_share_a_folder(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: claimed(tmp_path, "fit"), range(8)))
    assert sorted(folders) == [f"version_{number}" for number in range(8)]


def test_a_version_that_was_told_stays(tmp_path):
    trainer = Trainer(accelerator="cpu", logger=CSVLogger(tmp_path, name="tiny", version=""))
    number_runs(trainer, "fit")
    assert trainer.logger.log_dir == str(tmp_path / "tiny") + "/"
    assert not list(tmp_path.iterdir())


def test_three_stages_by_name_after_tests_and_a_second_training(tmp_path, monkeypatch, capsys):
    """The same commands again: nothing is written over, and the stages take the newest files."""
    monkeypatch.chdir(tmp_path)
    first = str(write_config(tmp_path, "estimator", max_epochs=1))
    best = "logs/estimator/best.ckpt"
    assert main(["fit", "-c", first]) == 0
    assert main(["test", "-c", first, "--ckpt_path", best]) == 0
    before = {p: p.read_bytes() for p in tmp_path.glob("logs/**/*") if p.is_file()}
    capsys.readouterr()
    assert main(["fit", "-c", first]) == 0
    assert "this run is" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before
    assert {path.name for path in (tmp_path / "logs/estimator").iterdir()} == {
        *("version_0", "test_0", "version_1")
    }
    second = write_config(tmp_path, "blind", "blind", max_epochs=1)
    content = yaml.safe_load(second.read_text())
    content["model"]["init_args"] |= {"estimator": None, "weights": {"estimator": best}}
    second.write_text(yaml.safe_dump(content))
    assert main(["fit", "-c", str(second)]) == 0
    newest = "logs/estimator/version_1/checkpoints/best.ckpt"
    assert f"blindsr: model.weights.estimator {best}: {newest}" in capsys.readouterr().err
    saved = yaml.safe_load((tmp_path / "logs/blind/version_0/config.yaml").read_text())
    assert saved["model"]["init_args"]["weights"]["estimator"] == newest
    assert main(["test", "-c", str(second), "--ckpt_path", "logs/blind/last.ckpt"]) == 0
    assert json.loads((tmp_path / "logs/blind/test_0/scores.json").read_text())["images"] == 6
    assert blindsr(["convert", "export", "logs/blind/best.ckpt", "-o", "blind.safetensors"]) == 0
    write_png("small.png", np.zeros((8, 8, 3), np.uint8))
    assert blindsr(["estimate", "logs/estimator/best.ckpt", "small.png", "-o", "maps"]) == 0
    assert blindsr(["upscale", "small.png", "-o", "out", "--model", "logs/blind/last.ckpt"]) == 0


@pytest.mark.parametrize("words", [["--ckpt_path"], ["--random-weights", "--model.weights"]])
def test_a_name_without_a_run_is_one_line(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = write_config(tmp_path, model="rrdb_sft")
    assert main(["test", "-c", str(config), *words, "logs/tiny/best.ckpt"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("blindsr: error: logs/tiny/best.ckpt: no such file")
    assert err.count("\n") == 1
    assert not (tmp_path / "logs").exists()
