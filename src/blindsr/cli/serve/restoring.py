"""What the page of ``blindsr serve`` calls: a photograph in, files to show and to download out."""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from blindsr.cli.pictures.batch import one_line
from blindsr.cli.pictures.upscale_picture import Options, upscale_picture
from blindsr.cli.pictures.upscale_plan import Job
from blindsr.drawing.figures import blur_figure
from blindsr.drawing.overview import Overview, shrink
from blindsr.errors import BlindSRError, printable
from blindsr.imaging.files import to_uint8
from blindsr.imaging.photo import Photo, read_photo
from blindsr.imaging.resize import upsample_rows
from blindsr.inference.blur.in_box import default_keep_blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from blindsr.restore import Restorer

LARGEST_SHOWN = 4096
"""Longest side of the pictures in the browser, pixels; the file to download keeps its size."""

_KEPT = 8
"""Folders of results that are kept, two for each photograph: pages may still show them."""


class Shown(NamedTuple):
    """Files made from one photograph."""

    before: Path
    """The photograph, enlarged as a viewer would (bicubic), as large as ``after``."""
    after: Path
    """The result, reduced if it is very large."""
    blur: Path | None
    """Drawing of the estimated blur; ``None`` where the model tells none."""
    result: Path
    """The result as it is, PNG."""
    facts: str
    """One line: sizes, depth, seconds, and what is to be noted."""


class Restoring:
    """Restores photographs; what it wrote last stays, older files are removed.

    Args:
        model: that restores without being told maps.
        folder: to write into.
    """

    def __init__(self, model: Restorer, folder: Path) -> None:
        self.model, self._folder = model, folder
        self._written: deque[Path] = deque()
        self._stopped = threading.Event()

    @property
    def keep_blur(self) -> float:
        """Where its control starts."""
        return default_keep_blur()

    def stop(self) -> None:
        """End the photograph at work after its tile."""
        self._stopped.set()

    def look(self, source: Path) -> Path:
        """Read a photograph and return a picture of it that every browser shows.

        Raises:
            BlindSRError: it cannot be read.
        """
        with self._photo(source) as (photo, folder):
            small = shrink(photo.rgb(), largest=LARGEST_SHOWN)
            return _save(folder / "photograph.png", small, photo)

    def restore(
        self,
        source: Path,
        keep_blur: float,
        strength: float,
        tell: Callable[[int, int], None] = lambda *_: None,
    ) -> Shown:
        """Restore a photograph.

        Args:
            source: file to read.
            keep_blur: see :meth:`blindsr.restore.Restorer.upscale`, as is the next.
            strength: share of the model.
            tell: called with tiles done and tiles in all.

        Raises:
            BlindSRError: it cannot be read or restored, or :meth:`stop` was called.
        """
        self._stopped.clear()

        def told(done: int, total: int) -> None:
            if self._stopped.is_set():
                raise BlindSRError(source.name, found="stopped")
            tell(done, total)

        model = self.model
        with self._photo(source) as (photo, folder):
            job = Job(source, folder / f"{source.stem}_x{model.scale}.png")
            options = Options(
                "auto", "none", 95, lambda: model.phase, model.title, keep_blur, strength, False
            )
            seen = _Seen(photo, model.scale, model.phase)
            made = upscale_picture(model, job, options, told, seen.add)
            return Shown(
                _save(folder / "before.png", seen.before.image, photo),
                _save(folder / "after.png", seen.after.image, photo),
                self._draw(folder / "blur.png", seen.blur),
                job.out,
                printable("; ".join(made.lines)),
            )

    @contextmanager
    def _photo(self, source: Path) -> Iterator[tuple[Photo, Path]]:
        """A photograph and a new folder for it; errors name it without the way to it."""
        folder = Path(mkdtemp(dir=self._folder))  # a new one: browsers keep what had a name
        self._written.append(folder)
        if len(self._written) > _KEPT:
            shutil.rmtree(self._written.popleft())
        try:
            with one_line(source, "Close other programs, or take a smaller picture."):
                yield read_photo(source), folder
        except BlindSRError as error:
            where = error.where.replace(str(source), source.name)
            parts = {"found": error.found, "expected": error.expected, "fix": error.fix}
            raise type(error)(where, **parts) from error

    def _draw(self, path: Path, blur: Overview | None) -> Path | None:
        if blur is None:
            return None
        sigma = blur.image / self.model.scale
        end, unit = max(float(sigma.max()), 1.0), "pixels of the photograph"
        figure = blur_figure({}, {"estimated blur": sigma}, sigma_max=end, unit=unit)
        height, width = sigma.shape
        figure.set_size_inches(5.6, min(max(5 * height / width, 2.5), 7))  # read on phones, too
        figure.savefig(path, dpi=170)
        return path


def _save(path: Path, image: NDArray[np.floating], photo: Photo) -> Path:
    profile = None if photo.grey else photo.icc
    # read once and on this computer: compressing it well would take longer
    Image.fromarray(to_uint8(image)).save(path, compress_level=1, icc_profile=profile)
    return path


class _Seen:
    """Small copies of what passes on its way to the file."""

    def __init__(self, photo: Photo, scale: int, phase: float) -> None:
        self._lr, self._scale, self._phase = photo.rgb(), scale, phase
        self._size = scale * self._lr.shape[0], scale * self._lr.shape[1]
        self.before = Overview(*self._size, largest=LARGEST_SHOWN)
        self.after = Overview(*self._size, largest=LARGEST_SHOWN)
        self.blur: Overview | None = None

    def add(self, top: int, sr: NDArray[np.float32], blur: NDArray[np.float32] | None) -> None:
        """Take rows (n, s*W, 3) of the result and, if known, (n, s*W) of sigma in HR pixels."""
        rows = range(top, top + len(sr))
        enlarged = upsample_rows(self._lr, self._scale, phase=self._phase, rows=rows)
        self.before.add(top, np.clip(enlarged, 0, 1))
        self.after.add(top, np.clip(sr, 0, 1))
        if blur is not None:
            self.blur = self.blur or Overview(*self._size)
            self.blur.add(top, blur)
