"""Makes a tiny NYU Depth V2: the format of the three official files, in 80 lines.

``nyu_depth_v2_labeled.mat`` is HDF5 (MATLAB v7.3) with all axes reversed:
    images  (N, 3, W, H) uint8     sRGB
    depths  (N, W, H)    float32   metres, in-painted: finite and above 0
    labels  (N, W, H)    uint16    0 = no label, else a raw class from 1
``splits.mat`` (MATLAB v5): trainNdxs and testNdxs, (n, 1) uint16, frame numbers from 1.
``classMapping40.mat`` (MATLAB v5): mapClass (1, K) uint8, raw class k+1 -> 1..40.

The frames are a wall with a bright pattern and a nearer square of another class and texture.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np
import scipy.io

RAW_CLASSES = 60


def frame(number, size):
    """Return rgb (H, W, 3) uint8, depth (H, W) float32, labels (H, W) uint16 of one frame."""
    height, width = size
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width]
    rgb = rng.integers(60, 200, 3) + 40 * np.sin(0.9 * x + 0.5 * y + number)[..., None]
    depth = 3.0 + 0.01 * x + 0.02 * number
    labels = np.full(size, 1 + number % RAW_CLASSES)
    top, left = rng.integers(2, height // 2), rng.integers(2, width // 2)
    square = np.s_[top : top + height // 3, left : left + width // 3]
    rgb[square] = rng.integers(0, 256, (*rgb[square].shape[:2], 3))
    depth[square] = 1.2
    labels[square] = RAW_CLASSES
    labels[:, :2] = 0
    return (
        np.clip(rgb, 0, 255).astype(np.uint8),
        depth.astype(np.float32),
        labels.astype(np.uint16),
    )


def make(folder, *, train=(1, 3, 4, 6, 7), test=(2, 5), size=(48, 64)):
    """Write the three files; return their paths (mat, splits, classes)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        folder / name for name in ("nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat")
    ]
    frames = [frame(number, size) for number in range(1, max(train + test) + 1)]
    with h5py.File(paths[0], "w") as file:
        file["images"] = np.stack([rgb.transpose(2, 1, 0) for rgb, _, _ in frames])
        file["depths"] = np.stack([depth.T for _, depth, _ in frames])
        file["labels"] = np.stack([labels.T for _, _, labels in frames])
    column = {"trainNdxs": train, "testNdxs": test}
    scipy.io.savemat(paths[1], {k: np.array(v, np.uint16)[:, None] for k, v in column.items()})
    mapping = (np.arange(RAW_CLASSES) % 40 + 1).astype(np.uint8)
    scipy.io.savemat(paths[2], {"mapClass": mapping[None]})
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    make(parser.parse_args().folder)
