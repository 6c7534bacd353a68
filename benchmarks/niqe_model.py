"""Fit the model of good pictures that NIQE compares with, and write it into the package.

    python benchmarks/niqe_model.py

The pictures come with scikit-image and are CC0 by their authors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.data
import torch
from safetensors.numpy import save_file

from blindsr.metrics.full_range import luma_full
from blindsr.metrics.niqe import fit

PICTURES = ("brick", "camera", "chelsea", "coffee", "grass", "gravel", "rocket")
TARGET = Path(__file__).resolve().parents[1] / "src/blindsr/assets/niqe.safetensors"


def picture(name: str) -> np.ndarray:
    values = np.atleast_3d(getattr(skimage.data, name)())[..., :3]
    colour = np.broadcast_to(values, (*values.shape[:2], 3)).astype(np.float32) / 255
    return luma_full(torch.from_numpy(colour).permute(2, 0, 1)[None])[0, 0].numpy()


def model() -> dict[str, np.ndarray]:
    return fit([picture(name) for name in PICTURES])


if __name__ == "__main__":
    save_file(model(), TARGET, metadata={"pictures": " ".join(PICTURES), "licence": "CC0-1.0"})
    print(f"wrote {TARGET.name}")
