"""An estimator that is told blur by the blue channel, and networks that need no weights."""

from dataclasses import replace

import torch
from torch.nn.functional import interpolate

from blindsr.inference.model import Estimator, Model, Upscaler
from blindsr.networks.tile_needs import TileNeeds
from blindsr.restore import Restorer
from blindsr.types import Estimate

WIDEST = 8
"""Sigma of blue 1, in pixels of the picture given."""


class ToldBlur:
    """Sigma is 8 times blue; ``looks`` counts the tiles that were looked at."""

    def __init__(self, scale, spread=0.0):
        self.scale, self.spread, self.looks = scale, spread, 0

    def __call__(self, lr):
        self.looks += 1
        blue = interpolate(lr[:, 2:], scale_factor=self.scale, mode="nearest")
        sigma = WIDEST * self.scale * blue
        spread = torch.full_like(sigma, self.spread * self.scale)
        return Estimate(sigma, None, None, None, blur_scale=spread)

    def estimator(self, *, sees_blur=True):
        return Estimator(self, TileNeeds(overlap=16), ("blur", "blur_scale"), sees_blur)


def inverting(scale=2, **options):
    """A network whose result is the negative of the picture, enlarged."""

    def run(lr, **_):
        return 1 - interpolate(lr, scale_factor=scale, mode="nearest")

    return restorer(run, scale, **options)


def texturing(scale=4, amplitude=0.01, **options):
    """A network that puts the same chequers everywhere, Laplacian energy (4 amplitude)^2."""

    def run(lr, **_):
        enlarged = interpolate(lr, scale_factor=scale, mode="bicubic")
        rows, columns = (torch.arange(side) for side in enlarged.shape[2:])
        return enlarged + amplitude * ((rows[:, None] + columns) % 2 - 0.5)

    return restorer(run, scale, **options)


def restorer(run, scale, *, uses=(), estimator=None, facts=None):
    upscaler = Upscaler(run, TileNeeds((2, 2), overlap=16), uses=uses)
    model = Model("made", "here", scale, torch.device("cpu"), estimator=estimator)
    return Restorer(replace(model, upscaler=upscaler, facts=facts))
