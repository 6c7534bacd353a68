"""The tensors behind the golden files, drawn from names alone so that no weights are stored.

A name and a seed select one frozen NumPy stream (`RandomState`). From it come either one tensor of
a state dict, whose spread depends on the role that its name and shape give away, or one image.
The golden files hold what the released CMOS implementation answers to exactly these tensors; see
README.md beside this file.
"""

import fnmatch
import gzip
import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch

GOLDEN = Path(__file__).resolve().parent
WAVES = 6


_STREAM = np.random.RandomState()


def stream(name, seed):
    """It lasts until the next one is asked for: making one takes 30 times what seeding it does."""
    _STREAM.seed(zlib.crc32(f"{seed}:{name}".encode()))
    return _STREAM


def fill(name, shape, seed=0):
    """One tensor of a state dict; `name` is the official one with its prefix."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    normal = stream(name, seed).standard_normal(math.prod(shape)).astype(np.float32)
    normal = normal.reshape(shape)
    if name.endswith("running_var"):
        values = 1.0 + 0.2 * np.abs(normal)
    elif name.endswith("running_mean"):
        values = 0.1 * normal
    elif len(shape) > 1:  # kernels and matrices: unit gain per output
        values = normal * np.float32(1.0 / np.sqrt(math.prod(shape[1:])))
    elif tuple(shape) == (1,):  # gates of GIA, biases of one-channel maps: kept away from zero
        values = 0.5 + 0.1 * normal
    elif name.endswith("weight"):
        values = 1.0 + 0.1 * normal
    else:
        values = 0.1 * normal
    return torch.from_numpy(values)


def image(name, shape, seed=0):
    """A smooth image in [0, 1], float32: per channel a few cosines of random direction."""
    random = stream(name, seed)
    n, c, h, w = shape
    y, x = np.mgrid[:h, :w].astype(np.float64)
    planes = np.zeros((n * c, h, w))
    for plane in planes:
        for _ in range(WAVES):
            down, right = random.uniform(-0.25, 0.25, 2)
            height, shift = random.uniform(0.3, 1.0), random.uniform(0, 6.28)
            plane += height * np.cos(2 * np.pi * (down * y + right * x) + shift)
    planes = (planes - planes.min()) / (planes.max() - planes.min())
    return torch.from_numpy(planes.reshape(shape).astype(np.float32))


def official_shapes(network):
    """Official names and shapes of `cmos`, `rrdb_sft` or `blindsr` with 40 classes."""
    with gzip.open(GOLDEN / "keys_nyu.json.gz", "rt") as file:
        return json.load(file)[network]


def official_state(network):
    """A full state dict under official names."""
    return {name: fill(name, shape) for name, shape in official_shapes(network).items()}


def released_state(folder, name, network=None):
    """A state dict of another method by its official names; `folder` holds `keys_<name>.json`.

    `network` is one of those that the file lists; needed where there are several.
    """
    told = json.loads((folder / f"keys_{name}.json").read_text())
    (chosen,) = [one for one in told["keys"] if network in (None, one)]
    shapes, gains = told["keys"][chosen], told["gains"].get(chosen, {})
    return {
        key: fill(key, shape, told["seed"]) * np.float32(gain_of(key, gains))
        for key, shape in shapes.items()
    }


def gain_of(name, gains):
    """Factor of the first pattern that fits; it keeps deep networks from exploding."""
    return next((gain for form, gain in gains.items() if fnmatch.fnmatchcase(name, form)), 1)
