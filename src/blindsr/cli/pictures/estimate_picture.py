"""One picture through ``blindsr estimate``: read, estimated, maps and mask written."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blindsr.data.files.masks import UNSURE, mask_from_sigma
from blindsr.errors import ConfigError
from blindsr.imaging.files import atomic_path, write_png
from blindsr.imaging.photo import read_photo
from blindsr.imaging.resize import downsample
from blindsr.imaging.transparency import bled
from blindsr.inference.pyramid import estimate_pyramid, largest_sigma, sigma_limit
from blindsr.inference.pyramid_levels import pyramid_factors, reduce_copy

from .map_files import MapFacts, map_path, open_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from blindsr.cli.terminal import Teller
    from blindsr.restore import Restorer

Write = Callable[["NDArray[np.float32]"], None]


@dataclass(frozen=True)
class Options:
    """What holds for all pictures.

    Attributes:
        reduce: how many times the finest copy that is looked at is reduced.
        pyramid: look at coarser copies too, see
            :func:`~blindsr.inference.pyramid.estimate_pyramid`.
        levels: at most so many copies; ``None`` goes by the size of the picture.
        mask: threshold of the mask in pixels of the input; ``None`` writes none.
        npy: also write the sigma map as ``.npy``.
    """

    reduce: int = 1
    pyramid: bool = False
    levels: int | None = None
    mask: float | None = None
    npy: bool = False


def may_write(base: Path, options: Options | None = None) -> list[Path]:
    """Return the files that a picture may get with some options, or with any."""
    paths = [map_path(base, name) for name in ("sigma", "uncertainty", "classes", "preview")]
    if options is None or options.mask is not None:
        paths.append(map_path(base, "mask"))
    if options is None or options.npy:
        paths.append(_npy_path(base))
    return paths


def estimate_picture(
    model: Restorer, path: Path, base: Path, options: Options, tell: Teller
) -> list[Path]:
    """Write the maps of one picture and return their paths.

    Args:
        model: an estimator.
        path: of the picture.
        base: folder and stem of the maps.
        options: what holds for all pictures.
        tell: is told how much is done.

    Raises:
        BlindSRError: the picture cannot be read, estimated or written; no map of it is left.
    """
    photo = read_photo(path)
    color = bled(photo.color, photo.alpha)  # invisible pixels would look like sharp edges
    image = np.repeat(color[..., None], 3, axis=2) if photo.grey else color
    if options.pyramid:
        return _by_pyramid(model, image, base, options, tell)
    return _by_strips(model, image, base, options, tell)


def check_reach(
    model: Restorer, threshold: float | None, factors: Sequence[int], fix: str = ""
) -> None:
    """Refuse a threshold that no estimate reaches: the mask would call everything sharp.

    Raises:
        ConfigError: the threshold is beyond what the model tells.
    """
    reach = sigma_limit(model) * factors[-1]
    if threshold is not None and threshold >= reach:
        raise ConfigError(
            "--mask",
            found=f"{threshold:g} input pixels",
            expected=f"less than {reach:g}, where this model is saturated",
            fix=fix,
        )


def _by_strips(
    model: Restorer, image: NDArray[Any], base: Path, options: Options, tell: Teller
) -> list[Path]:
    """Maps at HR size in HR pixels, written as they come: they may be too large to hold."""
    scale, reduced = model.scale, options.reduce
    lr = _reduced(image, reduced)
    facts = MapFacts(scale, largest_sigma(model), model.class_names, reduced)
    shape = scale * lr.shape[0], scale * lr.shape[1]
    small: list[NDArray[np.float32]] = []
    errors: list[NDArray[np.float32]] = []
    more: list[Path] = []
    with open_maps(base, lr, facts) as maps, contextlib.ExitStack() as stack:
        write: Write | None = None
        for strip in model.strips(lr, maps=True, on_progress=tell):
            maps.add(strip.top, strip.blur, strip.seg, strip.blur_scale)
            if strip.blur is None:
                continue
            if options.npy and write is None:
                more.append(_npy_path(base))
                write = stack.enter_context(_open_npy(more[0], shape))
            if write is not None:
                write(strip.blur)
            if options.mask is not None:
                small.append(downsample(strip.blur, scale, "area"))
                if strip.blur_scale is not None:
                    errors.append(downsample(strip.blur_scale, scale, "area"))
        if options.mask is not None:
            if not small:
                raise ConfigError("--mask", found=f"{model.title} that estimates no sigma")
            unit = np.float32(reduced / scale)
            error = np.concatenate(errors) * unit if errors else None
            found = np.concatenate(small) * unit, error
            more.append(_write_mask(base, found, options.mask, image.shape[:2], reduced))
        maps.finish()
    return [*maps.paths, *more]


def _by_pyramid(
    model: Restorer, image: NDArray[Any], base: Path, options: Options, tell: Teller
) -> list[Path]:
    """Maps at the size of the input, in its pixels."""
    size = image.shape[:2]
    factors = pyramid_factors(size, options.levels, first=options.reduce)
    check_reach(model, options.mask, factors)
    blur, seg = estimate_pyramid(model, image, factors=factors, on_progress=tell)
    reaches = [sigma_limit(model) * factor for factor in factors]
    shown = next((reach for reach in reaches if reach >= blur.max()), reaches[-1])
    facts = MapFacts(
        1, reaches[-1], model.class_names, levels=factors, shown_max=max(shown, reaches[0])
    )
    more: list[Path] = []
    with open_maps(base, image, facts) as maps, contextlib.ExitStack() as stack:
        maps.add(0, blur, seg)
        maps.finish()
        if options.npy:
            more.append(_npy_path(base))
            stack.enter_context(_open_npy(more[0], size))(blur)
        if options.mask is not None:
            more.append(_write_mask(base, (blur, None), options.mask, size, 1))
    return [*maps.paths, *more]


def _reduced(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """A reduced copy; rows and columns that do not make a whole pixel of it are left out."""
    if factor == 1:
        return image
    height, width = (side // factor * factor for side in image.shape[:2])
    if not height * width:
        raise ConfigError(
            "--reduce", found=f"{factor}, of a picture of {image.shape[1]}x{image.shape[0]} pixels"
        )
    return reduce_copy(image[:height, :width], factor)


def decided_mask(
    blur: NDArray[np.float32], error: NDArray[np.float32] | None, threshold: float
) -> NDArray[np.uint8]:
    """255 where sigma is below the threshold (sharp), 0 where it is not, 127 where that is unsure.

    Unsure is what would be wrong more often than once in four: where the threshold lies in the
    middle half of the Laplace distribution that an estimate stands for.

    Args:
        blur: (h, w) sigma.
        error: its Laplace scale; ``None`` where the model does not tell it.
        threshold: in the same unit.
    """
    mask = mask_from_sigma(blur, threshold=threshold) * np.uint8(255)
    if error is not None:
        mask[np.abs(blur - np.float32(threshold)) < np.float32(math.log(2)) * error] = UNSURE
    return mask


def _write_mask(
    base: Path,
    maps: tuple[NDArray[np.float32], NDArray[np.float32] | None],
    threshold: float,
    size: tuple[int, int],
    reduced: int,
) -> Path:
    """Write the mask of a sigma map (h, w) and its uncertainty in pixels of the input.

    Sigma is averaged before the decision and the mask never after it, so no edge is grey.
    """
    mask = decided_mask(*maps, threshold)
    rows, columns = (
        np.minimum(np.arange(side) // reduced, length - 1)
        for side, length in zip(size, mask.shape, strict=True)
    )
    path = map_path(base, "mask")
    text = {
        "quantity": "255 where sigma is below the threshold (sharp), 127 where that is unsure, "
        "else 0",
        "threshold": f"{threshold:g}",
        "unit": "input pixels",
    }
    write_png(path, mask[rows[:, None], columns], text=text)
    return path


def _npy_path(base: Path) -> Path:
    return base.with_name(f"{base.name}_sigma.npy")


@contextlib.contextmanager
def _open_npy(path: Path, shape: tuple[int, int]) -> Iterator[Write]:
    """Write a float32 array row by row, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        head = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, head)

        def write(rows: NDArray[np.float32]) -> None:
            file.write(np.ascontiguousarray(rows, dtype="<f4").tobytes())

        yield write
