"""A PIL image as pixels, and pixels as a PIL image again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blindsr.errors import DataError
from blindsr.imaging.decoding.decode import orient
from blindsr.imaging.decoding.metadata import kept_exif, metadata_of
from blindsr.imaging.decoding.pillow import split_modes
from blindsr.imaging.transparency import bled

if TYPE_CHECKING:
    from PIL.Image import Image

Enlarge = Callable[[NDArray[Any]], NDArray[np.floating]]
"""(h, w) -> (s*h, s*w), placed as the network places pixels."""
_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "I;16")


@dataclass(frozen=True)
class PilPicture:
    """What a PIL image holds, upright.

    Attributes:
        pixels: (H, W, 3) uint8 or uint16; under alpha 0 the nearest visible colours.
        alpha: (H, W) of the same dtype, or ``None``.
        grey: the image has one channel besides alpha.
        info: metadata for the result (profile, resolution, ...), by Pillow's names.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None
    grey: bool
    info: dict[str, Any]

    def image(self, sr: NDArray[Any], enlarge: Enlarge) -> Image:
        """Return the restored pixels (s*H, s*W, 3) as an image of the same kind."""
        from PIL import Image

        white = np.iinfo(sr.dtype).max
        parts = [sr[..., :1] if self.grey else sr]
        if self.alpha is not None:
            alpha = np.rint(np.clip(enlarge(self.alpha), 0, white)).astype(sr.dtype)
            parts.append(alpha[..., None])
        joined = np.concatenate(parts, axis=2)
        image = Image.fromarray(joined[..., 0] if joined.shape[2] == 1 else joined)
        image.info.update(self.info)
        return image


def read_pil(image: Image) -> PilPicture:
    """Read a PIL image; its EXIF orientation is applied.

    Raises:
        DataError: its mode has no direct way to grey or RGB.
    """
    if image.mode not in _MODES:
        raise DataError(
            "image",
            found=f"a PIL image of mode {image.mode}",
            expected=f"one of {', '.join(_MODES)}",
            fix='Call image.convert("RGB") first.',
        )
    facts = metadata_of(image)
    color, alpha = split_modes(image)
    grey = color.ndim == 2
    color = orient(bled(color, alpha), facts.orientation)
    exif, _ = kept_exif(facts.exif)
    info = {
        "icc_profile": facts.icc,
        "dpi": facts.dpi,
        "exif": None if exif is None else b"Exif\0\0" + exif,
    }
    return PilPicture(
        np.repeat(color[..., None], 3, axis=2) if grey else color,
        None if alpha is None else orient(alpha, facts.orientation),
        grey,
        {key: value for key, value in info.items() if value is not None},
    )
