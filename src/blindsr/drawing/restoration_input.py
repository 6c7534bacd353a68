"""What a restoration sheet is given: checked, clipped, and with its crops chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.errors import DataError
from blindsr.imaging.files import to_uint8

RestorationSample = Mapping[str, Any]
MAP_TITLES = {"blur": "true sigma", "blur_estimate": "estimated sigma"}
_BASELINE = "bicubic"
_ENLARGE = "Enlarge LR with blindsr.imaging.upsample, in the phase of its down-sampler"


@dataclass(frozen=True)
class Content:
    """A sample that was checked.

    Args:
        name: of the sample.
        images: (H, W, 3) by name.
        maps: sigma maps (H, W) by their key in the sample.
        scores: texts by the name of their column.
        boxes: upper left corners of the crops, at least one.
        side: of a crop in pixels.
    """

    name: str
    images: dict[str, NDArray[np.uint8]]
    maps: dict[str, NDArray[np.floating]]
    scores: dict[str, str]
    boxes: list[tuple[int, int]]
    side: int


def read_samples(
    samples: Sequence[RestorationSample],
    methods: Sequence[str],
    crops: int,
    crop_size: int | None,
) -> list[Content]:
    """Check the samples and choose the crops of those that bring none.

    Raises:
        DataError: see :func:`blindsr.drawing.restorations.restoration_page`.
    """
    for name, values in (("samples", samples), ("methods", methods)):
        if not values:
            raise DataError(name, found="none", expected="at least one", fix="Nothing to draw")
    if len({"LR", "HR", *methods}) < len(methods) + 2:
        raise DataError("methods", found=", ".join(methods), expected="each once, no LR, no HR")
    if crops < 1:
        raise DataError("crops", found=str(crops), expected="at least 1")
    every = [_images(sample, f"samples[{i}]", methods) for i, sample in enumerate(samples)]
    side = crop_size
    if side is None:
        side = min(crop_side(*images["LR"].shape[:2]) for images in every)
    contents = []
    for i, (sample, images) in enumerate(zip(samples, every, strict=True)):
        where = f"samples[{i}]"
        boxes = _given_boxes(sample, where, side, images["LR"].shape[:2])
        contents.append(
            Content(
                name=str(sample.get("name", i)),
                images={name: to_uint8(image) for name, image in images.items()},
                maps=_maps(sample, where, images["LR"].shape[:2]),
                scores={str(k): str(v) for k, v in (sample.get("scores") or {}).items()},
                boxes=boxes or _chosen_boxes(images, methods, crops, side),
                side=side,
            )
        )
    return contents


def _images(
    sample: RestorationSample, where: str, methods: Sequence[str]
) -> dict[str, NDArray[np.floating]]:
    """Return the pictures that are shown, finite and in [0, 1]."""
    given = sample.get("images") or {}
    missing = [name for name in ("LR", *methods) if name not in given]
    if missing:
        raise DataError(
            f"{where}.images",
            found=f"no {missing[0]!r} among {', '.join(map(repr, given)) or 'no images'}",
            expected="LR and every method",
        )
    names = ["LR", *methods, *(["HR"] if "HR" in given else [])]
    shape = np.shape(given["HR" if "HR" in given else methods[0]])
    for name in names:
        found = np.shape(given[name])
        if found != shape or len(found) != 3 or found[2] != 3 or not all(found):
            raise DataError(
                f"{where}.images[{name!r}]",
                found=f"shape {found}",
                expected="(H, W, 3)" if found == shape else f"{shape} as the others",
                fix=_ENLARGE if name == "LR" and found != shape else "",
            )
    # A network that diverged makes NaN: it is drawn black, the training goes on.
    return {
        name: np.clip(np.nan_to_num(np.asarray(given[name], np.float32)), 0.0, 1.0)
        for name in names
    }


def _maps(
    sample: RestorationSample, where: str, shape: tuple[int, ...]
) -> dict[str, NDArray[np.floating]]:
    maps = {}
    for key in MAP_TITLES:
        if sample.get(key) is None:
            continue
        if np.shape(sample[key]) != shape:
            raise DataError(
                f"{where}.{key}",
                found=f"shape {np.shape(sample[key])}",
                expected=f"{shape} as the images",
            )
        maps[key] = np.nan_to_num(np.asarray(sample[key], np.float32))
    return maps


def _given_boxes(
    sample: RestorationSample, where: str, side: int, shape: tuple[int, ...]
) -> list[tuple[int, int]]:
    boxes = [(int(row), int(column)) for row, column in sample.get("boxes") or ()]
    for box in boxes:
        if min(box) < 0 or box[0] + side > shape[0] or box[1] + side > shape[1]:
            raise DataError(
                f"{where}.boxes",
                found=f"{box} with {side} pixels a side",
                expected=f"a crop inside {shape[0]} x {shape[1]}",
            )
    return boxes


def _chosen_boxes(
    images: Mapping[str, NDArray[np.floating]], methods: Sequence[str], crops: int, side: int
) -> list[tuple[int, int]]:
    baseline = _BASELINE if _BASELINE in methods else methods[0]
    others = [images[name] for name in methods if name != baseline]
    reference = images["HR" if "HR" in images else methods[-1]]
    return choose_boxes(images[baseline], others, reference=reference, count=crops, side=side)
