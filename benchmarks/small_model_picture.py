"""Draw docs/small_model.png: what the model in the box makes of a public-domain photograph.

    python benchmarks/small_model_picture.py [-o docs/small_model.png]

The photograph is scikit-image's `astronaut` (NASA, public domain), which no training saw. It is
blurred by a made-up depth, reduced by 4 with the antialiased bicubic filter and rounded to 8 bit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from skimage import data

import blindsr
from blindsr.data.scenes.photographs import made_up_depth
from blindsr.degradation.defocus import sigma_from_depth
from blindsr.degradation.paired import degrade
from blindsr.drawing.restorations import restoration_page
from blindsr.imaging.resize import phase, upsample
from blindsr.metrics import psnr_y

SCALE, SIGMA_MAX = 4, 5.0
FOCUS_RANK = 0.35
SEED = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="default: the model in the box")
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/small_model.png"))
    arguments = parser.parse_args()
    hr = data.astronaut().astype(np.float32) / np.float32(255)
    depth = made_up_depth(hr.shape[:2], np.random.default_rng(SEED))
    sigma = sigma_from_depth(depth, sigma_max=SIGMA_MAX, focus_rank=FOCUS_RANK)
    lr = degrade(hr, sigma, scale=SCALE, sigma_max=SIGMA_MAX, downsampler="bicubic")
    lr = np.rint(np.clip(lr, 0, 1) * 255).astype(np.float32) / np.float32(255)
    model = blindsr.load(arguments.model)
    image, target = (torch.from_numpy(x).permute(2, 0, 1)[None] for x in (lr, hr))
    position = phase("bicubic", SCALE)
    results = {
        "LR": upsample(image, SCALE, phase=position, method="nearest"),
        "bicubic": upsample(image, SCALE, phase=position, method="bicubic"),
        "model": torch.as_tensor(model.upscale(image)),
        "HR": target,
    }
    sample = {
        "name": "astronaut",
        "images": {n: x[0].clamp(0, 1).permute(1, 2, 0).numpy() for n, x in results.items()},
        "blur": sigma,
        "blur_estimate": np.asarray(model.estimate(image)[0]).squeeze(),
        "scores": {n: f"{float(psnr_y(results[n], target)):.2f} dB" for n in ("bicubic", "model")},
    }
    page = restoration_page([sample], sigma_max=SIGMA_MAX, crops=3)
    page.save(arguments.out)


if __name__ == "__main__":
    main()
