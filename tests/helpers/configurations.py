"""Small configurations of every task, as files."""

import copy
import json

import yaml
from tests.helpers.tiny_diffusion import save_tiny_diffusion

from blindsr.cli.training.command import main

TINY = {
    "seed_everything": 0,
    "trainer": {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 2,
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "log_every_n_steps": 1,
        "callbacks": [
            {
                "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                "init_args": {
                    "monitor": "val/blur_psnr",
                    "mode": "max",
                    "filename": "best",
                    "enable_version_counter": False,
                },
            },
            {
                "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                "init_args": {"filename": "last", "enable_version_counter": False},
            },
        ],
    },
    "model": {
        "class_path": "blindsr.tasks.CMOSTask",
        "init_args": {
            "backbone": "pyramid_small",
            "gia_parts": "",  # half of the time of a step; test_ablations.py trains them
            "warmup_steps": 1,
            "cosine_steps": 20,
        },
    },
    "data": {
        "class_path": "blindsr.data.Scenes",
        "init_args": {
            "train_count": 6,
            "val_count": 2,
            "test_count": 3,
            "size": [64, 80],
            "batch_size": 2,
            "test_groups": 2,
        },
    },
}


RESTORER = {
    "code_length": 4,
    "features": 8,
    "growth": 4,
    "blocks": 1,
    "condition": "lr",
    "window": [4, 5],
}


ESTIMATOR = {"backbone": "pyramid_small", "gia_parts": ""}


MODELS = {
    "rrdb_sft": {
        "class_path": "blindsr.tasks.RRDBSFTTask",
        "init_args": {**RESTORER, "cosine_steps": 20, "learning_rate": 1e-3},
    },
    "dan": {
        "class_path": "blindsr.tasks.DANTask",
        "init_args": {
            "version": 2,
            "blocks": 1,
            "groups": 1,
            "features": 8,
            "loops": 2,
            "cosine_steps": 20,
        },
    },
    "koalanet": {
        "class_path": "blindsr.tasks.KOALAnetTask",
        "init_args": {"features": 4, "cosine_steps": 20},
    },
    "dcls": {
        "class_path": "blindsr.tasks.DCLSTask",
        "init_args": {
            "kernel_size": 11,
            "latent": 4,
            "blocks": 1,
            "groups": 1,
            "features": 8,
            "learning_rate": 1e-3,
        },
    },
    "manet": {
        "class_path": "blindsr.tasks.MANetTask",
        "init_args": {"features": [4, 8], "cosine_steps": 20, "learning_rate": 1e-3},
    },
    "blind_mixed": {
        "class_path": "blindsr.tasks.BlindSRTask",
        "init_args": {
            "estimator": {"kind": "blur_unet", "width": 8},
            "restorer": {"kind": "blur_sr", "features": 8, "blocks": 1, "phase": 0.0},
            "map_mix": {"estimated": 0.4, "truth": 0.3, "disturbed": 0.3},
            "learning_rate": 1e-3,
        },
    },
    "svkr": {
        "class_path": "blindsr.tasks.SVKRTask",
        "init_args": {
            "width": 8,
            "blocks": 1,
            "iterations": 1,
            "downsampler": "sfold",
            "learning_rate": 1e-3,
        },
    },
    "ssr": {
        "class_path": "blindsr.tasks.SSRTask",
        "init_args": {
            "kernel_width": 8,
            "kernel_blocks": 1,
            "iterations": 0,
            "steps": 2,
            "width": 8,
            "blocks": 1,
            "downsampler": "sfold",
            "learning_rate": 1e-3,
        },
    },
    "rrdb_sft_pca": {
        "class_path": "blindsr.tasks.RRDBSFTPCATask",
        "init_args": {
            "code_length": 4,
            "features": 8,
            "growth": 4,
            "blocks": 1,
            "learning_rate": 1e-3,
        },
    },
    "blind": {
        "class_path": "blindsr.tasks.BlindSRTask",
        "init_args": {
            "estimator": ESTIMATOR,
            "restorer": RESTORER,
            "cosine_steps": 20,
            "learning_rate": 1e-3,
        },
    },
}


LATENT = {
    "class_path": "blindsr.tasks.LatentSSRTask",
    "init_args": {
        "kernel_width": 8,
        "kernel_blocks": 1,
        "iterations": 0,
        "steps": 2,
        "width": 4,
        "downsampler": "sfold",
        "learning_rate": 1e-3,
    },
}
"""Not among the others: it needs the extra ``diffusion``."""


PICTURES = {"class_path": "blindsr.callbacks.Pictures", "init_args": {"count": 2}}
"""Not in every configuration: drawing takes longer than the training."""


def write_config(folder, name="tiny", model="cmos", *, pictures=False, **trainer):
    """The tiny configuration with its runs under ``folder``; returns its path."""
    config = copy.deepcopy(TINY)
    if pictures:
        config["trainer"]["callbacks"].append(copy.deepcopy(PICTURES))
    if model in MODELS:
        config["model"] = copy.deepcopy(MODELS[model])
        if model not in ("manet", "svkr"):  # the others restore
            config["trainer"]["callbacks"][0]["init_args"]["monitor"] = "val/psnr"
        if model == "svkr":
            config["data"]["init_args"]["deliver"] = ["depth"]
    if model == "latent_ssr":
        config["model"] = copy.deepcopy(LATENT)
        config["model"]["init_args"]["diffusion"] = str(save_tiny_diffusion(folder / "sd"))
        config["trainer"]["callbacks"][0]["init_args"]["monitor"] = "val/psnr"
    config["trainer"] |= trainer
    return save_config(config, folder, name)


def save_config(config, folder, name):
    """Write a configuration whose runs go under ``folder``; returns its path."""
    config["trainer"]["logger"] = [
        {
            "class_path": "lightning.pytorch.loggers.CSVLogger",
            "init_args": {"save_dir": str(folder / "logs"), "name": name},
        }
    ]
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def refusals(tmp_path, capsys, part, key, value):
    """What ``fit`` says of a wrong argument of the model or the data: in YAML, and typed.

    Of the typed one without the dashes, so that both name the key alike.
    """
    config = write_config(tmp_path)
    content = yaml.safe_load(config.read_text())
    content[part]["init_args"][key] = value
    config.write_text(yaml.safe_dump(content))
    assert main(["fit", "-c", str(config)]) == 2
    error = capsys.readouterr().err.strip()
    assert (
        main(["fit", "-c", str(write_config(tmp_path)), f"--{part}.{key}", json.dumps(value)]) == 2
    )
    return error, capsys.readouterr().err.replace(f"--{part}", part)
