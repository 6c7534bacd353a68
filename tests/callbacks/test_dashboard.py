"""What a dashboard of Weights & Biases gets, looked up in a run that stays on this machine."""

import json
from types import SimpleNamespace

import pytest
import yaml
from tests.helpers.configurations import write_config

from blindsr.callbacks import WandbLogger
from blindsr.callbacks.dashboard import best_of
from blindsr.cli.training.command import main

LOGGER = {
    "class_path": "blindsr.callbacks.WandbLogger",
    "init_args": {"save_dir": "logs", "tags": ["mine"], "checkpoints": True},
}


def with_wandb(folder, model="cmos"):
    """A tiny configuration that logs to Weights & Biases too."""
    path = write_config(folder, model=model, pictures=True)
    config = yaml.safe_load(path.read_text())
    config["trainer"]["logger"].append(LOGGER)
    path.write_text(yaml.safe_dump(config))
    return str(path)


@pytest.mark.slow
def test_a_training_and_its_test_tell_everything(wandb_offline, tmp_path):
    config = with_wandb(tmp_path)
    assert main(["fit", "-c", config]) == 0
    run = wandb_offline()
    assert (run.name, run.group, run.tags) == ("tiny/version_0", "tiny", ("mine",))
    assert run.config["task"] == "CMOSTask"
    assert len(run.config["data_fingerprint"]) == 12
    saved = yaml.safe_load((tmp_path / "logs/tiny/version_0/config.yaml").read_text())
    for section in ("model", "data", "trainer", "seed_everything"):
        assert run.config[section] == saved[section]
    shown = dict(run.summary)
    for name in ("train/loss", "train/blur", "lr-Adam", "speed/samples_per_second"):
        assert shown[name] is not None, name
    assert {"speed/data_wait", "memory/peak_gib", "epoch", "trainer/global_step"} <= set(shown)
    assert set(shown["val/blur_psnr"]) == {"max"}  # the best, not the last
    (folder,) = (tmp_path / "logs" / "wandb").glob("offline-run-*")
    files = {path.relative_to(folder / "files").as_posix() for path in folder.rglob("files/**/*")}
    assert "blindsr/config.yaml" in files
    assert sum("images/val/pictures" in name for name in files) == 2  # validations
    assert sum("images/val/classes" in name and name.endswith(".png") for name in files) == 4
    masks = sum("images/mask/val/classes" in name for name in files)
    assert 4 < masks <= 8  # estimated and true ones; equal maps of a step are stored once
    assert b"checkpoints-" in next(folder.glob("*.wandb")).read_bytes()

    assert main(["test", "-c", config, "--ckpt_path", "logs/tiny/best.ckpt"]) == 0
    run = wandb_offline()
    assert (run.name, run.group) == ("tiny/test_0", "tiny")
    newest = max((tmp_path / "logs" / "wandb").glob("offline-run-*"))
    (table,) = newest.rglob("*.table.json")
    content = json.loads(table.read_text())
    assert content["columns"][:3] == ["method", "group", "blur_psnr"]
    assert [row[:2] for row in content["data"]] == [
        ["CMOS", group] for group in ("Group1", "Group2", "mean")
    ]


def test_disabled_leaves_nothing_and_changes_nothing(wandb_offline, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    config = with_wandb(tmp_path, "rrdb_sft")
    assert main(["fit", "-c", config, "--trainer.max_epochs", "1"]) == 0
    assert (tmp_path / "logs/tiny/version_0/checkpoints/best.ckpt").is_file()
    assert not list(tmp_path.rglob("*offline-run*"))


def test_without_wandb_the_facts_stand_beside_the_metrics(tmp_path):
    assert main(["fit", "-c", str(write_config(tmp_path, max_epochs=1))]) == 0
    facts = yaml.safe_load((tmp_path / "logs/tiny/version_0/hparams.yaml").read_text())
    assert facts["task"] == "CMOSTask"
    assert len(facts["data_fingerprint"]) == 12


def test_the_best_end_follows_the_table_of_metrics():
    data = SimpleNamespace(val_group_names=("general", "blur"))
    best = best_of(SimpleNamespace(checkpoint_callbacks=[], datamodule=data))
    assert best["val/psnr"] == best["val/blur/blurred_ssim"] == best["val/miou"] == "max"
    assert best["val/general/gmsd"] == best["val/lpips"] == "min"
    assert "val/texture" not in best


def test_an_artifact_needs_a_checkpoint(tmp_path):
    logger = WandbLogger(save_dir=str(tmp_path), offline=True, checkpoints=True)
    logger.log_checkpoints(tmp_path)  # and does not begin a run
    assert logger._experiment is None
