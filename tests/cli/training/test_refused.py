"""What Lightning, torch and the system refuse ends in one line, status 2."""

import errno
import resource
import shutil

import pytest
import torch
import wandb
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main
from blindsr.cli.training.refused import refused
from blindsr.errors import FileError

CALLBACK = ["--trainer.callbacks", "lightning.pytorch.callbacks.ModelCheckpoint"]


@pytest.fixture(autouse=True)
def no_account(monkeypatch, tmp_path):
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)


def one_line(words, capsys, command="fit"):
    assert main([command, *words]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("blindsr:")]
    assert len(lines) == 1
    assert err.splitlines()[-1] == lines[0]
    return lines[0].removeprefix("blindsr: error: ")


@pytest.mark.parametrize(
    ("words", "start", "part"),
    [
        (["--trainer.accelerator", "tpu"], "trainer: torch_xla", "not installed"),
        (["--trainer.accelerator", "foo"], "trainer.accelerator: ", "foo"),
        (["--trainer.devices", "0"], "trainer.devices: ", "0"),
        (["--trainer.devices", "-2"], "trainer.devices: ", "int > 0"),
        (["--trainer.num_nodes", "0"], "trainer.num_nodes: ", "positive"),
        (["--trainer.strategy", "foo"], "trainer.strategy: ", "foo"),
        (["--trainer.precision", "17"], "trainer.precision: 17", "16-mixed"),
        (["--trainer.limit_train_batches", "-1"], "trainer.limit_train_batches: ", "-1"),
        (["--trainer.gradient_clip_val", "-1"], "trainer.gradient_clip_val: -1", "0 or more"),
        (["--trainer.accumulate_grad_batches", "0"], "trainer.accumulate_grad_batches: 0", "1"),
        (["--trainer.check_val_every_n_epoch", "0"], "trainer.check_val_every_n_epoch: 0", "1"),
        (["--trainer.max_epochs", "-5"], "trainer.max_epochs: ", "-5"),
        (["--trainer.max_time", "soon"], "trainer: ", "DD:HH:MM:SS"),
        (["--trainer.profiler", "foo"], "trainer.profiler: ", "simple"),
        (["--seed_everything", "-1"], "seed_everything: -1", "4294967295"),
        ([*CALLBACK, "--trainer.callbacks.save_top_k", "-3"], "trainer: ", "save_top_k=-3"),
        (["--model.learning_rate", "-1"], "model.learning_rate: -1.0", "above 0"),
        (["--model.learning_rate", "0"], "model.learning_rate: 0", "above 0"),
        (["--model.betas", "[2,3]"], "model.betas: ", "0..1"),
        (["--model.weight_decay", "-1"], "model.weight_decay: -1", "0 or more"),
        (["--model.warmup_steps", "-1"], "model.warmup_steps: -1", "0 or more"),
        (["--model.cosine_steps", "0"], "model.cosine_steps: 0", "1 or more"),
        (["--model.min_learning_rate", "1"], "model.min_learning_rate: 1", "no more than"),
        (["--data.num_workers", "-1"], "num_workers: -1", "a whole number 0..1024"),
        (["--data.batch_size", "0"], "batch_size: 0", "a whole number 1..65536"),
        (["--ckpt_path", "hpc"], "trainer: ", "no HPC checkpoint"),
    ],
)
def test_a_value_that_is_refused_is_one_line_and_leaves_no_trace(
    words, start, part, tmp_path, capsys
):
    config = write_config(tmp_path)
    line = one_line(["-c", str(config), *words], capsys)
    assert line.startswith(start)
    assert part in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_gpu_that_is_not_there(tmp_path, capsys):
    config = write_config(tmp_path, accelerator="gpu")
    line = one_line(["-c", str(config)], capsys)
    assert line.startswith("trainer.accelerator: ")
    assert "--trainer.accelerator cpu" in line


def logger(folder, **more):
    words = ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", str(folder)]
    return words + [
        word for key, value in more.items() for word in (f"--trainer.logger.{key}", value)
    ]


def test_folders_that_cannot_be_written_are_named(tmp_path, capsys):
    config = write_config(tmp_path)
    line = one_line(["-c", str(config), *logger(config)], capsys)
    assert line.startswith(f"{config}/lightning_logs: cannot be used (not a directory)")
    line = one_line(["-c", str(config), *logger(tmp_path / ("x" * 300))], capsys)
    assert "file name too long). Give a shorter name" in line
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    line = one_line(["-c", str(config), *logger(tmp_path / "a" / "logs")], capsys)
    assert "symbolic links lead in a circle" in line


