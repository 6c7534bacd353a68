"""Scores of restored pictures, and means that say how sure they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from small_model_cases import Condition
from small_model_rows import Row
from torch import Tensor

from blindsr.imaging.files import atomic_path
from blindsr.metrics.quality import ssim_y

BORDER = 8  # HR pixels left out on every side


class Scores(NamedTuple):
    """Of one row under one condition, a number for each case."""

    psnr: np.ndarray
    """dB, of the RGB values."""
    ssim: np.ndarray
    """Of 8-bit luma."""


def psnr(sr: np.ndarray, hr: np.ndarray) -> float:
    off = (sr - hr)[BORDER:-BORDER, BORDER:-BORDER]
    return float(-10 * np.log10(max(float(np.square(off).mean()), 1e-12)))


def ssim(sr: np.ndarray, hr: np.ndarray) -> float:
    return float(ssim_y(_batch(sr), _batch(hr), BORDER))


def _batch(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


def per_picture(condition: Condition, values: np.ndarray) -> np.ndarray:
    """Mean over the cases of each picture: only pictures are independent."""
    of = np.array([case.picture for case in condition.cases])
    return np.array([values[of == name].mean() for name in dict.fromkeys(of)])


def mean_of(condition: Condition, values: np.ndarray) -> float:
    return float(per_picture(condition, values).mean())


class ScoreFile:
    """Scores that are known already, so that a command goes on where it stopped.

    Args:
        path: JSON; ``None`` keeps nothing.
        settings: of the run; scores of other settings are not taken.
    """

    def __init__(self, path: Path | None, settings: str) -> None:
        self._path, self._settings = path, settings
        there = path is not None and path.exists()
        self._known = json.loads(path.read_text(encoding="utf-8")) if path and there else {}

    def scores(self, row: Row, condition: Condition) -> Scores:
        """Known ones, or computed now and kept."""
        names = ",".join(case.name for case in condition.cases)
        key = " | ".join((self._settings, condition.title, names, row.name, row.identity))
        if key not in self._known:
            results = [(row.run(case.lr), case.hr) for case in condition.cases]
            pairs = [[score(sr, hr) for sr, hr in results] for score in (psnr, ssim)]
            self._known[key] = pairs
            if self._path is not None:
                with atomic_path(self._path) as temporary:
                    temporary.write_text(json.dumps(self._known), encoding="utf-8")
        return Scores(*(np.array(values) for values in self._known[key]))
