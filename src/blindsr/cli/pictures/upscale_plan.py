"""Output files of ``blindsr upscale``, planned before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blindsr.data.files.folder_walk import IMAGES
from blindsr.errors import BlindSRError, ConfigError, special_kind

from .inputs import Source, distinct, longer_name
from .map_files import map_path, preview_path

SUFFIXES = {"png": ".png", "jpg": ".jpg", "webp": ".webp", "tiff": ".tiff"}
"""By the values of ``--format``, but for ``same``."""
SAME = "same"
_JPEG = {".jpe": ".jpg", ".jfif": ".jpg"}
_FOREIGN = (".avif", ".bmp", ".gif", ".heic", ".jp2", ".jxl")  # surely meant as a file


@dataclass(frozen=True)
class Job:
    """One picture.

    Attributes:
        source: to read.
        out: to write.
        compare: the sheet to draw, or ``None``.
        maps: folder and stem of the maps to write, or ``None``.
        consistency: the picture of the consistency to write, or ``None``.
        sidecar: the JSON file of settings and scores to write, or ``None``.
        spread: the picture of the spread of samples to write, or ``None``.
        note: what is to be said about it.
    """

    source: Path
    out: Path
    compare: Path | None = None
    maps: Path | None = None
    consistency: Path | None = None
    sidecar: Path | None = None
    spread: Path | None = None
    note: str = ""

    @property
    def files(self) -> list[Path]:
        """All that may be written."""
        extra = [
            p for p in (self.compare, self.consistency, self.sidecar, self.spread) if p is not None
        ]
        if self.maps is not None:
            extra += [map_path(self.maps, "sigma"), map_path(self.maps, "classes")]
            extra.append(preview_path(self.maps))
        return [self.out, *extra]

    @property
    def always(self) -> list[Path]:
        """Those of them that are written whatever the model is."""
        preview = None if self.maps is None else preview_path(self.maps)
        paths = (self.out, self.compare, self.consistency, self.sidecar, self.spread, preview)
        return [path for path in paths if path is not None]

    def staged(self, folder: Path) -> Job:
        """The same with its outputs in another folder."""

        def moved(path: Path | None) -> Path | None:
            return None if path is None else folder / path.name

        return replace(
            self,
            out=folder / self.out.name,
            compare=moved(self.compare),
            maps=moved(self.maps),
            consistency=moved(self.consistency),
            sidecar=moved(self.sidecar),
            spread=moved(self.spread),
        )


def plan(
    sources: Sequence[Source],
    out: Path,
    *,
    form: str | None,
    compare: bool,
    maps: bool,
    consistency: bool,
    sidecar: bool,
    spread: bool,
    suffix: str,
    one_file: bool,
) -> tuple[list[Job], list[BlindSRError]]:
    """Give every picture its outputs; where two would have the same, both get longer names.

    Args:
        sources: at least one.
        out: a folder; or a file name with the suffix of a format.
        form: a key of :data:`SUFFIXES`, ``same``, or ``None`` for the default.
        compare: draw sheets.
        maps: write maps.
        consistency: write pictures of it.
        sidecar: write JSON files of settings and scores.
        spread: write pictures of the spread of samples.
        suffix: put behind the name of each picture in a folder.
        one_file: the user named one file, so that ``out`` may be a file name.

    Returns:
        The jobs, and errors about pictures whose outputs would replace an input.

    Raises:
        ConfigError: ``out`` fits neither, contradicts ``form``, or no job is left.
    """
    named = _is_file_name(out, form, one_file, len(sources))
    if named and suffix:
        raise ConfigError(
            "--suffix", found=f"{suffix} for the file name {out}", expected="a folder as --out"
        )

    def job(source: Source, length: int) -> Job:
        path = out
        if not named:
            relative = _with_suffix(longer_name(source, length), form)
            path = out / relative.with_name(relative.stem + suffix + relative.suffix)
        base = path.with_name(path.stem)
        sheet = map_path(base, "compare") if compare else None
        report = map_path(base, "consistency") if consistency else None
        note = ""
        if form == SAME and not named and same_suffix(source.relative) is None:
            note = f"as PNG, since {source.relative.suffix or 'its format'} is not written"
        notes = base.with_name(f"{base.name}.json") if sidecar else None
        apart = map_path(base, "spread") if spread else None
        return Job(source.path, path, sheet, base if maps else None, report, notes, apart, note)

    lengths = distinct(sources, lambda source, length: job(source, length).files)
    jobs = [job(*pair) for pair in zip(sources, lengths, strict=True)]
    inputs = {os.path.realpath(source.path) for source in sources}
    refused = [error for one in jobs if (error := _replaces(one, inputs)) is not None]
    if len(refused) == len(jobs):
        raise refused[0]
    return [one for one in jobs if _replaces(one, inputs) is None], refused


def _replaces(job: Job, inputs: set[str]) -> BlindSRError | None:
    for path in job.files:
        if os.path.realpath(path) in inputs:
            return ConfigError(
                job.source,
                found=f"its output {path.name} would replace an input",
                expected="another place",
                fix="Choose another folder with -o.",
            )
    return None


def _is_file_name(out: Path, form: str | None, one_file: bool, count: int) -> bool:
    from blindsr.photo.formats import FORMATS, format_of

    suffix = out.suffix.lower()
    if out.is_dir() or suffix not in (*FORMATS, *_FOREIGN):
        if out.exists() and not out.is_dir():
            kind = special_kind(out.stat().st_mode) or "a file"
            raise ConfigError("--out", found=f"{out}, {kind}", expected="a folder")
        return False
    if out.exists() and (special := special_kind(out.stat().st_mode)):
        raise ConfigError("--out", found=f"{out}, {special}", expected="a file or a folder")
    if not one_file:
        pictures = "a folder of pictures" if count == 1 else f"{count} pictures"
        raise ConfigError("--out", found=f"a file name, {out}, for {pictures}", expected="a folder")
    if form not in (None, SAME) and format_of(out) is not FORMATS[SUFFIXES[form or ""]]:
        raise ConfigError("--format", found=f"{form} for {out.name}", expected="the same format")
    format_of(out)
    return True


def _with_suffix(relative: Path, form: str | None) -> Path:
    same = same_suffix(relative) if form == SAME else None
    suffix = same or SUFFIXES.get(form or "", ".png")
    if relative.suffix.lower() in IMAGES:
        return relative.with_suffix(suffix)
    return relative.with_name(relative.name + suffix)


def same_suffix(path: Path) -> str | None:
    """Return the suffix of a result in the format of its input; ``None`` if it is not written."""
    from blindsr.photo.formats import FORMATS

    suffix = path.suffix.lower()
    return path.suffix if suffix in FORMATS else _JPEG.get(suffix)
