"""Sweep files: valid, every value they may try is accepted, and an agent that runs trials."""

import random

import pytest
import yaml
from tests.conftest import REPOSITORY
from tests.helpers.make_nyuv2 import make
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from blindsr.cli.app import main as blindsr
from blindsr.cli.training.command import main

SWEEPS = {
    "cmos_demo.yaml": "blindsr.tasks.CMOSTask",
    "cmos_nyu.yaml": "blindsr.tasks.CMOSTask",
    "rrdb_sft_nyu.yaml": "blindsr.tasks.RRDBSFTTask",
    "pbasr_realesrgan.yaml": "blindsr.tasks.PBaSRTask",
}
DISTRIBUTIONS = {"uniform": float, "log_uniform_values": float, "int_uniform": int}
KEYS = {"name", "project", "program", "command", "method", "metric", "early_terminate"}
BATCH = ["--trainer.log_every_n_steps=1"]
BATCH += [f"--trainer.limit_{part}_batches=1" for part in ("train", "val")]


def read(name):
    path = REPOSITORY / "experiments" / "sweeps" / name
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def values(parameter):
    """All values of a list, both ends of a range."""
    if "value" in parameter:
        return [parameter["value"]]
    return parameter.get("values") or [parameter["min"], parameter["max"]]


def rendered(sweep, chosen):
    """Words of a trial as the agent of Weights & Biases makes them of the command."""
    arguments = create_sweep_command_args({"args": {k: {"value": v} for k, v in chosen.items()}})
    words = []
    for word in create_sweep_command(sweep["command"]):
        words += arguments[word[2:-1]] if word in ("${args}",) else [str(word)]
    return words


def trial(sweep, chosen):
    """The same after the name of the script, for a call in this process."""
    words = rendered(sweep, chosen)
    assert words[:3] == ["${env}", "lightning", "fit"]  # /usr/bin/env, which is not on Windows
    return words[2:]


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_is_valid(name):
    """As the package ``sweeps`` of Weights & Biases checks it."""
    sweep = read(name)
    assert set(sweep) == {*KEYS, "run_cap", "parameters"}
    assert sweep["program"] == "lightning"
    assert sweep["command"].count("${args}") == 1
    assert sweep["method"] in ("bayes", "random")
    assert sweep["metric"]["goal"] in ("maximize", "minimize")
    stop = sweep["early_terminate"]
    assert stop["type"] == "hyperband"
    assert stop["min_iter"] >= 2
    assert stop["eta"] >= 2
    for parameter in sweep["parameters"].values():
        if "distribution" in parameter:
            kind = DISTRIBUTIONS[parameter["distribution"]]
            assert set(parameter) == {"distribution", "min", "max"}
            assert isinstance(parameter["min"], kind)
            assert parameter["min"] < parameter["max"]
        else:
            assert len(parameter) == 1
            assert len(values(parameter)) > ("values" in parameter)


@pytest.mark.parametrize("name", SWEEPS)
def test_the_metric_is_what_the_best_checkpoint_is_chosen_by(name):
    sweep = read(name)
    training = REPOSITORY / "experiments" / sweep["command"][4]
    callbacks = yaml.safe_load(training.read_text(encoding="utf-8"))["trainer"]["callbacks"]
    (saver,) = (c["init_args"] for c in callbacks if "monitor" in c.get("init_args", {}))
    assert sweep["metric"]["name"] == saver["monitor"]
    assert sweep["metric"]["goal"][:3] == saver["mode"]


def setting(config, key):
    """What a configuration has under the short key that a flag may use."""
    section, *parts = key.split(".")
    found = config[section]
    for part in parts:
        found = found[-1] if isinstance(found, list) else found  # flags change the last of a list
        found = found.get("init_args", found) if part not in found else found
        found = found[part]
    return found


@pytest.mark.parametrize("name", SWEEPS)
def test_every_value_of_a_sweep_is_accepted(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # an agent may run anywhere
    sweep = read(name)
    choices = {key: values(parameter) for key, parameter in sweep["parameters"].items()}
    for number in range(max(map(len, choices.values()))):
        chosen = {key: found[number % len(found)] for key, found in choices.items()}
        assert main([*trial(sweep, chosen), "--print_config"]) == 0, chosen
        config = yaml.safe_load(capsys.readouterr().out)
        assert config["model"]["class_path"] == SWEEPS[name]
        for key, value in chosen.items():
            assert setting(config, key) == value, key
        assert config["trainer"]["logger"][0]["init_args"]["name"] == "sweep"
        assert config["trainer"]["logger"][1]["class_path"] == "blindsr.callbacks.WandbLogger"


def draw(parameter, rng):
    """A random value, as the site would choose one."""
    if parameter.get("distribution") == "int_uniform":
        return rng.randint(parameter["min"], parameter["max"])
    if "distribution" in parameter:
        return rng.uniform(parameter["min"], parameter["max"])
    return rng.choice(values(parameter))


@pytest.mark.slow
def test_an_agent_runs_two_trials(wandb_offline, tmp_path):
    """The commands that the site would send, one after another, without it."""
    sweep, rng = read("cmos_demo.yaml"), random.Random(0)
    small = ["--data.train_count=2", "--data.val_count=2", "--data.batch_size=2"]
    small += ["--trainer.max_epochs=1", "--data.size=[64,96]", "--data.num_workers=0"]
    learned = []
    for number in range(2):
        chosen = {key: draw(one, rng) for key, one in sweep["parameters"].items()}
        assert main([*trial(sweep, chosen), *small]) == 0
        run = wandb_offline()
        assert run.group == "sweep"
        assert "max" in run.summary[sweep["metric"]["name"]]
        saved = yaml.safe_load((tmp_path / f"logs/sweep/version_{number}/config.yaml").read_text())
        for key, value in chosen.items():
            assert setting(saved, key) == value
            assert setting(run.config, key) == value
        learned.append(saved["model"]["init_args"]["learning_rate"])
    assert learned[0] != learned[1]
    assert len(list((tmp_path / "logs" / "wandb").glob("offline-run-*"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cmos_nyu.yaml", "rrdb_sft_nyu.yaml"])
def test_a_trial_starts_a_batch(name, wandb_offline, tmp_path):
    sources = map(str, make(tmp_path / "source", size=(64, 96)))
    pairs = zip(("--mat", "--splits", "--classes"), sources, strict=True)
    words = [word for pair in pairs for word in pair]
    assert blindsr(["prepare", "nyuv2", *words, "--out", "data/nyuv2_bsr"]) == 0
    sweep = read(name)
    chosen = {key: values(parameter)[0] for key, parameter in sweep["parameters"].items()}
    words = trial(sweep, {**chosen, "data.batch_size": 1, "trainer.max_epochs": 1})
    words = [word for word in words if "val_check" not in word]
    small = {
        "cmos_nyu.yaml": ["--model.backbone=pyramid_small", "--model.pretrained=false"],
        "rrdb_sft_nyu.yaml": ["--model.blocks=1", "--data.crop=[8,8]", "--trainer.max_steps=1"],
    }
    workers = "--data.num_workers=0"
    small["rrdb_sft_nyu.yaml"].append("--trainer.val_check_interval=1")
    assert main([*words, *BATCH, *small[name], "--trainer.accelerator=cpu", workers]) == 0
    assert (tmp_path / "logs" / "sweep" / "version_0" / "metrics.csv").is_file()
    run = wandb_offline()
    assert run.summary["train/loss"] > 0
    assert run.config["task"] == SWEEPS[name].rpartition(".")[2]
