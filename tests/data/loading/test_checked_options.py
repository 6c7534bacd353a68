"""Options of the data modules that mean nothing: refused by name when the module is made."""

import pytest

from blindsr.data import HRFolder, LeafScenes, NYUv2BSR, PBaSRScenes, ReBlurSR, Scenes
from blindsr.errors import ConfigError

NAN, INF = float("nan"), float("inf")
NOT_WHOLE = (0, -1, 1.5, NAN, INF, "4", True, None, [4], 10**30)
NO_SIGMA = (0, -5, NAN, INF, 1e9, "5", True, [5])
NO_FLAG = (2, "maybe", NAN, [True])
MODULES = {"nyuv2": NYUv2BSR, "scenes": Scenes, "folder": HRFolder, "pbasr": PBaSRScenes}
MODULES |= {"reblursr": ReBlurSR, "leaves": LeafScenes}

COMMON = {
    "scale": NOT_WHOLE,
    "batch_size": NOT_WHOLE,
    "eval_batch_size": NOT_WHOLE,
    "num_workers": (-1, 0.5, NAN, "2", True, 10**6),
    "seed": (-1, 0.5, NAN, INF, "1", 10**30),
    "pin_memory": NO_FLAG,
    "flip": NO_FLAG,
    "vertical_flip": NO_FLAG,
    "transpose": NO_FLAG,
}
CROPS = ([0, 0], [-4, 4], [5], [5, 5, 5], 5, "55", [NAN, 5], [2.5, 5], [10**9, 5])
SIDES = ([0, 64], [64], 64, "ab", [NAN, 64], [64.0, 64], [-64, 64], [10**9, 64])
AUGMENTED = {
    "crop": CROPS,
    "zoom": ("huge", 1.5, [1.5]),
    "photometric": (2, -1, NAN, "1"),
    "wraparound": NO_FLAG,
    "on_the_fly": NO_FLAG,
    "downsampler": ("lanczos", 4, None, []),
    "operator": ("magic", None),
}
PATCHES = {
    "crop": (0, -64, 63, 1.5, NAN, "64", [64, 64], 10**9),
    "degradation": ("noise", None, 4, []),
    "random_resize": NO_FLAG,
    "sharpen": NO_FLAG,
}
VALIDATION = {
    "holdout": (0, -1, 0.5, NAN, "4", True),
    "val_crop": (0, -64, 63, 64.5, NAN, "64"),
    "skip_small": NO_FLAG,
}
TABLE = {
    "nyuv2": COMMON
    | {key: values for key, values in AUGMENTED.items() if key != "operator"}
    | {
        "sigma_max": NO_SIGMA,
        "holdout": (0, 1, -0.1, NAN, INF, "0.1", True),
        "groups": ([], [0], [1, 1], ["1"], [1.5], 1, "12"),
        "num_classes": (0, 39, NAN),
        "validation": ("all", None, 1),
        "pairing": ("order", None),
        "iva_only": NO_FLAG,
    },
    "scenes": COMMON
    | AUGMENTED
    | {
        "sigma_max": NO_SIGMA,
        "size": SIDES,
        "iva": (1.5, -1, NAN, "0.2"),
        "photographs": (1.5, -1, NAN, INF),
        "soft_photographs": (1.5, -1, NAN, INF),
        "test_groups": NOT_WHOLE,
        "train_count": NOT_WHOLE,
        "val_count": NOT_WHOLE,
        "test_count": NOT_WHOLE,
    },
    "folder": COMMON
    | PATCHES
    | VALIDATION
    | {
        "folders": ([], "data/DIV2K", None, [""]),
        "test": ([1], "x", {"a/b": "x"}, {"": "x"}, {"a": 1}),
        "test_lr": ({"unknown": "x"}, "x"),
    },
    "pbasr": COMMON
    | PATCHES
    | {
        "sigma_max": NO_SIGMA,
        "size": SIDES,
        "threshold": (0, -1, NAN, INF, 2.5, "1"),
        "steps_per_epoch": (0, -1, 1.5, NAN, "4"),
        "operator": ("magic", None),
        "train_count": NOT_WHOLE,
    },
    "reblursr": COMMON
    | PATCHES
    | VALIDATION
    | {
        "general": ([], "data/DIV2K", None, [""]),
        "steps_per_epoch": (0, -1, 1.5, NAN, "4"),
        "types": (["blur"], [], "defocus"),
        "group_by": (["kind"],),
        "validation": ("all", None),
        "sigma_threshold": NO_SIGMA,
        "smallest_region": (-1, 0.5, NAN, "1"),
        "allow_pickle": NO_FLAG,
        "blur_test": ([1], "x"),
        "general_test": ([1], "x"),
    },
}
TABLE["leaves"] = {
    key: COMMON[key] for key in ("batch_size", "eval_batch_size", "num_workers", "seed")
} | {"size": (0, 7, -8, 8.5, NAN, "160", [160])}
TABLE["leaves"] |= dict.fromkeys(("count", "val_count", "scenes"), (0, -1, 1.5, NAN, "4", True))
ROWS = [(name, key, values) for name, table in TABLE.items() for key, values in table.items()]


@pytest.mark.parametrize(
    ("name", "key", "values"), ROWS, ids=[f"{name}-{key}" for name, key, _ in ROWS]
)
def test_an_option_that_means_nothing(name, key, values, tmp_path):
    root = {"root": str(tmp_path)} if name in ("nyuv2", "reblursr") else {}
    for value in values:
        with pytest.raises(ConfigError) as caught:
            MODULES[name](**(root | {key: value}))
        message = str(caught.value)
        assert message.startswith((f"{key}: ", f"{key}_lr: ")), (
            value,
            message,
        )
        assert "expected" in message
        assert "\n" not in message


@pytest.mark.parametrize("name", MODULES)
def test_the_defaults_are_accepted(name):
    MODULES[name]()
