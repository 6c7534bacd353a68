"""Pictures of validation samples: strips of maps, or pages of restorations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blindsr.drawing.restorations import restoration_page
from blindsr.drawing.strips import strip_page
from blindsr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from blindsr.types import PictureSample


def save_samples(path: str | Path, samples: Sequence[PictureSample], *, title: str = "") -> None:
    """Draw samples and write the picture as a PNG, atomically.

    Samples with ``images`` become a :func:`~blindsr.drawing.restorations.restoration_page` with a
    column for each image, others a :func:`~blindsr.drawing.strips.strip_page`. The sigma scale is
    that of the first sample.

    Args:
        path: where to write; its parent folders are made.
        samples: at least one; all of one kind.
        title: a line above.

    Raises:
        DataError: no samples, or one whose arrays do not fit together.
    """
    if not samples:
        raise DataError("samples", found="none", expected="at least one", fix="Nothing to draw")
    first = samples[0]
    sigma_max = first.get("sigma_max", 0.0)
    if "images" in first:
        page = restoration_page(samples, sigma_max=sigma_max, title=title)
    else:
        names = first.get("class_names") or None
        page = strip_page(samples, sigma_max=sigma_max, class_names=names, title=title)
    page.save(path)
