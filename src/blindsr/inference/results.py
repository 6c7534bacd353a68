"""Results of a model for one picture: strips from top to bottom, or whole maps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Strip(NamedTuple):
    """Rows of a result; parts that were not requested are ``None``."""

    top: int
    """First row, in HR pixels."""
    sr: NDArray[np.float32] | None
    """(rows, s*W, 3) in [0, 1]."""
    blur: NDArray[np.float32] | None
    """(rows, s*W) sigma in HR pixels."""
    seg: NDArray[np.uint8] | None
    """(rows, s*W) class indices."""
    removed: NDArray[np.float32] | None = None
    """(rows, s*W) sigma of the blur that is no longer in ``sr``, HR pixels."""
    blur_scale: NDArray[np.float32] | None = None
    """(rows, s*W) Laplace scale of the error of ``blur``, HR pixels, where the estimator tells."""


class _BlurAndSeg(NamedTuple):
    blur: Any
    seg: Any


class Maps(_BlurAndSeg):
    """Estimated maps of a picture at HR size; arrays, or tensors where the picture was one.

    Attributes:
        blur: (s*H, s*W) float32, sigma in HR pixels, or ``None``.
        seg: (s*H, s*W) uint8 class indices, or ``None``.
        blur_scale: (s*H, s*W) Laplace scale of the error of sigma in HR pixels; ``None`` where the
            estimator does not tell. Not among the two values that are unpacked.
    """

    blur_scale: Any

    def __new__(cls, blur: Any, seg: Any, blur_scale: Any = None) -> Maps:
        """Make the pair."""
        maps = super().__new__(cls, blur, seg)
        maps.blur_scale = blur_scale
        return maps

    def _repr_png_(self) -> bytes | None:
        """For Jupyter: sigma and, where it is known, its uncertainty on one scale with a bar."""
        from io import BytesIO

        from blindsr.drawing.figures import blur_figure

        named = {"sigma": self.blur, "uncertainty": self.blur_scale}
        shown = {title: np.asarray(map_) for title, map_ in named.items() if map_ is not None}
        if not shown or any(map_.ndim != 2 for map_ in shown.values()):
            return None  # nothing, or a batch
        file = BytesIO()
        largest = max(float(shown[next(iter(shown))].max()), 1.0)
        blur_figure({}, shown, sigma_max=largest).savefig(file, format="png", dpi=90)
        return file.getvalue()
