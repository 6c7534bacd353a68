"""Makes the files of one frame of a BSR data set.

Files of frame 7: ``GT/0007.png``, ``semseg/0007.png`` (one channel, 0 = void, 1..40), and for
each blur ``LRx4/0007.png``, ``blur/0007.png`` and ``blur16/0007.npy``
(see :mod:`blindsr.data.files.sigma_maps`).
``depth/0007.png`` is optional: uint16 millimetres, as most copies of NYUv2 store depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blindsr.data.augment.blur_draw import BlurDraw
from blindsr.data.files.sigma_maps import write_blur
from blindsr.data.prepare.nyuv2_file import NYUv2File, seg_from_labels
from blindsr.degradation.paired import Operator, degrade
from blindsr.imaging.files import to_uint8, write_png
from blindsr.imaging.resize import Downsampler


class Recipe(NamedTuple):
    """How LR comes from HR, alike for all frames."""

    scale: int
    sigma_max: float
    downsampler: Downsampler
    operator: Operator


@dataclass(frozen=True)
class FrameJob:
    """Everything that decides the files of one frame."""

    mat: Path
    mapping: np.ndarray
    """(K + 1,) uint8, raw class to 0..40."""
    out: Path
    recipe: Recipe
    keep_depth: bool
    number: int
    """Frame, counted from 1."""
    split: str
    blurs: tuple[tuple[str, BlurDraw], ...]
    """(group, draw); the group is "" where the split has none."""

    @property
    def base(self) -> Path:
        """Folder of the split."""
        return self.out / self.split

    @property
    def name(self) -> str:
        """Stem of all files."""
        return f"{self.number:04d}"


def output_files(job: FrameJob) -> list[Path]:
    """Return the files that a finished frame has."""
    files = [job.base / "GT" / f"{job.name}.png", job.base / "semseg" / f"{job.name}.png"]
    if job.keep_depth:
        files.append(job.base / "depth" / f"{job.name}.png")
    for group, _ in job.blurs:
        folder = job.base / group
        files += [
            folder / f"LRx{job.recipe.scale}" / f"{job.name}.png",
            folder / "blur" / f"{job.name}.png",
            folder / "blur16" / f"{job.name}.npy",
        ]
    return files


def prepare_frame(job: FrameJob) -> bool:
    """Write the files of one frame; return False if they were there already.

    Raises:
        FileError: the source is damaged.
        DataError: the frame has bad depth or labels.
    """
    if all(path.is_file() for path in output_files(job)):
        return False
    with NYUv2File(job.mat) as source:
        frame = source.read(job.number)
    where = f"{job.mat} frame {job.number}"
    seg = seg_from_labels(frame.labels, job.mapping, where)
    write_png(job.base / "GT" / f"{job.name}.png", frame.rgb)
    write_png(job.base / "semseg" / f"{job.name}.png", seg)
    if job.keep_depth:
        write_png(job.base / "depth" / f"{job.name}.png", encode_depth(frame.depth))
    hr = frame.rgb.astype(np.float32) / np.float32(255)
    for group, draw in job.blurs:
        _write_blurred(job, group, hr, frame.depth, draw)
    return True


def encode_depth(depth: np.ndarray) -> np.ndarray:
    """Return depth (H, W) in metres as uint16 millimetres, 1..65535."""
    return np.clip(np.rint(1000.0 * depth.astype(np.float64)), 1, 65535).astype(np.uint16)


def _write_blurred(
    job: FrameJob, group: str, hr: np.ndarray, depth: np.ndarray, draw: BlurDraw
) -> None:
    recipe = job.recipe
    blur = draw.blur_map(depth, sigma_max=recipe.sigma_max)
    lr = degrade(
        hr,
        blur,
        scale=recipe.scale,
        sigma_max=recipe.sigma_max,
        downsampler=recipe.downsampler,
        operator=recipe.operator,
        depth=depth,
    )
    folder = job.base / group
    write_png(folder / f"LRx{job.recipe.scale}" / f"{job.name}.png", to_uint8(lr))
    write_blur(folder, job.name, blur)
