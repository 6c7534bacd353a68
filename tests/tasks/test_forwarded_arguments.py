"""Arguments of base classes: accepted, explained and stored as if each task named them itself."""

import json

import pytest
import torch
import yaml
from lightning import Trainer
from tests.helpers.configurations import refusals, write_config

from blindsr import tasks
from blindsr.cli.training.command import main
from blindsr.tasks import CMOSTask

DATA = {"num_classes", "scale", "sigma_max"}
EVERY = {"weight_decay", "warmup_steps"}
ANNEALED = EVERY | {"learning_rate", "betas", "cosine_steps", "min_learning_rate", "restart"}
ANNEALED |= {"schedule", "halve_at"}
SCORED = {"crop_border", "lpips", "dists", "pyiqa", "unsharp", "metrics"}
KEYS = {
    "CMOSTask": DATA
    | ANNEALED
    | {"window_layout", "backbone", "gia_parts", "window", "tasks", "auxiliary", "inputs", "norm"}
    | {"pretrained", "losses", "loss_weights"},
    "BlurUNetTask": ANNEALED | {"scale", "width", "weights"},
    "RRDBSFTTask": DATA
    | ANNEALED
    | SCORED
    | {"code_length", "window_layout", "use_semantics", "use_blur", "condition", "embed"}
    | {"features", "growth", "blocks", "residual", "window", "skip", "phase", "weights", "compare"},
    "MANetTask": ANNEALED
    | {"scale", "sigma_max", "phase", "kernel_size", "features", "blocks", "kernel_weight"}
    | {"train_on"},
    "RRDBSFTPCATask": ANNEALED
    | SCORED
    | {"scale", "sigma_max", "phase", "code_length", "kernel_size", "blocks", "features"}
    | {"growth", "residual", "skip", "weights", "compare"},
    "BlindSRTask": DATA
    | ANNEALED
    | SCORED
    | {"weights", "estimator", "restorer", "map_mix", "estimator_loss", "learns", "loss"}
    | {"compare", "tell"},
    "DCLSTask": ANNEALED
    | SCORED
    | {"scale", "sigma_max", "kernel_size", "latent", "blocks", "groups", "features"}
    | {"group_skip", "target", "train_kernel_on", "weights", "compare", "tell"},
    "DANTask": ANNEALED
    | SCORED
    | {"scale", "sigma_max", "version", "kernel_size", "code_length", "loops", "blocks", "groups"}
    | {"features", "group_skip", "kernel_rule", "supervise", "weights", "compare", "tell"},
    "KOALAnetTask": ANNEALED
    | SCORED
    | {"scale", "sigma_max", "stage", "down_kernel", "up_kernel", "features", "kernel_loss"}
    | {"border", "weights", "compare", "tell"},
    "PBaSRTask": EVERY
    | SCORED
    | {"anchor", "scale", "branches", "recipe", "losses", "blur_losses", "gan", "condition"}
    | {"discriminator_features", "discriminator_weights", "vgg19", "vgg16", "codebook", "compare"}
    | {"blur_weights"}
    | {"score_branches", "learning_rate", "discriminator_learning_rate", "betas", "halve_at"}
    | {"gradient_clip", "frozen", "max_iterations"},
}
DEFAULTS = {
    "CMOSTask": {
        "learning_rate": 1e-4,
        "betas": (0.9, 0.99),
        "warmup_steps": 1000,
        "min_learning_rate": 1e-7,
    },
    "BlurUNetTask": {
        "learning_rate": 2e-3,
        "betas": (0.9, 0.999),
        "warmup_steps": 100,
        "min_learning_rate": 4e-5,
    },
    "RRDBSFTTask": {
        "learning_rate": 2e-4,
        "betas": (0.9, 0.99),
        "warmup_steps": 0,
        "min_learning_rate": 1e-7,
        "crop_border": 0,
    },
    "DCLSTask": {"learning_rate": 4e-4, "betas": (0.9, 0.99), "kernel_size": 21},
    "MANetTask": {"learning_rate": 2e-4, "betas": (0.9, 0.999)},
    "RRDBSFTPCATask": {"learning_rate": 2e-4, "betas": (0.9, 0.99), "crop_border": 0},
    "BlindSRTask": {
        "learning_rate": 5e-5,
        "betas": (0.9, 0.999),
        "warmup_steps": 0,
        "min_learning_rate": 1e-7,
        "crop_border": 0,
    },
    "DANTask": {"learning_rate": 4e-4, "betas": (0.9, 0.99), "warmup_steps": 0, "crop_border": 0},
    "KOALAnetTask": {"learning_rate": 1e-4, "betas": (0.9, 0.999), "warmup_steps": 0},
    "PBaSRTask": {"warmup_steps": 0, "weight_decay": 0.0, "crop_border": 4},
}
SMALL = {
    "DCLSTask": {"latent": 4, "blocks": 1, "groups": 1, "features": 8},
    "MANetTask": {"features": (4, 8)},
    "RRDBSFTPCATask": {"features": 8, "growth": 4, "blocks": 1, "code_length": 8},
    "CMOSTask": {"backbone": "pyramid_small"},
    "RRDBSFTTask": {"features": 8, "growth": 4, "blocks": 1, "code_length": 8},
    "BlindSRTask": {
        "estimator": {"backbone": "pyramid_small"},
        "restorer": {"features": 8, "growth": 4, "blocks": 1, "code_length": 8},
    },
    "DANTask": {"blocks": 1, "features": 4},
    "KOALAnetTask": {"features": 4},
    "PBaSRTask": {
        "anchor": {"arch": "esrgan", "init_args": {"num_filters": 8, "num_blocks": 1}},
        "discriminator_features": 8,
    },
}
OPTIMISER = {"weight_decay": 1e-3, "warmup_steps": 7}


