"""Arrays, PIL images and tensors: read tile by tile; results are returned as the same kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from blindsr.errors import DataError, FileError
from blindsr.imaging.tiling import Tile
from blindsr.imaging.transparency import is_neutral
from blindsr.photo.formats import luma

from .pil_picture import Enlarge, PilPicture, read_pil

Kind = Literal["numpy", "pil", "tensor"]
_PEAK = {"uint8": 255, "uint16": 65535, "float32": 1}
"""Accepted types of arrays -> value of white."""
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        pixels: (H, W, 3) array, at least as large as the network needs.
        peak: value of white.
        size: height and width before small pictures were enlarged by reflection.
    """

    pixels: NDArray[Any]
    peak: int
    size: tuple[int, int]

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width that the network sees."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def tile(self, tile: Tile, device: torch.device) -> Tensor:
        """Pixels of a tile: (1, 3, h, w) float32 in [0, 1] on ``device``."""
        rows, columns = tile
        part = self.pixels[rows.start : rows.stop, columns.start : columns.stop]
        values = torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32))
        return values.permute(2, 0, 1)[None].to(device) / self.peak


@dataclass(frozen=True)
class Pictures:
    """Pictures as a user gave them.

    Attributes:
        kind: array, PIL image or tensor.
        items: the pictures; more than one only for a tensor of four axes.
        original: the user's object.
        pil: what a PIL image holds, else ``None``.
    """

    kind: Kind
    items: tuple[Picture, ...]
    original: Any
    pil: PilPicture | None = None

    def give_back(self, results: Iterable[Iterable[NDArray[np.float32]]], enlarge: Enlarge) -> Any:
        """Return the restored pictures as the kind that came in.

        A grey picture, and one whose three channels are equal, stays grey; a tensor
        keeps the three channels of the result.

        Args:
            results: of each picture, strips (rows, scale * W, 3) in [0, 1].
            enlarge: for its alpha.
        """
        if self.kind == "tensor":
            images = [torch.from_numpy(_joined(strips, 1, np.float32)) for strips in results]
            stack = torch.stack([image.permute(2, 0, 1) for image in images])
            stack = stack.to(self.original.device, self.original.dtype)
            return stack if self.original.ndim == 4 else stack[0]
        (picture,) = self.items
        (strips,) = results
        dtype = picture.pixels.dtype
        pixels = _joined(strips, picture.peak, dtype, neutral=is_neutral(picture.pixels))
        return pixels if self.pil is None else self.pil.image(pixels, enlarge)

    def give_maps(self, maps: list[NDArray[Any]]) -> Any:
        """Maps (s*H, s*W) of each picture -> an array, or for a tensor a tensor."""
        if self.kind != "tensor":
            return maps[0]
        stack = torch.stack([torch.from_numpy(map_) for map_ in maps]).to(self.original.device)
        return stack if self.original.ndim == 4 else stack[0]


def read_pictures(image: Any, minimum: int) -> Pictures:
    """Accept an image, or refuse it by name.

    Args:
        image: (H, W, 3) array of uint8, uint16 or float32 in [0, 1]; PIL image of 8 bit, or
            16 bit grey, with or without alpha; floating-point tensor (3, H, W) or (N, 3, H, W) in
            [0, 1]; or the path of a picture, which is read as a PIL image.
        minimum: height and width that the network needs; smaller pictures are mirrored.

    Raises:
        DataError: if shape, type, mode or range is another.
        FileError: if the file is missing or no picture.
    """
    if isinstance(image, str | PathLike):
        image = _opened(Path(image))
    if isinstance(image, Tensor):
        return Pictures("tensor", tuple(_from_tensor(image, minimum)), image)
    if isinstance(image, np.ndarray):
        return Pictures("numpy", (picture_of(image, minimum),), image)
    if hasattr(image, "convert") and hasattr(image, "mode"):
        pil = read_pil(image)
        return Pictures("pil", (picture_of(pil.pixels, minimum),), image, pil)
    raise DataError(
        "image",
        found=f"a {type(image).__name__}",
        expected="a path, a numpy array, a PIL image or a tensor",
    )


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError:
        found = "no such file"
    except (OSError, ValueError, SyntaxError) as error:
        found = str(error) or "what Pillow cannot read"
    raise FileError(path, found=found, expected="a picture that Pillow reads")


def picture_of(pixels: NDArray[Any], minimum: int) -> Picture:
    """One picture of an array, see :func:`read_pictures`.

    Raises:
        DataError: if shape, type or range is another.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise DataError("image", found=f"shape {pixels.shape}", expected="(H, W, 3)")
    peak = _PEAK.get(pixels.dtype.name)
    if peak is None:
        raise DataError(
            "image",
            found=f"an array of {pixels.dtype}",
            expected="uint8, uint16, or float32 in [0, 1]",
        )
    if peak == 1:
        _check_range(float(pixels.min()), float(pixels.max()))
    height, width = pixels.shape[:2]
    if min(height, width) < minimum:
        bottom, right = max(0, minimum - height), max(0, minimum - width)
        pixels = np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="symmetric")
    return Picture(pixels, peak, (height, width))


def _from_tensor(image: Tensor, minimum: int) -> list[Picture]:
    if image.ndim not in (3, 4) or image.shape[-3] != 3 or 0 in image.shape:
        found = f"a tensor of shape {tuple(image.shape)}"
        raise DataError("image", found=found, expected="(3, H, W) or (N, 3, H, W)")
    if image.dtype not in _FLOATS:
        found = f"a tensor of {image.dtype}"
        fix = "Divide an 8-bit tensor by 255."
        raise DataError("image", found=found, expected="floats in [0, 1]", fix=fix)
    batch = image.detach().reshape(-1, *image.shape[-3:]).permute(0, 2, 3, 1)
    return [picture_of(one.float().cpu().numpy(), minimum) for one in batch]


def _check_range(low: float, high: float) -> None:
    if not (low >= 0 and high <= 1):  # not-a-number included
        raise DataError(
            "image",
            found=f"values from {low:g} to {high:g}",
            expected="finite values in [0, 1]",
            fix="Divide by the value of white, or clip what overshoots.",
        )


def _joined(
    strips: Iterable[NDArray[np.float32]], peak: int, dtype: Any, *, neutral: bool = False
) -> NDArray[Any]:
    """Strips of values in [0, 1] as one picture of a type; integers are rounded."""
    parts = []
    for strip in strips:
        if neutral:
            strip = np.broadcast_to(luma(strip), strip.shape)
        scaled = strip if peak == 1 else np.rint(strip * np.float32(peak))
        parts.append(scaled.astype(dtype))
    return np.concatenate(parts)
