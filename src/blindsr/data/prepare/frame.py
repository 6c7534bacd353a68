"""Makes the files of one frame of a BSR data set.

Files of frame ``0007``: ``GT/0007.png``, ``semseg/0007.png`` where there are labels, and for each
blur ``LRx4/0007.png``, ``blur/0007.png`` and ``blur16/0007.npy``
(see :mod:`blindsr.data.files.sigma_maps`).
``depth/0007.png`` is optional: uint16, see :mod:`blindsr.data.files.depth_maps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from blindsr.data.augment.blur_draw import BlurDraw
from blindsr.data.files.depth_maps import encode_depth
from blindsr.data.files.sigma_maps import write_blur
from blindsr.degradation.paired import Operator, degrade
from blindsr.imaging.files import to_uint8, write_png
from blindsr.imaging.resize import Downsampler


class Frame(NamedTuple):
    """One picture of a source."""

    rgb: np.ndarray
    """(H, W, 3) uint8."""
    depth: np.ndarray
    """(H, W) float32 in metres, above 0, without holes; infinity for sky."""
    seg: np.ndarray | None
    """(H, W) or (H, W, 3) uint8 as stored in ``semseg``; ``None`` without labels."""


class FrameReader(Protocol):
    """Reads one frame of a data set; it is sent to a worker process, so it opens files itself."""

    @property
    def name(self) -> str:
        """Stem of the frame's files."""

    @property
    def labelled(self) -> bool:
        """Whether it has labels."""

    def read(self) -> Frame:
        """Read it.

        Raises:
            FileError: its files are missing or damaged.
            DataError: it has bad depth or labels.
        """


class Recipe(NamedTuple):
    """How LR comes from HR, alike for all frames."""

    scale: int
    sigma_max: float
    downsampler: Downsampler
    operator: Operator


@dataclass(frozen=True)
class FrameJob:
    """Everything that decides the files of one frame."""

    reader: FrameReader
    out: Path
    recipe: Recipe
    depth_step: float | None
    """Metres of one step of the stored depth; ``None`` stores none."""
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
        return self.reader.name


def output_files(job: FrameJob) -> list[Path]:
    """Return the files that a finished frame has."""
    files = [job.base / "GT" / f"{job.name}.png"]
    if job.reader.labelled:
        files.append(job.base / "semseg" / f"{job.name}.png")
    if job.depth_step is not None:
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
    frame = job.reader.read()
    write_png(job.base / "GT" / f"{job.name}.png", frame.rgb)
    if frame.seg is not None:
        write_png(job.base / "semseg" / f"{job.name}.png", frame.seg)
    if job.depth_step is not None:
        stored = encode_depth(frame.depth, job.depth_step)
        write_png(job.base / "depth" / f"{job.name}.png", stored)
    hr = frame.rgb.astype(np.float32) / np.float32(255)
    for group, draw in job.blurs:
        _write_blurred(job, group, hr, frame.depth, draw)
    return True


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
