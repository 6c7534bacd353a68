"""One picture through ``blindsr upscale``: read, restored in strips, written as they come."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from blindsr import __version__
from blindsr.drawing.comparison import Comparison, open_comparison
from blindsr.errors import DataError, printable
from blindsr.imaging.any_factor import AnyFactor
from blindsr.imaging.files import to_uint8
from blindsr.imaging.photo import Photo, read_photo
from blindsr.imaging.resize import upsample_rows
from blindsr.imaging.transparency import bled, is_neutral
from blindsr.inference.pyramid import largest_sigma
from blindsr.photo.formats import Layout, fit, format_of, to_samples
from blindsr.photo.prefilter import Prefilter, prefilter
from blindsr.photo.writer import PhotoWriter, open_writer

from .consistency_report import ConsistencyReport, open_report
from .map_files import MapFacts, MapFiles, open_maps

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from blindsr.cli.terminal import Teller
    from blindsr.restore import Restorer, Strip

    from .upscale_plan import Job

_BLOCK = 64  # rows converted at a time


@dataclass(frozen=True)
class Options:
    """What holds for all pictures.

    Attributes:
        tile: of the engine.
        before: filter before the model.
        quality: of JPEG and WebP.
        phase: of the model, see :attr:`blindsr.restore.Restorer.phase`; used for alpha and
            comparisons.
        method: name of the model over its column of a comparison.
        keep_blur: how much blur stays, see :meth:`blindsr.restore.Restorer.upscale`.
        strength: of the model.
        consistency: measure how well results give back their inputs.
        outscale: size of the result over size of the picture; ``None`` for that of the model.
        tta: mean over the eight positions of the picture.
        samples: drawn of each picture, where the model draws some.
        seed: of the samples.
        caution: share of the estimated sigma that they remove; ``None`` for that of the file.
    """

    tile: int | Literal["auto"]
    before: Prefilter
    quality: int
    phase: Callable[[], float]
    method: str
    keep_blur: float
    strength: float
    consistency: bool
    outscale: float | None = None
    tta: bool = False
    samples: int | None = None
    seed: int = 0
    caution: float | None = None


class Outcome(NamedTuple):
    """What became of one picture."""

    lines: list[str]
    """Facts about its files, then what is to be noted."""
    settings: dict[str, Any]
    """For the index: how the files were made."""
    consistency: float | None
    """In dB, where it was asked for."""


Look = Callable[[int, "NDArray[np.float32]", "NDArray[np.float32] | None"], None]
"""Shown the number of the first row, rows of the result and of sigma as they pass."""


def upscale_picture(
    model: Restorer, job: Job, options: Options, tell: Teller, look: Look | None = None
) -> Outcome:
    """Write all files of a job.

    Args:
        model: to restore with.
        job: what to read and to write.
        options: of all pictures.
        tell: called with tiles done and tiles in all.
        look: called with what is written, before it is resized.

    Raises:
        BlindSRError: the picture cannot be read, restored or written; nothing is left of it.
    """
    start = time.monotonic()
    photo = read_photo(job.source)
    # What lies under alpha 0 would bleed into the edge of what is seen.
    color = prefilter(bled(photo.color, photo.alpha), options.before)
    lr = np.repeat(color[..., None], 3, axis=2) if photo.grey else color
    resizer = _resizer(model, options, lr.shape[:2])
    height, width = resizer.size if resizer else (side * model.scale for side in lr.shape[:2])
    layout, notes = fit(photo, format_of(job.out))
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(
            _open_out(job, photo, layout, (height, width), options.quality)
        )
        maps, sheet, report = _open_extras(stack, model, job, options, lr)
        neutral = photo.grey or is_neutral(photo.color)
        work = _Work(
            *(photo, neutral, layout, options.phase, model.scale, writer),
            *(maps, sheet, report, resizer, look),
        )
        for strip in model.strips(
            lr,
            tile=options.tile,
            maps=maps is not None or (bool(sheet or look) and model.shows_maps),
            keep_blur=options.keep_blur,
            strength=options.strength,
            tta=options.tta,
            removed=report is not None,
            on_progress=tell,
        ):
            work.take(strip)
            del strip  # before the next one takes as much
        if maps is not None:
            maps.finish()
        if job.spread is not None:
            _write_spread(job.spread, model, lr.shape[:2])
        if sheet is not None:
            title = _title(printable(job.source.name), lr.shape[:2], model.scale)
            sheet.save(title=title, method=options.method, sigma_max=largest_sigma(model))
        decibels = None if report is None else report.decibels
        settings = _settings(model, options, decibels)
        if job.sidecar is not None:
            sizes = {"input_size": [lr.shape[1], lr.shape[0]], "size": [width, height]}
            more = {"prefilter": options.before, "tile": options.tile, "quality": options.quality}
            write_sidecar(job, {**settings, **sizes, **more})
    size = f"{lr.shape[1]}x{lr.shape[0]} -> {width}x{height}"
    shown = [] if decibels is None else [f"consistency {decibels:.1f} dB"]
    seconds = f"{time.monotonic() - start:.1f} s"
    facts = [size, str(layout), *_extra_names(job, maps), *shown, seconds]
    lines = [", ".join(facts), *photo.notes, *notes, *([job.note] if job.note else [])]
    return Outcome(lines, settings, decibels)


def _open_out(
    job: Job, photo: Photo, layout: Layout, size: tuple[int, int], quality: int
) -> contextlib.AbstractContextManager[PhotoWriter]:
    """A writer of the result that keeps what is known of the photograph."""
    height, width = size
    return open_writer(
        job.out,
        width=width,
        height=height,
        layout=layout,
        quality=quality,
        icc=photo.icc,
        exif=photo.exif,
        text=photo.text,
        dpi=photo.dpi,
    )


SPREAD_WHITE = 0.25
"""Standard deviation of samples, of 1 from black to white, that is white in a picture of it."""


def _write_spread(path: Path, model: Restorer, size: tuple[int, ...]) -> None:
    """Write how far samples of a picture (h, w) lie apart as grey PNG; brighter is less sure."""
    height, width = (model.scale * side for side in size)
    with open_writer(path, width=width, height=height, layout=Layout(1, 8)) as writer:
        for strip in model.spread_strips():
            writer.write(to_uint8(np.clip(strip / np.float32(SPREAD_WHITE), 0, 1)))


def write_sidecar(job: Job, made: dict[str, Any]) -> None:
    """Write the settings and scores of one result beside it."""
    assert job.sidecar is not None
    scores = {key: made.pop(key) for key in list(made) if key.endswith("_db")}
    content = {
        "input": job.source.name,
        "output": job.out.name,
        "blindsr": __version__,
        "settings": made,
        "scores": scores,
    }
    job.sidecar.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _resizer(model: Restorer, options: Options, size: tuple[int, int]) -> AnyFactor | None:
    factor = options.outscale
    if factor is None or factor == model.scale:
        return None
    return AnyFactor(size, model.scale, options.phase(), factor)


def _title(name: str, size: tuple[int, int], scale: int) -> str:
    height, width = size
    return f"{name}, {width} × {height} → {scale * width} × {scale * height}"


@dataclass(frozen=True)
class _Work:
    """Where strips go."""

    photo: Photo
    neutral: bool
    layout: Layout
    phase: Callable[[], float]
    scale: int
    writer: PhotoWriter
    maps: MapFiles | None
    sheet: Comparison | None
    report: ConsistencyReport | None
    resizer: AnyFactor | None
    look: Look | None

    def take(self, strip: Strip) -> None:
        """Hand on one strip, some rows at a time: what is made of them is small."""
        assert strip.sr is not None
        for start in range(0, len(strip.sr), _BLOCK):
            rows = slice(start, start + _BLOCK)
            top, sr = strip.top + start, strip.sr[rows]
            if not np.isfinite(sr).all():
                raise DataError(
                    "model",
                    found="values that are no numbers",
                    expected="a picture",
                    fix="Try --precision float32.",
                )
            blur = None if strip.blur is None else strip.blur[rows]
            self._write(sr, self._alpha(top, len(sr)))
            if self.report is not None:
                self.report.add(sr, None if strip.removed is None else strip.removed[rows])
            if self.sheet is not None:
                self.sheet.add(top, sr, blur)
            if self.look is not None:
                self.look(top, sr, blur)
            if self.maps is not None:
                self.maps.add(top, blur, None if strip.seg is None else strip.seg[rows])

    def _write(self, sr: NDArray[np.float32], alpha: NDArray[np.floating] | None) -> None:
        """Write rows at the size that was asked for."""
        if self.resizer is not None:
            parts = [sr] if alpha is None else [sr, alpha[..., None].astype(np.float32)]
            rows = np.clip(self.resizer.add(np.concatenate(parts, axis=2)), 0, 1)
            sr, alpha = rows[..., :3], None if alpha is None else rows[..., 3]
        if len(sr):
            self.writer.write(to_samples(sr, alpha, self.layout, neutral=self.neutral))

    def _alpha(self, top: int, count: int) -> NDArray[np.floating] | None:
        alpha = self.photo.alpha
        if alpha is None or self.layout.channels not in (2, 4):
            return None
        rows = range(top, top + count)
        enlarged = upsample_rows(alpha, self.scale, phase=self.phase(), rows=rows)
        return enlarged / np.iinfo(alpha.dtype).max


def _open_extras(
    stack: contextlib.ExitStack,
    model: Restorer,
    job: Job,
    options: Options,
    lr: NDArray[np.integer],
) -> tuple[MapFiles | None, Comparison | None, ConsistencyReport | None]:
    maps = sheet = report = None
    if job.maps is not None:
        facts = MapFacts(model.scale, largest_sigma(model), model.class_names)
        maps = stack.enter_context(open_maps(job.maps, lr, facts))
    if job.compare is not None:
        sheet = stack.enter_context(
            open_comparison(job.compare, lr, scale=model.scale, phase=options.phase())
        )
    if options.consistency:
        report = stack.enter_context(open_report(job.consistency, lr, model))
    return maps, sheet, report


def _settings(model: Restorer, options: Options, decibels: float | None) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "model": model.describe(),
        "keep_blur": options.keep_blur,
        "strength": options.strength,
    }
    if options.outscale is not None:
        settings["outscale"] = options.outscale
    if options.tta:
        settings["tta"] = True
    if options.samples is not None:
        settings |= {"samples": options.samples, "seed": options.seed}
    if options.caution is not None:
        settings["caution"] = options.caution
    if decibels is not None:  # JSON knows no infinity: the result gives back its input exactly
        settings["consistency_db"] = round(decibels, 3) if math.isfinite(decibels) else "infinite"
    return settings


def _extra_names(job: Job, maps: MapFiles | None) -> list[str]:
    more = (job.compare, job.consistency, job.sidecar, job.spread)
    paths = [*(maps.paths if maps is not None else []), *more]
    return [path.name for path in paths if path is not None]
