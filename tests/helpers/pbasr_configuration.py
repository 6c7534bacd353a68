"""A small configuration of PBaSR, as a file."""

import yaml
from tests.conftest import REPOSITORY
from tests.helpers.configurations import save_config

EXPERIMENTS = REPOSITORY / "experiments"


def tiny_config(folder, name="pbasr", *callbacks):
    """The demonstration's configuration, tiny, its runs under ``folder``; returns its path."""
    config = yaml.safe_load((EXPERIMENTS / "pbasr_demo.yaml").read_text(encoding="utf-8"))
    config["trainer"] |= {"max_epochs": 2, "check_val_every_n_epoch": 1}
    config["trainer"]["callbacks"] += callbacks
    config["model"]["init_args"] |= {
        "anchor": {"arch": "esrgan", "init_args": {"num_filters": 8, "num_blocks": 1}},
        "discriminator_features": 8,
    }
    counts = {"train_count": 4, "val_count": 2, "test_count": 2, "batch_size": 2}
    sizes = {"size": [64, 80], "crop": 32, "operator": "gather"}
    config["data"]["init_args"] = counts | sizes
    return save_config(config, folder, name)
