"""Check of one GT picture of a BSR folder and of the files that belong to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from blindsr.data.bsr.layout import SegFormat
from blindsr.data.check.pairs import Fault, Item, Variant
from blindsr.data.files.sigma_maps import decode_blur, read_blur
from blindsr.degradation.kernels import window_size
from blindsr.errors import BlindSRError
from blindsr.imaging.files import read_array
from blindsr.imaging.resize import DOWNSAMPLERS, downsample
from blindsr.types import IGNORE_INDEX

_HALF_STEP = 0.05  # of the PNG
_BLOCK = 8  # LR pixels; blur of the data sets hardly changes means over so many
_SAME_PICTURE = 20.0  # dB between block means; two different pictures reach about 12


class Conventions(NamedTuple):
    """What the files are compared with."""

    root: Path
    scale: int
    sigma_max: float
    seg_format: SegFormat


@dataclass(frozen=True)
class Fit:
    """How well one down-sampler explains LR where nothing is blurred."""

    pixels: int = 0
    hits: int = 0
    """Pixels that agree: to the bit for sfold, to a grey level for those that round."""

    def __add__(self, other: Fit) -> Fit:
        return Fit(self.pixels + other.pixels, self.hits + other.hits)

    @property
    def share(self) -> float:
        """Hits of all pixels, 0..1; 0 where there are no pixels."""
        return self.hits / self.pixels if self.pixels else 0.0


@dataclass
class VariantFacts:
    """What one blurred version holds."""

    group: str
    lr_size: tuple[int, ...] | None = None
    blur: tuple[float, float] | None = None
    """Lowest and highest sigma."""
    fits: dict[str, Fit] = field(default_factory=dict)


@dataclass
class ImageFacts:
    """What one GT picture and its partners hold, and what is wrong with them."""

    item: Item
    faults: list[Fault] = field(default_factory=list)
    hr_size: tuple[int, ...] | None = None
    classes: frozenset[int] = frozenset()
    variants: list[VariantFacts] = field(default_factory=list)


def inspect(item: Item, conventions: Conventions) -> ImageFacts:
    """Read every file of ``item`` and compare it with the others and with ``conventions``."""
    return _Inspection(item, conventions).run()


class _Inspection:
    def __init__(self, item: Item, conventions: Conventions) -> None:
        self.conventions = conventions
        self.facts = ImageFacts(item)

    def run(self) -> ImageFacts:
        """Return the facts."""
        item, facts = self.facts.item, self.facts
        hr = self._picture(item.hr)
        if hr is not None:
            facts.hr_size = hr.shape[:2]
            self._check_multiple(item.hr, hr)
        if item.seg is not None:
            self._check_classes(item.seg)
        if item.depth is not None:
            self._check_depth(item.depth)
        facts.variants = [self._variant(variant, hr) for variant in item.variants]
        return facts

    def _variant(self, variant: Variant, hr: np.ndarray | None) -> VariantFacts:
        facts = VariantFacts(variant.group)
        lr = None if variant.lr is None else self._picture(variant.lr)
        if lr is not None and variant.lr is not None:
            facts.lr_size = lr.shape[:2]
            if hr is not None and not self._check_scale(variant.lr, lr, hr):
                lr = None
        blur = None if variant.blur is None else self._blur(variant.blur)
        if blur is not None:
            facts.blur = float(blur.min()), float(blur.max())
        if variant.exact is not None:
            self._check_sidecar(variant.exact, blur)
        if lr is not None and hr is not None and variant.lr is not None:
            self._check_same_picture(variant.lr, lr, hr)
            if blur is not None and blur.shape == hr.shape[:2]:
                facts.fits = sharp_fits(
                    hr,
                    lr,
                    blur,
                    scale=self.conventions.scale,
                    sigma_max=self.conventions.sigma_max,
                )
        return facts

    def _note(self, path: Path, found: str, expected: str) -> None:
        name = str(path.relative_to(self.conventions.root))
        self.facts.faults.append(Fault(name, found, expected))

    def _read(self, path: Path) -> np.ndarray | None:
        try:
            return read_array(path)
        except BlindSRError as error:
            self._note(path, error.found, error.expected or "a readable file")
            return None

    def _picture(self, path: Path) -> np.ndarray | None:
        """Return an 8 bit colour picture, or None with a fault."""
        array = self._read(path)
        if array is None:
            return None
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
            self._note(path, _kind(array), "8 bit colour")
            return None
        return array

    def _check_multiple(self, path: Path, hr: np.ndarray) -> None:
        scale = self.conventions.scale
        if any(length % scale for length in hr.shape[:2]):
            self._note(path, _size(hr.shape), f"sides that are multiples of {scale}")

    def _check_scale(self, path: Path, lr: np.ndarray, hr: np.ndarray) -> bool:
        scale = self.conventions.scale
        expected = (hr.shape[0] // scale, hr.shape[1] // scale)
        if lr.shape[:2] == expected:
            return all(length % scale == 0 for length in hr.shape[:2])
        self._note(path, _size(lr.shape), f"{_size(expected)} (GT {_size(hr.shape)} / {scale})")
        return False

    def _check_target_size(self, path: Path, array: np.ndarray) -> None:
        if self.facts.hr_size is not None and array.shape[:2] != self.facts.hr_size:
            self._note(path, _size(array.shape), f"{_size(self.facts.hr_size)}, as GT")

    def _blur(self, path: Path) -> np.ndarray | None:
        """Return sigma (H, W) of a stored map."""
        stored = self._read(path)
        if stored is None:
            return None
        whole = stored.dtype in (np.uint8, np.uint16)
        if not whole or stored.ndim != 3 or stored.shape[2] != 3:
            self._note(path, _kind(stored), "three channels of whole numbers (10 sigma)")
            if not whole or (stored.ndim == 3 and stored.shape[2] < 2):
                return None
        elif (stored != stored[..., :1]).any():
            self._note(path, "channels that differ", "three equal channels")
        self._check_target_size(path, stored)
        blur, top = decode_blur(stored), self.conventions.sigma_max
        if round(10 * float(blur.max())) > round(10 * top):
            self._note(
                path, f"value {10 * float(blur.max()):.0f}", f"0..{10 * top:.0f} (10 sigma_max)"
            )
        return blur

    def _check_sidecar(self, path: Path, blur: np.ndarray | None) -> None:
        try:
            exact = read_blur(path, path)
        except BlindSRError as error:
            self._note(path, error.found, error.expected)
            return
        if blur is None:
            return
        if exact.shape != blur.shape:
            self._note(path, _size(exact.shape), f"{_size(blur.shape)}, as the PNG in blur")
            return
        off = float(np.abs(exact - blur).max())
        own_step = float(np.spacing(np.float16(exact.max(initial=1))))
        if off > _HALF_STEP + 0.5 * own_step + 1e-4:
            self._note(path, f"sigma off by {off:.2f}", "that of the PNG in blur to half a step")

    def _check_classes(self, path: Path) -> None:
        stored = self._read(path)
        if stored is None:
            return
        if stored.dtype.kind not in "ui":
            self._note(path, _kind(stored), "classes as whole numbers")
            return
        self._check_target_size(path, stored)
        values = np.unique(stored if stored.ndim == 2 else stored[..., 0]).astype(int)
        self.facts.classes = frozenset(values.tolist())
        zero_void = self.conventions.seg_format == "zero_void"
        wrong = values[(values > 40) if zero_void else (values > 18) & (values != IGNORE_INDEX)]
        if len(wrong):
            expected = "0..40 (0 = void)" if zero_void else "0..18 or 255 (train ids)"
            self._note(path, f"class {wrong[0]}", expected)

    def _check_depth(self, path: Path) -> None:
        stored = self._read(path)
        if stored is None:
            return
        if stored.dtype != np.uint16 or stored.ndim != 2:
            self._note(path, _kind(stored), "one channel of 16 bit (millimetres)")
            return
        self._check_target_size(path, stored)
        if stored.min() == 0:
            self._note(path, f"{int((stored == 0).sum())} pixels of depth 0", "1..65535 mm")

    def _check_same_picture(self, path: Path, lr: np.ndarray, hr: np.ndarray) -> None:
        """Compare means of blocks: they survive blur and every way of down-sampling."""
        rows, columns = (length // _BLOCK for length in lr.shape[:2])
        if not rows * columns:
            return
        means = [
            cv2.resize(
                part[: rows * step, : columns * step], (columns, rows), interpolation=cv2.INTER_AREA
            ).astype(np.float32)
            for part, step in ((lr, _BLOCK), (hr, _BLOCK * self.conventions.scale))
        ]
        error = float(np.mean((means[0] - means[1]) ** 2))
        psnr = 10 * np.log10(255**2 / max(error, 1e-9))
        if psnr < _SAME_PICTURE:
            self._note(
                path,
                f"another picture than in GT ({psnr:.0f} dB between block means)",
                "GT, blurred",
            )


def sharp_fits(
    hr: np.ndarray, lr: np.ndarray, blur: np.ndarray, *, scale: int, sigma_max: float
) -> dict[str, Fit]:
    """Compare LR with every down-sampling of GT where nothing blurred is in reach.

    Args:
        hr: (s*h, s*w, 3) uint8.
        lr: (h, w, 3) uint8.
        blur: (s*h, s*w) sigma in HR pixels; used where it is 0, eroded by the blur window (with
            occlusion, blur reaches out of its own pixels) and by the support of bicubic.

    Returns:
        A :class:`Fit` for each of :data:`~blindsr.imaging.resize.DOWNSAMPLERS`; empty where no
        pixel is left.
    """
    reach = window_size(sigma_max) // 2 + 3 * scale
    sharp = (blur == 0).astype(np.uint8)
    sharp = cv2.erode(sharp, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    chosen = sharp[::scale, ::scale].astype(bool)
    if not chosen.any():
        return {}
    wanted = lr[chosen].astype(np.float32)
    fits: dict[str, Fit] = {}
    for method in DOWNSAMPLERS:
        made = np.clip(downsample(hr.astype(np.float32), scale, method)[chosen], 0, 255)
        tolerance = 0.0 if method == "sfold" else 1.01
        hits = (np.abs(np.rint(made) - wanted) <= tolerance).all(axis=1)
        fits[method] = Fit(len(hits), int(hits.sum()))
    return fits


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"


def _kind(array: np.ndarray) -> str:
    channels = 1 if array.ndim == 2 else array.shape[2]
    return f"{channels} channel{'s' if channels > 1 else ''} of {array.dtype}"
