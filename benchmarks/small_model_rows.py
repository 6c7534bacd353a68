"""Whatever enlarges by 4: interpolation, sharpening, the models, the peers a user would pick."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from small_model_cases import SCALE, Case
from torch import nn

import blindsr
from blindsr.imaging.resize import phase, upsample
from blindsr.inference.blur.in_box import FILE as BLUR_FILE
from blindsr.inference.blur.in_box import default_keep_blur
from blindsr.inference.catalogue import cards
from blindsr.weights import read_anchor

PEERS = {
    "Real-ESRGAN x4plus": "realesrgan-x4plus",
    "realesr-animevideov3": "realesr-animevideov3",
}
"""Row -> name of the model."""
ASSETS = BLUR_FILE.parent
RADII = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)  # sigma of the mask, HR pixels
AMOUNTS = tuple(np.arange(0, 4.01, 0.25))
DEFAULT = ", default"
"""Ends the row of a model that keeps blur as the upscale command does unasked."""


class Row(NamedTuple):
    """A line of every table."""

    name: str
    identity: str
    """Changes with the weights."""
    run: Callable[[np.ndarray], np.ndarray]
    """(h, w, 3) float32 -> (4h, 4w, 3) float32 in [0, 1]."""


def bicubic(lr: np.ndarray) -> np.ndarray:
    enlarged = upsample(lr, SCALE, phase=phase("area", SCALE), method="bicubic")
    return np.asarray(np.clip(enlarged, 0, 1), np.float32)


def lanczos(lr: np.ndarray) -> np.ndarray:
    """Of OpenCV, whose pixels are areas: the same phase as bicubic."""
    size = (SCALE * lr.shape[1], SCALE * lr.shape[0])
    return np.clip(cv2.resize(lr, size, interpolation=cv2.INTER_LANCZOS4), 0, 1)


def unsharp(lr: np.ndarray, radius: float, amount: float) -> np.ndarray:
    enlarged = bicubic(lr)
    return np.clip(
        enlarged + amount * (enlarged - cv2.GaussianBlur(enlarged, (0, 0), radius)), 0, 1
    )


def best_unsharp(cases: list[Case], score: Callable[[np.ndarray, np.ndarray], float]) -> Row:
    """The mask with the best mean over the very cases that it is scored on."""
    totals = dict.fromkeys(itertools.product(RADII, AMOUNTS), 0.0)
    for case in cases:
        enlarged = bicubic(case.lr)
        for radius in RADII:
            detail = enlarged - cv2.GaussianBlur(enlarged, (0, 0), radius)
            for amount in AMOUNTS:
                found = np.clip(enlarged + np.float32(amount) * detail, 0, 1)
                totals[radius, amount] += score(found, case.hr)
    radius, amount = max(totals, key=totals.__getitem__)
    name = f"bicubic + unsharp mask (radius {radius:g}, amount {amount:g})"
    return Row(name, "", lambda lr: unsharp(lr, radius, amount))


def peers(folder: Path | None) -> list[Row]:
    """Real-ESRGAN from the files of ncnn, of ``blindsr[realesrgan]`` unasked; none without them."""
    rows = []
    for title, name in PEERS.items():
        file = cards()[name].path
        if folder is not None:
            file = folder / Path(cards()[name].file).name
        if file is not None:
            identity = fingerprint(file.with_suffix(".bin"))
            rows.append(Row(title, identity, network_run(read_anchor(file).network.eval())))
    return rows


def network_run(network: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    @torch.inference_mode()
    def run(lr: np.ndarray) -> np.ndarray:
        picture = torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1)))[None]
        sr = network(picture)[0].clamp(0, 1).numpy()
        return np.ascontiguousarray(sr.transpose(1, 2, 0))

    return run


def model_rows(name: str, file: Path | None) -> list[Row]:
    """A model that removes all blur it sees, and one that keeps blur as it does unasked.

    Raises:
        SystemExit: it does not enlarge by 4.
    """
    model = blindsr.load(file)
    if model.scale != SCALE or not model.can_upscale:
        raise SystemExit(f"{name}: {model.describe()}; expected a model that enlarges by {SCALE}")
    identity = fingerprint(file or ASSETS / "small.safetensors")
    kept = f"{identity} keeps {default_keep_blur():g}"
    if BLUR_FILE.is_file():  # who says where blur is, if the model does not
        kept += f" by {fingerprint(BLUR_FILE)}"
    return [
        Row(name, identity, lambda lr: model.upscale(lr, keep_blur=0.0)),
        Row(name + DEFAULT, kept, model.upscale),
    ]


def fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
