"""Tiny networks of spandrel's classes, and files of them in every dialect."""

import torch

from blindsr.weights.anchors.classes import as_released
from blindsr.weights.anchors.spandrel_files import quiet

TRANSFORMER = {
    "img_size": 16,
    "embed_dim": 12,
    "depths": [2, 2],
    "num_heads": [2, 2],
    "window_size": 8,
    "mlp_ratio": 2.0,
}
TINY = {
    "esrgan": {"num_filters": 4, "num_blocks": 1},
    "compact": {"num_feat": 4, "num_conv": 1},
    "swinir": TRANSFORMER,
    "hat": {**TRANSFORMER, "squeeze_factor": 4, "num_feat": 4},
    "srformer": TRANSFORMER,
}
RESTRICTED = ("srformer", "femasr")


def rrdb(seed=0, **settings):
    """A tiny RRDB network, random weights."""
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(seed)
    with quiet():
        return ESRGAN(**{**TINY["esrgan"], **settings})


def bsrgan_names(state):
    """Names of ESRGAN after 2019 and of BSRGAN."""
    pairs = {
        "body.0": "RRDB_trunk.0",
        "rdb": "RDB",
        "conv_body": "trunk_conv",
        "conv_up": "upconv",
        "conv_hr": "HRconv",
    }
    renamed = {}
    for name, tensor in as_released(state).items():
        for new, old in pairs.items():
            name = name.replace(new, old)
        renamed[name] = tensor
    return renamed


def dialects(state):
    """Every form in which RRDB weights are found -> (content of the file, its wrapper)."""
    new = as_released(state)
    return {
        "BasicSR": ({"params": new}, "params"),
        "Real-ESRGAN": ({"params_ema": new}, "params_ema"),
        "BSRGAN": (bsrgan_names(state), ""),
        "old": (dict(state), ""),
        "parallel": ({f"module.{name}": t for name, t in new.items()}, ""),
        "KAIR": ({"state_dict": {f"module.{n}": t for n, t in state.items()}}, "state_dict"),
    }


def bits(content):
    """What ``torch.equal`` would not tell: order, type and every bit."""
    flat = next(iter(content.values())) if len(content) == 1 else content
    return [(n, t.dtype, tuple(t.shape), t.numpy().tobytes()) for n, t in flat.items()]
