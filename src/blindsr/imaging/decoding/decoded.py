"""What every decoder hands over."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.decoding.metadata import Metadata


@dataclass(frozen=True)
class Decoded:
    """A picture as it lies in the file: its orientation is not applied.

    Attributes:
        color: (H, W) grey or (H, W, 3) RGB, uint8 or uint16 over their full range, black is 0.
        alpha: (H, W) of the same dtype, 0 = transparent, not multiplied into the colours; or None.
        format: name of the file format, for instance ``JPEG``.
        metadata: what the file says beside.
        notes: what could not be kept, in words.
        cmyk: it was converted from ink, so a profile of it is void.
    """

    color: NDArray[np.integer]
    alpha: NDArray[np.integer] | None
    format: str
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()
    cmyk: bool = False
