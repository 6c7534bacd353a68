"""Arguments of base classes: accepted, explained and refused as if each class named them itself."""

import json

import pytest
from tests.helpers.configurations import refusals

from blindsr import data
from blindsr.cli.training.command import main

EVERY = {"scale", "batch_size", "eval_batch_size", "num_workers", "seed", "pin_memory"}
BLUR = {
    "deliver",
    "sigma_max",
    "downsampler",
    "operator",
    "crop",
    "flip",
    "vertical_flip",
    "transpose",
}
BLUR |= {"zoom", "zoom_factors", "wraparound", "on_the_fly", "photometric", "iva_only"}
PATCH = {"degradation", "sharpen", "crop", "random_resize", "flip", "vertical_flip", "transpose"}
FOLDER = PATCH | {"holdout", "val_crop", "cache", "skip_small"}
ROOMS = {"train_count", "val_count", "test_count", "size"}
KEYS = {
    "NYUv2BSR": EVERY
    | BLUR
    | {
        "root",
        "num_classes",
        "validation",
        "holdout",
        "groups",
        "pairing",
        "shards",
        "test_pictures",
    },
    "Scenes": EVERY | BLUR | ROOMS | {"iva", "photographs", "soft_photographs", "test_groups"},
    "HRFolder": EVERY | FOLDER | {"folders", "test", "test_lr"},
    "ReBlurSR": EVERY
    | FOLDER
    | {"root", "general", "steps_per_epoch", "types", "degrees", "areas", "group_by"}
    | {"general_batch_size", "test_types", "test_degrees", "test_areas"}
    | {"general_test", "general_test_lr", "blur_test", "validation", "sigma_masks"}
    | {"sigma_threshold", "smallest_region", "allow_pickle"},
    "PBaSRScenes": EVERY
    | PATCH
    | ROOMS
    | {"sigma_max", "threshold", "operator", "steps_per_epoch", "general_batch_size"},
    "LeafScenes": (EVERY - {"scale"})
    | {"count", "val_count", "size", "scenes", "reduced", "reduced_pictures"},
    "RestorationScenes": EVERY
    | {
        "count",
        "pictures",
        "val_count",
        "size",
        "crop",
        "downsampler",
        "sigma_max",
        "sharp",
        "widths",
        "blurred",
        "mixed",
    },
}
DEFAULTS = {
    "NYUv2BSR": {"batch_size": 8, "eval_batch_size": 1, "num_workers": 2},
    "Scenes": {"batch_size": 8, "eval_batch_size": 4, "num_workers": 0},
    "HRFolder": {"batch_size": 16, "eval_batch_size": 1, "num_workers": 2, "crop": 256},
    "ReBlurSR": {"batch_size": 8, "eval_batch_size": 1, "num_workers": 4, "flip": True},
    "PBaSRScenes": {"batch_size": 8, "eval_batch_size": 4, "num_workers": 0, "crop": 96},
    "LeafScenes": {"batch_size": 3, "eval_batch_size": 1, "num_workers": 1},
    "RestorationScenes": {"batch_size": 3, "eval_batch_size": 1, "num_workers": 1, "crop": 64},
}


@pytest.mark.parametrize("name", KEYS)
def test_hyper_parameters_are_all_arguments_as_plain_values(name):
    """They are what a checkpoint stores, and make the same data module again."""
    made = getattr(data, name)(seed=3)
    stored = dict(made.hparams)
    assert set(stored) == KEYS[name]
    assert stored.items() >= (DEFAULTS[name] | {"seed": 3}).items()
    assert json.dumps(stored)
    again = type(made)(**stored)
    assert again.facts == made.facts
    assert again.hparams == made.hparams


def test_a_subclass_of_a_user_keeps_them():
    class Mine(data.Scenes):
        def __init__(self, extra: int = 1, **options):
            super().__init__(**options)
            self.extra = extra

    assert set(Mine(iva=0.5).hparams) == KEYS["Scenes"] | {"extra"}


@pytest.mark.parametrize("name", KEYS)
def test_the_help_explains_every_argument(name, capsys):
    assert main(["fit", f"--data.help=blindsr.data.{name}"]) == 0
    words = capsys.readouterr().out.replace("\n", " ").split("--data.")
    entries = {entry.split()[0].rstrip("+"): " ".join(entry.split()) for entry in words}
    explained = {key: entries[key] for key in KEYS[name]}
    short = {key for key, entry in explained.items() if len(entry.split("(type:")[0].split()) < 3}
    assert not short
    for key, value in DEFAULTS[name].items():
        assert f"default: {value})" in explained[key]
    assert "pictures" in explained["batch_size"]


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("batch_sise", 2, ["data.batch_sise: unknown key", "Did you mean data.batch_size?"]),
        ("vertical_flips", True, ["Did you mean data.vertical_flip?"]),
        ("num_workers", "two", ["data.num_workers: two, expected int"]),
        ("zoom", "huge", ["data.zoom: huge", "'physical', 'paper'"]),
        ("seed", -1, ["seed: -1, expected a whole number"]),
    ],
)
def test_errors_name_the_flat_key(key, value, parts, tmp_path, capsys):
    error, typed = refusals(tmp_path, capsys, "data", key, value)
    assert error.count("\n") == 0
    for part in parts:
        assert part in error
    assert parts[-1] in typed
