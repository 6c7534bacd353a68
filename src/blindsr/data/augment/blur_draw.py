"""Draws the blur of a picture: dependent on depth (VA) or one sigma everywhere (IVA).

CMOS, Table 1: one fifth of the images is blurred invariantly (train 636 VA + 159 IVA, each test
group 524 + 130). Test groups rotate the fifth, so that a frame is IVA in at most one group.
Every draw has its own generator, seeded by (seed, split, group, frame): the result depends
neither on the order of the frames nor on the number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from blindsr.degradation.defocus import sample_focus_rank, sample_uniform_sigma, sigma_from_depth

Split = Literal["train", "val", "test"]
SPLIT_CODES: dict[Split, int] = {"train": 0, "val": 1, "test": 2}
IVA_SHARE = 5  # one image of five


class BlurDraw(NamedTuple):
    """The random part of one blurred image: exactly one of the two numbers is set."""

    focus_rank: float | None = None
    """VA: rank in [0, 1] of the depth in focus, counted from the nearest pixel."""
    sigma: float | None = None
    """IVA: sigma of the whole image in HR pixels."""

    @property
    def kind(self) -> Literal["VA", "IVA"]:
        """VA = varies across the image, IVA = invariant."""
        return "VA" if self.sigma is None else "IVA"

    def record(self) -> dict[str, Any]:
        """Return the entry of the manifest."""
        if self.sigma is None:
            return {"kind": self.kind, "focus_rank": self.focus_rank}
        return {"kind": self.kind, "sigma": self.sigma}

    def blur_map(self, depth: np.ndarray, *, sigma_max: float) -> np.ndarray:
        """Return sigma (H, W) float32 in HR pixels for ``depth`` (H, W)."""
        if self.sigma is not None:
            return np.full(depth.shape, self.sigma, np.float32)
        return sigma_from_depth(depth, sigma_max=sigma_max, focus_rank=self.focus_rank)


def draw_blur(rng: np.random.Generator, *, invariant: bool, sigma_max: float) -> BlurDraw:
    """Draw sigma (IVA) or the rank of the focused depth (VA)."""
    if invariant:
        return BlurDraw(sigma=float(sample_uniform_sigma(rng, sigma_max)))
    return BlurDraw(focus_rank=float(sample_focus_rank(rng)))


def invariant_frames(
    frames: Sequence[int], *, seed: int, split: Split, group: int = 0
) -> frozenset[int]:
    """Return the frames with invariant blur: a seeded fifth, another one for every group.

    795 frames yield 159; 654 yield 130 for each of the groups 0..4, four frames in none of them.
    Fewer than five frames yield one (so that both kinds occur), a single frame none.
    """
    if len(frames) < 2:
        return frozenset()
    count = max(1, len(frames) // IVA_SHARE)
    order = np.random.default_rng([seed, SPLIT_CODES[split]]).permutation(np.asarray(frames))
    chosen = [order[(group * count + k) % len(order)] for k in range(count)]
    return frozenset(int(frame) for frame in chosen)


def plan_blur(
    frames: Sequence[int], *, seed: int, split: Split, group: int = 0, sigma_max: float
) -> dict[int, BlurDraw]:
    """Return the blur of every frame of one split and group."""
    invariant = invariant_frames(frames, seed=seed, split=split, group=group)
    return {
        frame: draw_blur(
            np.random.default_rng([seed, SPLIT_CODES[split], 1 + group, frame]),
            invariant=frame in invariant,
            sigma_max=sigma_max,
        )
        for frame in frames
    }