def test_a_run_is_not_written_over(trained, tmp_path, capsys):
    config = write_config(tmp_path)
    run = tmp_path / "logs" / "tiny" / "version_0"
    shutil.copytree(trained[1], run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    words = logger(tmp_path / "logs", name="tiny", version="0")
    line = one_line(["-c", str(config), *words], capsys)
    assert line.startswith(f"{run}: holds a run already")
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_weights_and_biases_without_an_account(tmp_path, capsys, monkeypatch):
    def init(**_):  # as wandb 0.31 does; the real one keeps a service for the whole process
        raise wandb.errors.UsageError("No API key configured. Use `wandb login` to log in.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(wandb, "init", init)
    monkeypatch.setattr(wandb, "run", None)  # of an earlier test
    config = write_config(tmp_path)
    words = [
        "--trainer.logger",
        "blindsr.callbacks.WandbLogger",
        "--trainer.logger.offline",
        "false",
    ]
    line = one_line(["-c", str(config), *words], capsys)
    assert line.startswith("trainer.logger: no login of Weights & Biases. Run `wandb login`")


def test_a_site_that_cannot_be_reached_or_logged_in_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_MODE", "online")
    config = write_config(tmp_path)
    overlay = str(REPOSITORY / "experiments" / "overlays" / "wandb.yaml")  # one of a list
    line = one_line(["-c", str(config), "-c", overlay], capsys)
    assert line.startswith("trainer.logger: no login of Weights & Biases. Run `wandb login`")
    assert not (tmp_path / "logs").exists()

    def init(**_):
        raise wandb.errors.CommError("Failed to get resume status: deadline while retrying: Post")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(wandb, "init", init)
    monkeypatch.setattr(wandb, "run", None)  # of an earlier test
    line = one_line(["-c", str(config), "-c", overlay], capsys)
    assert line.startswith("trainer.logger: no answer from the site of Weights & Biases")


def test_a_metric_that_does_not_exist(tmp_path, capsys):
    config = write_config(tmp_path, max_epochs=1)
    line = one_line(
        ["-c", str(config), *CALLBACK, "--trainer.callbacks.monitor", "nothing"], capsys
    )
    assert "nothing" in line
    assert "val/blur_psnr" in line


def test_a_checkpoint_of_another_task(trained, tmp_path, capsys):
    checkpoint = ["--ckpt_path", str(trained[1] / "checkpoints" / "last.ckpt")]
    for model in ("rrdb_sft", "blind"):
        config = write_config(tmp_path, model, model=model)
        for command in ("fit", "test"):
            line = one_line(["-c", str(config), *checkpoint], capsys, command)
            assert "a checkpoint of another task" in line
    assert not (tmp_path / "logs").exists()


def test_what_the_data_decide_cannot_be_set_otherwise(trained, tmp_path, capsys):
    config = write_config(tmp_path)
    for value in ("3", "40"):  # 40 is the default, but it was typed
        line = one_line(["-c", str(config), "--model.num_classes", value], capsys)
        assert line.startswith(f"model.num_classes: {value}, expected 8 as in the data (Scenes)")
        assert "Leave it out" in line
    line = one_line(["-c", str(config), "--model.scale", "2"], capsys)
    assert "For 2 set --data.scale 2." in line
    checkpoint = ["--ckpt_path", str(trained[1] / "checkpoints" / "last.ckpt")]
    other = ["-c", str(config), *checkpoint, "--data.scale", "2"]
    line = one_line(other, capsys, "test")
    advice = line.partition("For 4 set ")[2].partition(";")[0]
    assert advice == "--data.scale 4"
    assert main(["test", *other, *advice.split()]) == 0
    assert main(["fit", "-c", str(config), "--model.num_classes", "8", "--print_config"]) == 0


def test_advice_on_a_setting_of_a_checkpoint_works_when_typed(trained, tmp_path, capsys):
    config = write_config(tmp_path)
    words = ["-c", str(config), "--ckpt_path", str(trained[1] / "checkpoints" / "last.ckpt")]
    line = one_line([*words, "--model.window", "[4,5]"], capsys, "test")
    assert "Set --model.window '[15, 20]'" in line
    assert main(["test", *words, "--model.window", "[15, 20]"]) == 0


def test_defects_of_ours_keep_their_traceback(tmp_path, monkeypatch):
    config = write_config(tmp_path)

    def broken(self, batch):
        raise ValueError("a defect")

    monkeypatch.setattr("blindsr.tasks.CMOSTask.forward", broken)
    with pytest.raises(ValueError, match="a defect"):
        main(["fit", "-c", str(config)])
    assert refused(ValueError("ours")) is None


def test_a_full_disk_names_the_run(tmp_path, monkeypatch, capsys):
    config = write_config(tmp_path)

    def full(self, *_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("lightning.fabric.loggers.csv_logs._ExperimentWriter.save", full)
    line = one_line(["-c", str(config)], capsys)
    assert line.startswith(f"{tmp_path}/logs/tiny/version_0: cannot be used (no space left")
    assert isinstance(refused(OSError(errno.EMFILE, "x")), FileError)


def test_too_little_memory_is_no_traceback():
    assert "--data.batch_size" in str(refused(MemoryError()))
    assert "--data.batch_size" in str(refused(torch.OutOfMemoryError("CUDA out of memory")))


def test_too_few_open_files_for_workers(tmp_path, monkeypatch, capsys):
    config = write_config(tmp_path)
    limits = {"now": (20, 100)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.update(now=new))
    line = one_line(["-c", str(config), "--data.num_workers", "2"], capsys)
    assert line.startswith("data.num_workers: 2 with a limit of 100 open files, expected at least")
    assert limits["now"] == (100, 100)  # as many as the system lets it have
