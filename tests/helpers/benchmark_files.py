"""A tiny benchmark: two restorers of a few steps, as files, and what a call of it said."""

import yaml
from tests.helpers.configurations import write_config

from blindsr.cli.app import main

ROWS = [
    {"name": "no maps", "config": "tiny", "overrides": {"model.init_args.use_blur": False}},
    {"name": "true maps", "config": "tiny"},
    {"name": "bicubic", "rival": "bicubic"},
]


def write_benchmark(folder, **changes):
    """A benchmark whose runs go under ``folder``; returns its path."""
    config = write_config(folder, model="rrdb_sft")
    rows = [{**row, "config": str(config)} if "config" in row else dict(row) for row in ROWS]
    content = {
        "out": str(folder / "out"),
        "seeds": [0],
        "reference": "no maps",
        "choices": [{"choice": "learning rate", "split": "none"}],
        "shared": {"max_steps": 2},
        "rows": rows,
        **changes,
    }
    path = folder / "table.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def benchmark(path, *words):
    """Status of ``blindsr benchmark``."""
    return main(["benchmark", str(path), *words])
