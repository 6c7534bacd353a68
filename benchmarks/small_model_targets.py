"""What the model in the box must reach over what a user has without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from small_model_cases import Condition
from small_model_rows import DEFAULT, PEERS
from small_model_scores import Scores, mean_of

OVER_BICUBIC = {  # (blur or not, damage): dB required, dB aimed at
    (True, "clean"): (1.5, 2.0),
    (False, "clean"): (1.1, 1.4),
    (True, "JPEG 75"): (0.4, 0.7),
    (False, "JPEG 75"): (0.4, 0.7),
    (True, "noise 5"): (0.8, 1.2),
    (False, "noise 5"): (0.8, 1.2),
}
OVER_SHARPENED = 0.6  # dB over the better of Lanczos and the unsharp mask, clean
LEAST = -0.15  # dB under bicubic on any case
PHOTOGRAPHS, LEAST_PHOTOGRAPH = 0.5, -0.3  # dB, with the default


class Check(NamedTuple):
    """One target."""

    held: bool
    text: str

    def line(self) -> str:
        """For a list."""
        return f"- {'holds' if self.held else '**missed**'}: {self.text}"


def checks(condition: Condition, scores: Mapping[str, Scores], model: str) -> list[Check]:
    """Targets of a condition.

    Args:
        condition: its pictures.
        scores: by row, the bicubic one first, then the two that sharpen.
        model: the row; photographs are judged by its default, where it has one.
    """
    base, *sharpened = list(scores.values())[:3]
    if condition.blur is None:
        model = model + DEFAULT if model + DEFAULT in scores else model
    gains = scores[model].psnr - base.psnr
    where = condition.title
    if condition.blur is None:
        return [
            at_least(f"{where}: mean gain", gains.mean(), PHOTOGRAPHS),
            at_least(f"{where}: {lowest(condition, gains)}", gains.min(), LEAST_PHOTOGRAPH),
        ]
    required, aim = OVER_BICUBIC[condition.blur != "sharp", condition.damage]
    found = [
        at_least(f"{where}: mean gain", mean_of(condition, gains), required, aim),
        at_least(f"{where}: {lowest(condition, gains)}", gains.min(), LEAST),
    ]
    if condition.damage == "clean":
        rival = max(mean_of(condition, one.psnr) for one in sharpened)
        over = mean_of(condition, scores[model].psnr) - rival
        found.append(at_least(f"{where}: over Lanczos and unsharp mask", over, OVER_SHARPENED))
    if condition.damage == "JPEG 75":
        own = mean_of(condition, scores[model].ssim)
        for name in PEERS:
            if name in scores:
                other = mean_of(condition, scores[name].ssim)
                text = f"{where}: SSIM {own:.3f} above the {other:.3f} of {name}"
                found.append(Check(own > other, text))
    return found


def at_least(what: str, value: float, required: float, aim: float | None = None) -> Check:
    aimed = "" if aim is None else f" (aim {aim:+.1f}{', reached' if value >= aim else ''})"
    return Check(bool(value >= required), f"{what} {value:+.2f} dB, >= {required:+.2f}{aimed}")


def lowest(condition: Condition, gains: np.ndarray) -> str:
    return f"least gain ({condition.cases[int(gains.argmin())].name})"
