"""Maps that a user gives to a restorer without an estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.errors import DataError
from blindsr.imaging.tiling import ALL_COLUMNS, Planes
from blindsr.inference.pictures import Picture


class UserMapRows:
    """Maps at HR size, by row.

    Args:
        maps: ``blur`` and ``seg``, (s*H, s*W) each.
    """

    def __init__(self, maps: dict[str, Tensor | NDArray[Any]]) -> None:
        self._maps = maps

    def rows(self, start: int, stop: int, columns: slice = ALL_COLUMNS) -> Planes:
        """(rows, columns, 1) of every map, on the CPU."""
        part = slice(start, stop), columns
        return {name: _tensor(map_[part])[..., None] for name, map_ in self._maps.items()}


def _tensor(rows: Tensor | NDArray[Any]) -> Tensor:
    """Share the memory of an array, or copy its rows where it is read-only: torch refuses those."""
    if isinstance(rows, Tensor):
        return rows
    return torch.from_numpy(rows if rows.flags.writeable else rows.copy())


def user_maps(picture: Picture, scale: int, blur: Any, seg: Any) -> UserMapRows | None:
    """Check the maps of a user and pad them to the size that the network sees.

    Args:
        picture: that they belong to.
        scale: HR size over LR size.
        blur: sigma in HR pixels, one number or (s*H, s*W), or ``None``.
        seg: class index or (s*H, s*W), or ``None``.

    Raises:
        DataError: if one has another shape, negative or non-finite numbers, or ``seg`` holds
            no integers in 0..255.
    """
    maps: dict[str, Tensor | NDArray[Any]] = {}
    if blur is not None:
        maps["blur"] = _fitted("blur", np.asarray(blur, np.float32), picture, scale)
    if seg is not None:
        indices = np.asarray(seg)
        if not np.issubdtype(indices.dtype, np.integer):
            raise DataError("seg", found=f"{indices.dtype}", expected="integer class indices")
        maps["seg"] = _fitted("seg", indices, picture, scale)
    return UserMapRows(maps) if maps else None


def _fitted(name: str, map_: NDArray[Any], picture: Picture, scale: int) -> Tensor | NDArray[Any]:
    """One map at the size that the network sees; one number is repeated without taking memory."""
    expected = tuple(scale * side for side in picture.size)
    if map_.shape not in ((), expected):
        found = f"shape {map_.shape}"
        raise DataError(name, found=found, expected=f"{expected}, {scale} times the picture")
    low, high = float(map_.min()), float(map_.max())
    if not (low >= 0 and high < (np.inf if name == "blur" else 256)):
        raise DataError(name, found=f"values from {low:g} to {high:g}", expected="0 or more")
    seen = tuple(scale * side for side in picture.padded)
    if name == "seg":
        map_ = map_.astype(np.uint8, copy=False)
    if map_.shape == ():
        return torch.from_numpy(map_.copy().reshape(1, 1)).expand(seen)
    pads = [(0, whole - own) for whole, own in zip(seen, expected, strict=True)]
    return np.pad(map_, pads, mode="symmetric") if any(pad[1] for pad in pads) else map_
