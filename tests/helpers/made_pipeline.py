"""A small pipeline with made weights, and scenes for it."""

import numpy as np
import torch
from tests.helpers.filled import filled

from blindsr.data.scenes.render import render_scene
from blindsr.inference.model import Model
from blindsr.inference.open_model import engine_parts
from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.weights.export import save_safetensors
from blindsr.weights.network_file import NetworkFile

CLASSES = 6


CMOS_SETTINGS = {"num_classes": CLASSES, "backbone": "pyramid_small", "window": (6, 8)}


RESTORER_SETTINGS = {
    "code_length": 8,
    "features": 8,
    "growth": 4,
    "blocks": 1,
    "window": (6, 8),
    "embed": "onehot",
    "num_classes": CLASSES,
    "skip": "bicubic",
    "condition": "lr",
}


TILE = 48


def blind(**options):
    """Formula-made weights, scaled to what training gives: flows of pixels, pictures in [0, 1]."""
    network = filled(
        BlindSR(CMOS(**CMOS_SETTINGS), RRDBSFT(**{**RESTORER_SETTINGS, **options})).eval()
    )
    with torch.no_grad():
        network.restorer.upsampler[0].weight.mul_(0.1)
        network.restorer.upsampler[0].bias.mul_(0.1)
        network.restorer.trunk_conv.weight.mul_(0.3)
    return network.eval()


def export(path, kind, network, settings, **about):
    save_safetensors(path, NetworkFile("made", kind, settings, network.state_dict(), **about))
    return path


def scene(height=200, width=300, index=1):
    return render_scene(0, index, (height, width)).rgb


def as_float(image):
    return image.astype(np.float32) / 255


def made_model(network):
    device = torch.device("cpu")
    return Model("made", "here", 4, device, "float32", *engine_parts(network, device))


def equal(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b))
