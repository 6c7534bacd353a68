"""Files of sigma maps and class maps, written strip by strip."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blindsr.drawing.overview import Overview, shrink
from blindsr.errors import printable
from blindsr.imaging.files import white_of
from blindsr.photo.formats import Layout
from blindsr.photo.writer import PhotoWriter, open_writer

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGMA_STEPS = 1000
"""16-bit files hold sigma times this number."""
ERROR = "Laplace scale of the error of sigma: half of all errors are below 0.69 times it"


@dataclass(frozen=True)
class MapFacts:
    """What maps mean.

    Attributes:
        scale: size of the maps over size of the picture that was looked at.
        sigma_max: largest sigma that can be told, in the unit of the map.
        class_names: for the legend of the preview; may be empty.
        reduced: how many times the input was reduced before the estimate.
        levels: of a pyramid, how many times each copy was reduced; sigma is then in pixels of the
            input, else in HR pixels.
        shown_max: end of the sigma scale of the preview, if not ``sigma_max``.
    """

    scale: int
    sigma_max: float
    class_names: tuple[str, ...] = ()
    reduced: int = 1
    levels: tuple[int, ...] = ()
    shown_max: float | None = None

    @property
    def unit(self) -> str:
        """Pixels of what sigma is in."""
        return "input" if self.levels else "HR"

    def metadata(self) -> dict[str, str]:
        """What a reader of the 16-bit sigma file must know."""
        text = {
            "quantity": "sigma of an isotropic Gaussian, nominal",
            "unit": f"{self.unit} pixels",
            "steps_per_unit": str(SIGMA_STEPS),
            "sigma_max": f"{self.sigma_max:g}",
            "scale": str(self.scale),
            "input_reduced": str(self.reduced),
        }
        if self.levels:
            text["levels"] = " ".join(map(str, self.levels))
        return text


class MapFiles:
    """Takes strips of maps; made by :func:`open_maps`.

    Attributes:
        paths: of the files, complete when :func:`open_maps` is left.
    """

    def __init__(
        self,
        base: Path,
        lr: NDArray[Any],
        facts: MapFacts,
        stack: contextlib.ExitStack,
    ) -> None:
        self._base, self._lr, self._facts, self._stack = base, lr, facts, stack
        self._shape = lr.shape[0] * facts.scale, lr.shape[1] * facts.scale
        self._blur: PhotoWriter | None = None
        self._seg: PhotoWriter | None = None
        self._error: PhotoWriter | None = None
        self._small_error = Overview(*self._shape)
        self._small_blur = Overview(*self._shape)
        self._small_seg = Overview(*self._shape, average=False)
        self.paths: list[Path] = []

    def add(
        self,
        top: int,
        blur: NDArray[np.float32] | None,
        seg: NDArray[np.uint8] | None,
        blur_scale: NDArray[np.float32] | None = None,
    ) -> None:
        """Append rows (n, s*W) of the maps there are.

        Args:
            top: number of the first row.
            blur: sigma in its unit.
            seg: class indices.
            blur_scale: Laplace scale of the error of sigma, in the same unit.
        """
        if top == 0:
            if blur is not None:
                self._blur = self._writer("sigma", 16, self._facts.metadata())
            if blur_scale is not None:
                text = {**self._facts.metadata(), "quantity": ERROR}
                self._error = self._writer("uncertainty", 16, text)
            if seg is not None:
                self._seg = self._writer("classes", 8, None)
        if blur is not None and self._blur is not None:
            self._blur.write(_steps(blur))
            self._small_blur.add(top, blur)
        if blur_scale is not None and self._error is not None:
            self._error.write(_steps(blur_scale))
            self._small_error.add(top, blur_scale)
        if seg is not None and self._seg is not None:
            self._seg.write(seg)
            self._small_seg.add(top, seg)

    def finish(self) -> None:
        """Draw the preview after the last rows: the picture, sigma, its uncertainty, classes."""
        from blindsr.drawing.strips import strip_page

        strip: dict[str, object] = {
            "input": shrink(self._lr) / white_of(self._lr),
            "name": printable(self._base.name),
        }
        if self._blur is not None:
            strip["blur_estimate"] = self._small_blur.image
        if self._error is not None:
            strip["blur_scale"] = self._small_error.image
        if self._seg is not None:
            strip["seg_estimate"] = self._small_seg.image
        preview, facts = preview_path(self._base), self._facts
        page = strip_page(
            [strip],
            sigma_max=facts.shown_max or facts.sigma_max,
            class_names=facts.class_names or None,
            unit=f"{facts.unit} px",
        )
        page.save(preview)
        self.paths.append(preview)

    def _writer(self, name: str, bits: int, text: dict[str, str] | None) -> PhotoWriter:
        path = map_path(self._base, name)
        self.paths.append(path)
        height, width = self._shape
        return self._stack.enter_context(
            open_writer(path, width=width, height=height, layout=Layout(1, bits), text=text)
        )


@contextlib.contextmanager
def open_maps(base: Path, lr: NDArray[Any], facts: MapFacts) -> Iterator[MapFiles]:
    """Write ``base_sigma.png``, ``base_classes.png`` and ``base_preview.png``, atomically.

    Of an estimator that knows its own error also ``base_uncertainty.png``.

    Args:
        base: folder and stem.
        lr: (h, w, 3) float32 in [0, 1], or integers; for the preview.
        facts: what the maps mean.
    """
    with contextlib.ExitStack() as stack:
        yield MapFiles(base, lr, facts, stack)


def map_path(base: Path, name: str) -> Path:
    """Return where the map of a name is written."""
    return base.with_name(f"{base.name}_{name}.png")


def preview_path(base: Path) -> Path:
    """Return where the preview is written."""
    return map_path(base, "preview")


def _steps(blur: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.clip(np.round(blur * SIGMA_STEPS), 0, 65535).astype(np.uint16)
