"""The training command as a user types it, in-process."""

import csv
import json

import numpy as np
import pytest
import torch
import yaml
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main
from blindsr.imaging.files import read_array, read_png_text


def test_fit_writes_checkpoints_metrics_config_and_pictures(trained):
    _, run = trained
    assert {"best.ckpt", "last.ckpt"} <= {path.name for path in (run / "checkpoints").iterdir()}
    with (run / "metrics.csv").open() as file:
        names = set(next(csv.reader(file)))
    assert {"train/loss", "train/blur", "train/aux_seg", "val/blur_psnr", "val/miou"} <= names
    saved = yaml.safe_load((run / "config.yaml").read_text())
    assert saved["model"]["class_path"] == "blindsr.tasks.CMOSTask"
    strip = read_array(next((run / "pictures").glob("step_*.png")))
    assert strip.std() > 10  # not a blank page


def test_class_count_follows_the_data(trained):
    _, run = trained
    stored = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert stored["hyper_parameters"]["num_classes"] == 8
    assert stored["class_names"][:2] == ["wall", "floor"]


def test_test_prints_a_table_of_groups_and_writes_scores(trained, capsys):
    config, run = trained
    words = ["test", "-c", str(config), "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]
    assert main(words) == 0
    out = capsys.readouterr().out
    for part in ("Group1", "Group2", "mean", "blur PSNR", "mIoU", "6 test images"):
        assert part in out
    scores = json.loads((run.parent / "test_0" / "scores.json").read_text())
    assert scores["images"] == 6
    groups = [scores["scores"][f"Group{n}"]["blur_psnr"] for n in (1, 2)]
    assert scores["scores"]["mean"]["blur_psnr"] == pytest.approx(np.mean(groups))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--model.num_clases", "3"], ["model.num_clases: unknown key", "Did you mean model."]),
        (["--model.losses", "foo"], ["model.losses: foo", "'released', 'paper'"]),
        (["--data.batch_size", "two"], ["data.batch_size: two, expected int"]),
        (["--data.rot", "x"], ["data.rot: unknown key"]),
        (["--trainer.max_epoch", "3"], ["--trainer.max_epoch: unknown", "--trainer.max_epochs?"]),
        (["--trainer.max_epochs", "x"], ["trainer.max_epochs: x, expected int"]),
        (["--ckpt_path", "nowhere.ckpt"], ["nowhere.ckpt: no such file"]),
        (["-c", "nowhere.yaml"], ["nowhere.yaml: no such file"]),
        (["--model.loss_weights.sge", "2"], ["model.loss_weights: sge"]),
        (["--model.backbone", "resnet"], ["backbone: 'resnet'"]),
        (["--data", "blindsr.data.Scenez"], ["Scenez", "Did you mean blindsr.data.Scenes?"]),
    ],
)
def test_a_wrong_configuration_is_one_line_and_nothing_is_written(words, parts, tmp_path, capsys):
    config = write_config(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["fit", "-c", str(config), *words]) == 2
    error = capsys.readouterr().err.splitlines()
    assert [line for line in error if "error:" in line] == error[-1:]
    for part in parts:
        assert part in error[-1]
    assert "Traceback" not in "".join(error)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_misspelt_key_in_the_file_is_found(tmp_path, capsys):
    config = write_config(tmp_path, acelerator="cpu")
    assert main(["fit", "-c", str(config)]) == 2
    assert "trainer.acelerator: unknown key" in capsys.readouterr().err


def test_a_checkpoint_never_changes_the_configuration_silently(trained, capsys):
    config, run = trained
    checkpoint = ["--ckpt_path", str(run / "checkpoints" / "last.ckpt")]
    assert main(["fit", "-c", str(config), *checkpoint, "--model.learning_rate", "1"]) == 2
    error = capsys.readouterr().err
    assert "model.learning_rate: 1.0 in the configuration, expected 0.0001" in error
    assert main(["test", "-c", str(config), *checkpoint, "--model.gia_parts", "FCS"]) == 2
    assert "model.gia_parts: FCS in the configuration, expected '' as in" in capsys.readouterr().err


