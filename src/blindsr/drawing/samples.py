"""Pictures of samples that carry their own scale: strips of maps, or sheets of restorations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blindsr.drawing.restorations import save_restoration_sheet
from blindsr.drawing.strips import save_blur_strips
from blindsr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from blindsr.types import PictureSample


def save_samples(
    path: str | Path, samples: Sequence[PictureSample], *, title: str | None = None
) -> None:
    """Draw samples and write the picture as a PNG, atomically.

    Samples with ``images`` become a sheet of :func:`~blindsr.drawing.restorations.\
save_restoration_sheet` with a column for each image, others a strip of
    :func:`~blindsr.drawing.strips.save_blur_strips`. The sigma scale is that of the first sample.

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
        methods = [name for name in first["images"] if name not in ("LR", "HR")]
        save_restoration_sheet(path, samples, methods=methods, sigma_max=sigma_max, title=title)
        return
    names = first.get("class_names") or None
    save_blur_strips(path, samples, sigma_max=sigma_max, class_names=names, title=title)
