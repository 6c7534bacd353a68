"""A model that enlarges by bicubic interpolation, in place of a trained one."""

import itertools

import numpy as np

from blindsr.imaging.resize import phase, upsample
from blindsr.restore import Strip


class FakeModel:
    """The part of :class:`blindsr.restore.Restorer` that the command line uses."""

    def __init__(self, *, can_upscale=True, can_estimate=True, needs_maps=False, scale=2):
        self.can_upscale, self.can_estimate = can_upscale, can_estimate
        self.needs_maps, self.shows_maps = needs_maps, can_estimate
        self.title = "Fake"
        self.scale, self.phase = scale, phase("sfold", scale)
        self.sigma_max, self.class_names, self.num_classes = 5.0, ("sky", "tree", "road"), 3
        self.calls = []

    def describe(self):
        return f"Fake x{self.scale}, trained for nothing"

    downsampler, trained_for = "sfold", "nothing"
    draws_samples = False

    def strips(
        self,
        image,
        *,
        tile="auto",
        maps=False,
        keep_blur=0.0,
        strength=1.0,
        tta=False,
        removed=False,
        on_progress=None,
    ):
        self.finished = (keep_blur, strength, removed)
        self.calls.append((image.shape, image.dtype, tile, maps))
        peak = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1
        sr = upsample(image / np.float32(peak), self.scale, phase=self.phase)
        ramp = np.linspace(0, 5, sr.shape[0] * sr.shape[1], dtype=np.float32)
        sigma = ramp.reshape(sr.shape[:2])
        tops = [*range(0, len(sr), 37), len(sr)]
        for i, (top, stop) in enumerate(itertools.pairwise(tops)):
            rows = slice(top, stop)
            classes = (sigma[rows] * 0.59).astype(np.uint8)
            if on_progress is not None:
                on_progress(i + 1, len(tops) - 1)
            yield Strip(
                top,
                np.clip(sr[rows], 0, 1).astype(np.float32),
                sigma[rows] if maps else None,
                classes if maps else None,
            )
