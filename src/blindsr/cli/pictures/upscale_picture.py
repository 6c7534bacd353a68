"""One picture through ``blindsr upscale``: read, restored in strips, written as they come."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from blindsr.drawing.comparison import Comparison, open_comparison
from blindsr.errors import DataError, printable
from blindsr.imaging.photo import Photo, read_photo
from blindsr.imaging.resize import upsample_rows
from blindsr.imaging.transparency import bled, is_neutral
from blindsr.photo.formats import Layout, fit, format_of, to_samples
from blindsr.photo.prefilter import Prefilter, prefilter
from blindsr.photo.writer import PhotoWriter, open_writer
from blindsr.weights.checkpoint import DEFAULT_SIGMA_MAX

from .map_files import MapFacts, MapFiles, open_maps

if TYPE_CHECKING:
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
        phase: of the model, see :func:`blindsr.restore.model_phase`; asked for by alpha and
            comparisons.
        method: name of the model over its column of a comparison.
    """

    tile: int | Literal["auto"]
    before: Prefilter
    quality: int
    phase: Callable[[], float]
    method: str


def upscale_picture(model: Restorer, job: Job, options: Options, tell: Teller) -> list[str]:
    """Write all files of a job and return facts about them, then what is to be noted.

    Raises:
        BlindSRError: the picture cannot be read, restored or written; nothing is left of it.
    """
    start = time.monotonic()
    photo = read_photo(job.source)
    # What lies under alpha 0 would bleed into the edge of what is seen.
    color = prefilter(bled(photo.color, photo.alpha), options.before)
    lr = np.repeat(color[..., None], 3, axis=2) if photo.grey else color
    height, width = (side * model.scale for side in lr.shape[:2])
    layout, notes = fit(photo, format_of(job.out))
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(
            open_writer(
                job.out,
                width=width,
                height=height,
                layout=layout,
                icc=photo.icc,
                exif=photo.exif,
                text=photo.text,
                dpi=photo.dpi,
                quality=options.quality,
            )
        )
        maps, sheet = _open_extras(stack, model, job, options, lr)
        neutral = photo.grey or is_neutral(photo.color)
        work = _Work(photo, neutral, layout, options.phase, model.scale, writer, maps, sheet)
        with_maps = maps is not None or (sheet is not None and model.can_estimate)
        for strip in model.strips(lr, tile=options.tile, maps=with_maps, on_progress=tell):
            work.take(strip)
        if maps is not None:
            maps.finish()
        if sheet is not None:
            name = printable(job.source.name)
            sheet.save(
                title=f"{name}, {lr.shape[1]} × {lr.shape[0]} → {width} × {height}",
                method=options.method,
                sigma_max=_sigma_max(model),
            )
    size = f"{lr.shape[1]}x{lr.shape[0]} -> {width}x{height}"
    seconds = f"{time.monotonic() - start:.1f} s"
    facts = [size, str(layout), *_extra_names(job, maps), seconds]
    return [", ".join(facts), *photo.notes, *notes, *([job.note] if job.note else [])]


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
            sigma = None if strip.sigma is None else strip.sigma[rows]
            alpha = self._alpha(top, len(sr))
            self.writer.write(to_samples(sr, alpha, self.layout, neutral=self.neutral))
            if self.sheet is not None:
                self.sheet.add(top, sr, sigma)
            if self.maps is not None:
                self.maps.add(top, sigma, None if strip.classes is None else strip.classes[rows])

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
) -> tuple[MapFiles | None, Comparison | None]:
    maps = sheet = None
    if job.maps is not None:
        facts = MapFacts(model.scale, _sigma_max(model), model.class_names)
        maps = stack.enter_context(open_maps(job.maps, lr, facts))
    if job.compare is not None:
        sheet = stack.enter_context(
            open_comparison(job.compare, lr, scale=model.scale, phase=options.phase())
        )
    return maps, sheet


def _sigma_max(model: Restorer) -> float:
    return DEFAULT_SIGMA_MAX if model.sigma_max is None else model.sigma_max


def _extra_names(job: Job, maps: MapFiles | None) -> list[str]:
    paths = [*(maps.paths if maps is not None else []), *([job.compare] if job.compare else [])]
    return [path.name for path in paths]
