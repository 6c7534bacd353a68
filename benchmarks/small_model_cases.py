"""Pictures that restoration is scored on, and what is done to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from blur_maps_pictures import compressed, noisy, rounded
from originals import fitted, originals

from blindsr.data.scenes.photographs import HELD_OUT, TRAIN
from blindsr.imaging.files import read_rgb
from blindsr.imaging.resize import Downsampler, downsample

SCALE = 4
NOT_COUNTED = ("nyu",)  # a frame of 640 x 480 of a Kinect: too small to be reduced until sharp
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
BLURS = {"sharp": 0.0, "sigma 0 to 8": 8.0, "sigma 0 to 5": 5.0}  # HR pixels
DAMAGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "clean": lambda lr: lr,
    "JPEG 75": compressed,
    "noise 5": noisy,
}


class Case(NamedTuple):
    """What is given and what is right."""

    picture: str
    """Cases of one picture are no independent trials."""
    name: str
    hr: np.ndarray
    """(H, W, 3) float32."""
    lr: np.ndarray
    """(h, w, 3) float32, 8 bit."""


class Condition(NamedTuple):
    """One table."""

    title: str
    blur: str | None
    """A key of :data:`BLURS`; ``None`` for the photographs."""
    damage: str
    cases: list[Case]


def reduced(picture: np.ndarray, method: Downsampler) -> np.ndarray:
    return rounded(downsample(picture, SCALE, method))


def conditions(folder: Path, method: Downsampler, largest: int) -> list[Condition]:
    """All that ``folder`` has pictures for: originals under each blur and damage, photographs."""
    found = []
    for blur, sigma_max in BLURS.items():
        seen = [
            Case(one.picture, one.name, one.sharp, reduced(one.seen, method))
            for one in originals(folder, sigma_max, scale=SCALE, largest=largest)
            if one.picture not in NOT_COUNTED
        ]
        for damage, change in DAMAGES.items():
            cases = [case._replace(lr=change(case.lr)) for case in seen]
            found.append(Condition(f"{blur}, {damage}", blur, damage, cases))
    cases = photographs(folder / "photos", method, largest)
    found.append(Condition("photographs as they are", None, "clean", cases))
    return [one for one in found if one.cases]


def photographs(folder: Path, method: Downsampler, largest: int) -> list[Case]:
    """Photographs with the softness that they have, without those that a training looked at."""
    known = {f"skimage_{name}" for name in (*TRAIN, *HELD_OUT)}
    cases = []
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in SUFFIXES and path.stem not in known:
            hr = fitted(read_rgb(path), SCALE, largest)
            cases.append(Case(path.stem, path.stem, hr, reduced(hr, method)))
    return cases
