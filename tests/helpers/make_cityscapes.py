"""Makes a tiny Cityscapes: the official folders and forms, streets of three planes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

LABELS = {"road": 7, "building": 11, "car": 26, "sky": 23, "ego": 1}
FRAMES = {"train": 7, "val": 3, "test": 5}
SIZE = (64, 128)
CITIES = {"train": "aachen", "val": "frankfurt", "test": "berlin"}


def street(number: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left picture, label ids, true disparity in pixels; sky at infinity."""
    height, width = size
    rng = np.random.default_rng(number)
    rgb = rng.integers(40, 220, (height, width, 3)).astype(np.float32)
    rgb = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    labels = np.full(size, LABELS["building"], np.uint8)
    disparity = np.full(size, 4.0, np.float32)
    labels[: height // 4], disparity[: height // 4] = LABELS["sky"], 0.0
    rows = np.arange(height // 2, height)
    labels[rows] = LABELS["road"]
    disparity[rows] = np.linspace(4, 12, len(rows), dtype=np.float32)[:, None]
    left = int(rng.integers(width // 4, width // 2))
    car = np.s_[height // 3 : height // 2 + 8, left : left + width // 5]
    labels[car], disparity[car] = LABELS["car"], 9.0
    rgb[car] = rgb[car] * 0.3 + 20
    labels[-4:] = LABELS["ego"]
    return rgb.clip(0, 255).astype(np.uint8), labels, disparity


def seen_from_right(left: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """The right picture, near surfaces over far ones; what none shows keeps the left's colour."""
    right = left.copy()
    rows, columns = np.unravel_index(np.argsort(disparity, axis=None), disparity.shape)
    to = columns - np.rint(disparity[rows, columns]).astype(int)
    kept = to >= 0
    right[rows[kept], to[kept]] = left[rows[kept], columns[kept]]
    return right


def make(folder: Path, frames: dict[str, int] | None = None) -> Path:
    """Write all packages; return the root."""
    number = 0
    for split, count in (frames or FRAMES).items():
        city = CITIES[split]
        for index in range(count):
            number += 1
            name = f"{city}_{index:06}_000019"
            left, labels, disparity = street(number)
            stored = np.rint(disparity * 256 + 1).astype(np.uint16)
            stored[:, : SIZE[1] // 10] = 0  # as semi-global matching leaves it
            files = {
                "leftImg8bit": ("leftImg8bit.png", left[..., ::-1]),
                "rightImg8bit": ("rightImg8bit.png", seen_from_right(left, disparity)[..., ::-1]),
                "gtFine": ("gtFine_labelIds.png", labels),
                "disparity": ("disparity.png", stored),
            }
            for kind, (ending, array) in files.items():
                path = folder / kind / split / city / f"{name}_{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), array)
            camera = folder / "camera" / split / city / f"{name}_camera.json"
            camera.parent.mkdir(parents=True, exist_ok=True)
            numbers = {"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": 2000.0}}
            camera.write_text(json.dumps(numbers))
    return folder
