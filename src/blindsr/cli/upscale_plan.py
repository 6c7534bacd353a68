"""Which files ``blindsr upscale`` is to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blindsr.errors import ConfigError

from .inputs import Source
from .maps import map_path, preview_path

SUFFIXES = {"png": ".png", "jpg": ".jpg", "webp": ".webp", "tiff": ".tiff"}
"""By the values of ``--format``, but for ``same``."""
SAME = "same"
_FOREIGN = (".avif", ".bmp", ".gif", ".heic", ".jp2", ".jxl")  # surely meant as a file


@dataclass(frozen=True)
class Job:
    """One picture.

    Attributes:
        source: to read.
        out: to write.
        compare: the sheet to draw, or ``None``.
        maps: folder and stem of the maps to write, or ``None``.
    """

    source: Path
    out: Path
    compare: Path | None = None
    maps: Path | None = None

    @property
    def files(self) -> list[Path]:
        """All that may be written."""
        extra = [] if self.compare is None else [self.compare]
        if self.maps is not None:
            extra += [map_path(self.maps, "sigma"), map_path(self.maps, "classes")]
            extra.append(preview_path(self.maps))
        return [self.out, *extra]

    @property
    def done(self) -> bool:
        """Whether all that is always written exists."""
        always = [self.out, self.compare, None if self.maps is None else preview_path(self.maps)]
        return all(path.exists() for path in always if path is not None)


def plan(
    sources: Sequence[Source],
    out: Path,
    *,
    form: str | None,
    compare: bool,
    maps: bool,
    one_file: bool,
) -> list[Job]:
    """Give every picture its outputs.

    Args:
        sources: at least one.
        out: a folder; or a file name with the suffix of a format.
        form: a key of :data:`SUFFIXES`, ``same``, or ``None`` for the default.
        compare: draw sheets.
        maps: write maps.
        one_file: the user named one file, so that ``out`` may be a file name.

    Raises:
        ConfigError: ``out`` fits neither, contradicts ``form``, two pictures would be written to
            one file, or an input would be replaced.
    """
    named = _is_file_name(out, form, one_file, len(sources))
    jobs = []
    for source in sources:
        path = out if named else out / _with_suffix(source.relative, form)
        base = path.with_name(path.stem)
        jobs.append(
            Job(
                source.path,
                path,
                map_path(base, "compare") if compare else None,
                base if maps else None,
            )
        )
    _refuse_clashes(jobs)
    return jobs


def _is_file_name(out: Path, form: str | None, one_file: bool, count: int) -> bool:
    from blindsr.imaging.photo_format import FORMATS, format_of

    suffix = out.suffix.lower()
    if out.is_dir() or suffix not in (*FORMATS, *_FOREIGN):
        if out.exists() and not out.is_dir():
            raise ConfigError("--out", found=f"{out}, a file", expected="a folder")
        return False
    if not one_file:
        pictures = "a folder of pictures" if count == 1 else f"{count} pictures"
        raise ConfigError("--out", found=f"a file name, {out}, for {pictures}", expected="a folder")
    if form not in (None, SAME) and format_of(out) is not FORMATS[SUFFIXES[form or ""]]:
        raise ConfigError("--format", found=f"{form} for {out.name}", expected="the same format")
    format_of(out)
    return True


def _with_suffix(relative: Path, form: str | None) -> Path:
    from blindsr.imaging.photo_format import FORMATS

    known = relative.suffix.lower() in FORMATS
    if form == SAME and known:
        return relative
    suffix = SUFFIXES.get(form or "", ".png")
    return relative.with_suffix(suffix) if known else relative.with_name(relative.name + suffix)


def _refuse_clashes(jobs: Sequence[Job]) -> None:
    inputs = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        for path in (file.resolve() for file in job.files):
            if path in inputs:
                raise ConfigError(
                    job.source,
                    found=f"its output {path.name} would replace an input",
                    expected="another place",
                    fix="Choose another folder with -o.",
                )
            if path in taken:
                raise ConfigError(
                    job.source,
                    found=f"the same output as {taken[path]}, {path.name}",
                    expected="different names",
                    fix="Rename one, write them into different folders, or use --format same.",
                )
            taken[path] = job.source
