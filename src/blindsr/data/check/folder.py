"""Check of a whole BSR folder, prepared by ``blindsr`` or downloaded from the authors."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from blindsr.data.bsr.layout import SegFormat, check_root, find_groups
from blindsr.data.check.pairs import Fault, Item, pair_split
from blindsr.data.check.picture import Conventions, Fit, ImageFacts, VariantFacts, inspect
from blindsr.data.check.unfinished import unfinished_fault
from blindsr.data.files.manifest import (
    MANIFEST,
    PARTIAL,
    SPLITS,
    checked_manifest,
    listed_draws,
    read_manifest,
)
from blindsr.data.files.sigma_maps import decode_blur
from blindsr.data.files.source_values import LARGEST_SCALE, LARGEST_SIGMA, MOST_WORKERS, whole
from blindsr.data.loading.checked_options import check_number, check_whole
from blindsr.errors import BlindSRError, DataError
from blindsr.imaging.files import read_array
from blindsr.imaging.resize import DOWNSAMPLERS

_LOOKED_AT = 40  # maps from which sigma_max is inferred
_GOOD_FIT = 0.9  # share of sharp pixels that the down-sampler of a data set explains at least
_FEW_PIXELS = 64  # too few to blame a single picture

Progress = Callable[[int, int], None]
"""Called with (pictures looked at, pictures in all)."""


@dataclass
class Report:
    """What a folder holds and what is wrong with it."""

    root: Path
    scale: int
    sigma_max: float
    sigma_max_source: str
    seg_format: SegFormat
    recorded_downsampler: str | None
    facts: list[ImageFacts] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def parts(self) -> list[tuple[str, list[tuple[ImageFacts, VariantFacts]]]]:
        """Pictures of each part: train, val/Group1 and so on."""
        parts: dict[str, list[tuple[ImageFacts, VariantFacts]]] = {}
        for facts in self.facts:
            for variant in facts.variants:
                name = f"{facts.item.split}/{variant.group}".rstrip("/")
                parts.setdefault(name, []).append((facts, variant))
        return list(parts.items())

    @property
    def fits(self) -> dict[str, Fit]:
        """How well each down-sampler explains the sharp pixels of the whole folder."""
        fits = [variant.fits for facts in self.facts for variant in facts.variants if variant.fits]
        return {method: sum((fit[method] for fit in fits), Fit()) for method in DOWNSAMPLERS}

    def typical_share(self, method: str) -> float:
        """Median over the pictures, so that a few bad ones do not hide what the others are."""
        fits = [variant.fits for facts in self.facts for variant in facts.variants if variant.fits]
        telling = [fit[method] for fit in fits if fit[method].pixels >= _FEW_PIXELS]
        telling = telling or [fit[method] for fit in fits]
        return float(np.median([fit.share for fit in telling])) if telling else 0.0

    @property
    def best_downsampler(self) -> str | None:
        """The down-sampler that explains most; None where no sharp pixel tells them apart."""
        fits = self.fits
        best = max(fits, key=lambda method: (self.typical_share(method), fits[method].share))
        return best if fits[best].pixels else None


def check_folder(
    root: str | Path,
    *,
    scale: int | None = None,
    sigma_max: float | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Look at every file of a BSR folder.

    Args:
        root: folder with ``train``, ``val`` or ``test``.
        scale: HR over LR; None takes that of the manifest or the name of the LR folder.
        sigma_max: None takes that of the manifest, or the usual maximum of the maps.
        workers: threads.
        progress: called with the number of finished pictures.

    Returns:
        The report; ``report.faults`` is empty for a good folder.

    Raises:
        FileError: there is no such folder.
        DataError: it is no BSR folder at all.
    """
    if scale is not None:
        check_whole("scale", scale, least=1, most=LARGEST_SCALE)
    if sigma_max is not None:
        check_number("sigma_max", sigma_max, most=LARGEST_SIGMA, above=True)
    check_whole("workers", workers, least=0, most=MOST_WORKERS)
    root = Path(root)
    check_root(root, "Give the folder that holds train and val")
    splits = [split for split in SPLITS if (root / split / "GT").is_dir()]
    if not splits:
        read_manifest(root)  # which says that a preparation has only begun
        raise DataError(
            root,
            found="no train/GT, val/GT or test/GT",
            expected="a BSR folder",
            fix="Give the folder that holds train and val",
        )
    faults: list[Fault] = []
    manifest, unfinished = _manifest(root, faults)
    settings = manifest.get("settings", {})
    if scale is None:
        scale = settings.get("scale") or _named_scale(root, splits)
    items = [item for split in splits for item in pair_split(root, split, scale, faults)]
    if unfinished:
        faults.insert(0, unfinished_fault(manifest, items))
    recorded = settings.get("sigma_max")
    source = "given" if sigma_max is not None else "manifest" if recorded else "inferred"
    sigma_max = float(sigma_max or recorded or _usual_maximum(items))
    report = Report(root, scale, sigma_max, source, _seg_format(items), settings.get("downsampler"))
    conventions = Conventions(root, scale, sigma_max, report.seg_format)
    report.facts = list(_inspected(items, conventions, workers, progress))
    report.faults = faults + [fault for facts in report.facts for fault in facts.faults]
    listed = {} if unfinished else manifest
    report.faults += [*_manifest_faults(report, listed), *_downsampler_faults(report)]
    return report