def test_missing_data_name_the_command_to_type_and_leave_no_trace(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = str(REPOSITORY / "experiments" / "cmos_nyu.yaml")
    assert main(["fit", "-c", config, "--trainer.accelerator", "cpu"]) == 2
    error = capsys.readouterr().err
    assert "blindsr prepare nyuv2 --mat" in error
    assert "--out data/nyuv2_bsr" in error
    assert not list(tmp_path.iterdir())


def test_missing_imagenet_weights_leave_no_trace(tmp_path, capsys):
    config = write_config(tmp_path)
    wanted = ["--model.backbone", "hrnet_w18_small_v2", "--model.pretrained", "nowhere.pth"]
    assert main(["fit", "-c", str(config), *wanted]) == 2
    assert "nowhere.pth" in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


def test_print_config_shows_defaults_and_overrides(tmp_path, capsys):
    config = write_config(tmp_path)
    assert main(["fit", "-c", str(config), "--data.batch_size", "7", "--print_config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["data"]["init_args"]["batch_size"] == 7
    assert printed["model"]["init_args"]["betas"] == [0.9, 0.99]


def test_wandb_overlay_runs_offline_without_an_account(wandb_offline, tmp_path):
    config = write_config(tmp_path, pictures=True, max_epochs=1)
    overlay = REPOSITORY / "experiments" / "overlays" / "wandb.yaml"
    assert main(["fit", "-c", str(config), "-c", str(overlay), "--data.train_count", "2"]) == 0
    assert list((tmp_path / "logs" / "wandb").glob("offline-run-*"))
    run = tmp_path / "logs" / "tiny" / "version_0"
    assert (run / "metrics.csv").is_file()  # the CSV logger still decides the folder
    assert list((run / "pictures").glob("*.png"))


def test_estimate_writes_the_maps_of_a_checkpoint(trained, tmp_path, capsys):
    from blindsr.cli import app
    from blindsr.imaging.files import write_png

    _, run = trained
    picture = tmp_path / "photo.png"
    write_png(picture, np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    checkpoint = str(run / "checkpoints" / "best.ckpt")
    out = tmp_path / "out"
    words = ["estimate", checkpoint, str(picture), str(broken), "-o", str(out), "--npy"]
    assert app.main(words) == 1  # the broken one
    captured = capsys.readouterr()
    assert "broken.png" in captured.err
    assert "1 of 2 done" in captured.out
    sigma = np.load(out / "photo_sigma.npy")
    stored = read_array(out / "photo_sigma.png")
    assert sigma.shape == stored.shape == (132, 188)
    assert stored.dtype == np.uint16
    np.testing.assert_allclose(stored / 1000, np.clip(sigma, 0, None), atol=6e-4)
    text = read_png_text(out / "photo_sigma.png")
    assert (text["steps_per_unit"], text["unit"], text["sigma_max"]) == ("1000", "HR pixels", "5")
    assert read_array(out / "photo_classes.png").max() < 8
    assert read_array(out / "photo_preview.png").std() > 10


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["nowhere.ckpt", "a.png"], "nowhere.ckpt: no such file"),
        (["CONFIG", "a.png"], "not readable as weights"),
        (["CKPT", "b.png"], "b.png: no such file"),
        (["CKPT", "a.png", "--device", "tpu9"], "--device: tpu9"),
        (["CKPT", "a.png", "--reduce", "0"], "--reduce: 0"),
    ],
)
def test_estimate_refuses_bad_input_in_one_line(trained, words, part, capsys, tmp_path):
    from blindsr.cli import app
    from blindsr.imaging.files import write_png

    config, run = trained
    names = {"CONFIG": str(config), "CKPT": str(run / "checkpoints" / "last.ckpt")}
    write_png(tmp_path / "a.png", np.zeros((20, 20, 3), np.uint8))
    names["a.png"] = str(tmp_path / "a.png")
    words = [names.get(word, word) for word in words]
    assert app.main(["estimate", *words, "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert part in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("downsampler", "phase"), [("area", 1.5), ("sfold", 0.0)])
def test_the_phase_of_a_restorer_follows_the_data(tmp_path, downsampler, phase):
    config = write_config(tmp_path, model="rrdb_sft", max_epochs=1)
    words = ["--model.skip", "bicubic", "--data.downsampler", downsampler]
    assert main(["fit", "-c", str(config), *words]) == 0
    last = tmp_path / "logs" / "tiny" / "version_0" / "checkpoints" / "last.ckpt"
    content = torch.load(last, weights_only=True)
    assert content["hyper_parameters"]["phase"] == content["facts"]["phase"] == phase


def test_a_phase_that_is_not_that_of_the_data_is_refused(tmp_path, capsys):
    config = write_config(tmp_path, model="rrdb_sft", max_epochs=1)
    words = ["--model.skip", "bicubic", "--model.phase", "1.5"]
    assert main(["fit", "-c", str(config), *words]) == 2
    assert "model.phase: 1.5, expected 0.0 as in the data (Scenes)" in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()