def made(name, **options):
    return getattr(tasks, name)(**{**SMALL.get(name, {}), **options})


@pytest.mark.parametrize("name", KEYS)
def test_hyper_parameters_are_all_arguments_as_plain_values(name):
    task = made(name, **OPTIMISER)
    stored = dict(task.hparams)
    assert set(stored) == KEYS[name]
    assert stored.items() >= (DEFAULTS[name] | OPTIMISER).items()
    assert json.dumps(stored)


@pytest.mark.parametrize("name", KEYS)
def test_a_checkpoint_makes_the_same_task_again(name, tmp_path):
    task = made(name, **OPTIMISER)
    trainer = Trainer(accelerator="cpu", logger=False, default_root_dir=tmp_path)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "task.ckpt")
    stored = torch.load(tmp_path / "task.ckpt", weights_only=True)["hyper_parameters"]
    assert set(stored) == KEYS[name]
    again = type(task).load_from_checkpoint(tmp_path / "task.ckpt", map_location="cpu")
    assert again.hparams == task.hparams
    assert all(
        torch.equal(a, b) for a, b in zip(again.parameters(), task.parameters(), strict=True)
    )


def test_a_subclass_of_a_user_keeps_them():
    class Mine(CMOSTask):
        def __init__(self, extra: int = 1, **options):
            super().__init__(**options)

    task = Mine(backbone="pyramid_small", betas=(0.5, 0.9))
    assert set(task.hparams) == KEYS["CMOSTask"] | {"extra"}
    assert task.hparams["betas"] == (0.5, 0.9)


@pytest.mark.parametrize("name", KEYS)
def test_the_help_explains_every_argument(name, capsys):
    assert main(["fit", f"--model.help=blindsr.tasks.{name}"]) == 0
    words = capsys.readouterr().out.replace("\n", " ").split("--model.")
    entries = {entry.split()[0].rstrip("+"): " ".join(entry.split()) for entry in words}
    explained = {key: entries[key] for key in KEYS[name]}
    short = {key for key, entry in explained.items() if len(entry.split("(type:")[0].split()) < 3}
    assert not short
    for key, value in DEFAULTS[name].items():
        shown = str(list(value) if isinstance(value, tuple) else value)
        assert f"default: {shown})" in explained[key].replace("(0.9", "[0.9").replace("9))", "9])")


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("learning_rat", 1.0, ["model.learning_rat: unknown", "Did you mean model.learning_rate?"]),
        ("warm_up_steps", 1, ["Did you mean model.warmup_steps?"]),
        ("weight_decay", "much", ["model.weight_decay: much, expected float"]),
        ("betas", [0.9, 1.5], ["model.betas: ", "two numbers in 0..1"]),
        ("min_learning_rate", 1.0, ["model.min_learning_rate: 1.0, expected no more than"]),
        ("cosine_steps", 0, ["model.cosine_steps: 0, expected 1 or more"]),
    ],
)
def test_errors_name_the_flat_key(key, value, parts, tmp_path, capsys):
    error, typed = refusals(tmp_path, capsys, "model", key, value)
    assert error.count("\n") == 0
    for part in parts:
        assert part in error
    assert parts[-1] in typed


def test_yaml_sets_them(tmp_path):
    config = write_config(tmp_path)
    content = yaml.safe_load(config.read_text())
    chosen = {"learning_rate": 3e-4, "betas": [0.8, 0.9], "cosine_steps": 5, "restart": True}
    content["model"]["init_args"] |= chosen | OPTIMISER
    config.write_text(yaml.safe_dump(content))
    assert main(["fit", "-c", str(config), "--trainer.max_epochs", "1"]) == 0
    (file,) = tmp_path.glob("logs/*/version_0/checkpoints/last.ckpt")
    content = torch.load(file, weights_only=True)
    stored = content["hyper_parameters"]
    expected = chosen | OPTIMISER
    stored["betas"] = list(stored["betas"])  # a YAML list, or the tuple that it is
    assert {key: stored[key] for key in expected} == expected
    (group,) = content["optimizer_states"][0]["param_groups"]
    assert (group["initial_lr"], group["weight_decay"], group["betas"]) == (3e-4, 1e-3, (0.8, 0.9))


def test_a_contradiction_with_the_data_is_seen_in_a_subclass_that_hands_on(tmp_path, capsys):
    """``scale`` stands in no signature of its own."""
    (tmp_path / "forwarding.py").write_text(
        "from blindsr.tasks import CMOSTask\n"
        "class Forwarding(CMOSTask):\n"
        "    def __init__(self, extra: int = 1, **options):\n"
        "        super().__init__(**options)\n"
    )
    config = write_config(tmp_path)
    content = yaml.safe_load(config.read_text())
    content["model"]["class_path"] = "forwarding.Forwarding"
    content["model"]["init_args"]["scale"] = 2
    config.write_text(yaml.safe_dump(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        assert main(["fit", "-c", str(config)]) == 2
    assert "model.scale: 2, expected 4 as in the data" in capsys.readouterr().err