def _inspected(
    items: list[Item], conventions: Conventions, workers: int, progress: Progress | None
) -> Iterator[ImageFacts]:
    tell = progress or (lambda _done, _total: None)
    tell(0, len(items))
    with ThreadPoolExecutor(max(1, min(workers, len(items)))) as pool:
        results = pool.map(lambda item: _guarded(item, conventions), items)
        for done, facts in enumerate(results, start=1):
            tell(done, len(items))
            yield facts


def _guarded(item: Item, conventions: Conventions) -> ImageFacts:
    """One picture that does not fit into memory is a fault, not the end of the check."""
    try:
        return inspect(item, conventions)
    except MemoryError:
        name = str(item.hr.relative_to(conventions.root))
        return ImageFacts(item, [Fault(name, "no memory for it", "pictures that fit into memory")])


def _manifest(root: Path, faults: list[Fault]) -> tuple[dict[str, Any], bool]:
    """Return the manifest and whether it is that of an unfinished preparation.

    It is empty for a folder without; one that is damaged is noted.
    """
    unfinished = not os.path.lexists(root / MANIFEST)
    path = root / (PARTIAL if unfinished else MANIFEST)
    if not os.path.lexists(path):
        return {}, False
    try:
        return checked_manifest(path), unfinished
    except BlindSRError as error:
        if unfinished:
            return {}, True
        key = error.where.removeprefix(str(path))
        faults.append(Fault(MANIFEST + key, error.found, error.expected))
        return {}, False


def _named_scale(root: Path, splits: list[str]) -> int:
    """Return the scale in the name of the LR folders.

    Raises:
        DataError: there is no LR folder.
    """
    bases = [root / split for split in splits]
    bases += [root / split / group for split in splits for group in find_groups(root, split)]
    for base in bases:
        for folder in sorted(base.glob("LRx*")):
            match = re.fullmatch(r"LRx([0-9]{1,2})", folder.name)
            if match and whole(int(match[1]), least=1, most=LARGEST_SCALE):
                return int(match[1])
    raise DataError(root, found="no folder LRx4 or the like", expected="LR pictures")


def _usual_maximum(items: list[Item]) -> float:
    """Return the most frequent maximum of maps that vary; each map that does reaches sigma_max."""
    paths = [v.blur for item in items for v in item.variants if v.blur is not None]
    maxima: Counter[float] = Counter()
    for path in paths[:: max(1, len(paths) // _LOOKED_AT)]:
        try:
            stored = read_array(path)
        except BlindSRError:
            continue  # reported when the file is checked
        if stored.ndim == 2 or stored.shape[2] >= 2:
            blur = decode_blur(stored)
            if blur.min() < blur.max():
                maxima[round(float(blur.max()), 1)] += 1
    return maxima.most_common(1)[0][0] if maxima else 5.0


def _seg_format(items: list[Item]) -> SegFormat:
    """NYUv2-BSR stores one channel with 0 as void, Cityscapes-BSR train ids in three channels."""
    for item in items:
        try:
            if item.seg is not None:
                return "zero_void" if read_array(item.seg).ndim == 2 else "train_ids"
        except BlindSRError:
            continue  # reported when the file is checked
    return "zero_void"


def _manifest_faults(report: Report, manifest: dict[str, Any]) -> Iterator[Fault]:
    """Yield pictures that the manifest lists and the folder lacks, and blur of another kind."""
    listed = listed_draws(manifest)
    present = {
        part: {facts.item.name: variant for facts, variant in pictures}
        for part, pictures in report.parts
    }
    missing: dict[str, None] = {}
    for part, draws in listed.items():
        for name, draw in draws.items():
            variant = present.get(part, {}).get(name)
            if variant is None:
                missing[f"{part.split('/')[0]}/GT/{name}.png"] = None
            elif draw.get("kind") == "IVA" and variant.blur is not None:
                low, high = variant.blur
                if max(abs(low - draw["sigma"]), abs(high - draw["sigma"])) > 0.051:
                    yield Fault(
                        f"{part}/blur/{name}.png",
                        f"sigma {low:g}..{high:g}",
                        f"{draw['sigma']:g} everywhere, as {MANIFEST} says",
                    )
    for path in missing:
        yield Fault(path, "no such file", f"a picture that {MANIFEST} lists")


def _downsampler_faults(report: Report) -> Iterator[Fault]:
    """Yield disagreement about the down-sampler: of the folder, then of single pictures."""
    best = report.best_downsampler
    if best is None:
        return
    recorded = report.recorded_downsampler
    if report.typical_share(best) < _GOOD_FIT:
        shares = ", ".join(f"{m} {100 * fit.share:.1f} %" for m, fit in report.fits.items())
        yield Fault(f"LRx{report.scale}", f"no down-sampler that fits ({shares})", "one above 90 %")
        return
    if recorded is not None and recorded != best:
        yield Fault(MANIFEST, f"downsampler {recorded}", f"{best}, which fits the pictures")
    blamed = {fault.file for fault in report.faults}
    for _, pictures in report.parts:
        for facts, variant in pictures:
            fit = variant.fits.get(best, Fit())
            lr = next(v.lr for v in facts.item.variants if v.group == variant.group)
            path = "" if lr is None else str(lr.relative_to(report.root))
            if fit.pixels >= _FEW_PIXELS and fit.share < _GOOD_FIT and path not in blamed:
                yield Fault(
                    path,
                    f"{100 * fit.share:.0f} % of {fit.pixels} sharp pixels as {best} makes them",
                    "all, as in the other pictures",
                )


def spread(count: int, wanted: int) -> list[int]:
    """Return up to ``wanted`` positions spread over ``count``."""
    return sorted(set(np.linspace(0, count - 1, min(wanted, count)).round().astype(int).tolist()))
