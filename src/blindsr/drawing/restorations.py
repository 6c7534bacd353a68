"""Pages that compare restorations: the whole picture, its sigma maps, enlarged crops per method.

Crops are enlarged by a whole factor, so that every pixel seen is one that the method made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.drawing.grid import Row, Tile, draw_grid
from blindsr.drawing.page import GAP, INK, MARGIN, QUIET, Boxes, Page, Rectangle, box_colour
from blindsr.drawing.palette import blur_to_rgb
from blindsr.drawing.scales import draw_sigma_bar
from blindsr.drawing.words import HEADING, line_height
from blindsr.errors import DataError
from blindsr.imaging.files import to_uint8

if TYPE_CHECKING:
    from blindsr.types import PictureSample

_MAP_TITLES = {"blur": "true sigma", "blur_estimate": "estimated sigma"}
_TILE = 192  # side of an enlarged crop, about
_CROPS = 2  # of a sample without boxes
_PICTURE = (240, 540)  # least and largest width of the whole picture
_PANEL_GAP, _BLOCK_GAP = 20, 20
_CAPTION = line_height(HEADING) + GAP + GAP // 2  # from the picture to the sigma maps below it
_ENLARGE = "Enlarge LR with blindsr.imaging.upsample, in the phase of its down-sampler"


@dataclass(frozen=True)
class _Block:
    """A sample that was checked.

    Args:
        name: of the sample.
        images: (H, W, 3) by name, in the order of their columns.
        maps: sigma maps (H, W) by their key in the sample.
        scores: texts by the name of their column.
        boxes: upper left corners of the crops, at least one.
        side: of a crop in pixels.
    """

    name: str
    images: dict[str, NDArray[np.uint8]]
    maps: dict[str, NDArray[np.floating]]
    scores: Mapping[str, str]
    boxes: Sequence[tuple[int, int]]
    side: int


def restoration_page(
    samples: Sequence[PictureSample],
    *,
    sigma_max: float = 0.0,
    crops: int = _CROPS,
    title: str = "",
) -> Page:
    """Lay out one block per sample.

    Left in a block: the whole HR picture (LR without one) with coloured frames around the crops,
    and below it the sigma maps there are, on one scale 0..sigma_max with one bar. Right: a row of
    enlarged crops for each frame, with a column for each image; scores stand under their column.

    Args:
        samples: at least one, with ``images``, ``"LR"`` among them and, if known, ``"HR"``, which
            is the last column. Crops are a quarter of the smallest picture. Those of a sample
            without ``boxes`` lie where others differ from bicubic (the first image after LR, if
            it is not among them) and HR has detail.
        sigma_max: end of the sigma scale in HR pixels.
        crops: of each sample without ``boxes``.
        title: a line above.

    Raises:
        DataError: no samples, an image that is missing or of another shape, or a crop that reaches
            over the border.
    """
    if not samples:
        raise DataError("samples", found="none", expected="at least one", fix="Nothing to draw")
    methods = [name for name in samples[0].get("images", {}) if name not in ("LR", "HR")]
    images = [_images(sample, f"samples[{i}]", methods) for i, sample in enumerate(samples)]
    side = min(crop_side(*one["LR"].shape[:2]) for one in images)
    blocks = [
        _block(sample, f"samples[{i}]", one, side, crops)
        for i, (sample, one) in enumerate(zip(samples, images, strict=True))
    ]
    tile = blocks[0].side * max(1, round(_TILE / blocks[0].side))
    widths = [_picture_width(block, tile) for block in blocks]
    page = Page(title)
    crops_left = MARGIN + max(widths) + _PANEL_GAP
    for index, (block, width) in enumerate(zip(blocks, widths, strict=True)):
        top = page.bottom + (_BLOCK_GAP if index else 0)
        rows_top = _draw_crops(page, block, crops_left, top, tile)
        _draw_whole(page, block, rows_top, width, crops_left - _PANEL_GAP - MARGIN, sigma_max)
    if any(block.maps for block in blocks):
        width = max(_PICTURE[0], widths[-1])
        maps = [blur for block in blocks for blur in block.maps.values()]
        draw_sigma_bar(page, MARGIN, page.bottom + GAP, width, maps, end=sigma_max)
    return page


def _draw_crops(page: Page, block: _Block, left: int, top: int, tile: int) -> int:
    """Draw the crops and the scores below them; return the upper edge of the first row."""
    rows = [
        Row(
            [
                Tile(
                    block.images[name][y : y + block.side, x : x + block.side],
                    frame=box_colour(index),
                )
                for name in block.images
            ]
        )
        for index, (y, x) in enumerate(block.boxes)
    ]
    grid = draw_grid(page, left, top, tile, list(block.images), rows)
    for name, column in zip(block.images, grid.columns, strict=True):
        if name in block.scores:
            colour = QUIET if name == "HR" else INK
            below = grid.bottom + GAP // 2
            page.words(block.scores[name], column, below, tile, colour=colour, centred=True)
    return grid.rows[0]


def _draw_whole(
    page: Page, block: _Block, top: int, width: int, room: int, sigma_max: float
) -> None:
    """Draw the whole picture and its sigma maps, with the frames of the crops on all of them."""
    boxes = Boxes(block.boxes, (block.side, block.side))
    label = block.name if "HR" in block.images else f"{block.name} (LR)"
    page.words(label, MARGIN, top - GAP // 2 - line_height(HEADING), room)
    image = block.images["HR" if "HR" in block.images else "LR"]
    place = Rectangle(MARGIN, top, width, round(width * image.shape[0] / image.shape[1]))
    page.picture(place, image, boxes=boxes)
    if block.maps:
        tiles = [Tile(blur_to_rgb(blur, sigma_max), boxes) for blur in block.maps.values()]
        titles = [_MAP_TITLES[key] for key in block.maps]
        tile = (width + GAP) // len(tiles) - GAP
        draw_grid(page, MARGIN, place.bottom + GAP, tile, titles, [Row(tiles)])


def _picture_width(block: _Block, tile: int) -> int:
    """Return the width at which the picture, with the maps below it, is as high as the crops."""
    height, width = block.images["LR"].shape[:2]
    aspect, wanted = height / width, len(block.boxes) * (tile + GAP) - GAP
    if count := len(block.maps):  # side by side as wide as the picture, below a line of captions
        share = 1 / count
        fitting = (wanted - _CAPTION + GAP * aspect * (1 - share)) / ((1 + share) * aspect)
    else:
        fitting = wanted / aspect
    return round(min(max(fitting, _PICTURE[0]), _PICTURE[1]))


def _images(
    sample: PictureSample, where: str, methods: Sequence[str]
) -> dict[str, NDArray[np.floating]]:
    """Return the pictures that are shown, finite and in [0, 1]."""
    images = sample.get("images", {})
    missing = [name for name in ("LR", *methods) if name not in images]
    if missing or not methods:
        raise DataError(
            f"{where}.images",
            found=f"no {(missing or ['method'])[0]!r} among {', '.join(images) or 'none'}",
            expected="LR and every method",
        )
    names = ["LR", *methods, *(["HR"] if "HR" in images else [])]
    shape = np.shape(images[names[-1]])
    for name in names:
        found = np.shape(images[name])
        if found != shape or len(found) != 3 or found[2] != 3 or not all(found):
            raise DataError(
                f"{where}.images[{name!r}]",
                found=f"shape {found}",
                expected="(H, W, 3)" if found == shape else f"{shape} as the others",
                fix=_ENLARGE if name == "LR" and found != shape else "",
            )
    # A network that diverged makes NaN: it is drawn black, the training goes on.
    return {name: np.clip(np.nan_to_num(images[name]), 0.0, 1.0) for name in names}


def _block(
    sample: PictureSample,
    where: str,
    images: dict[str, NDArray[np.floating]],
    side: int,
    crops: int,
) -> _Block:
    """Check maps and crops of a sample; choose crops where it brings none."""
    height, width = images["LR"].shape[:2]
    found = {"blur": sample.get("blur"), "blur_estimate": sample.get("blur_estimate")}
    maps = {key: np.asarray(blur) for key, blur in found.items() if blur is not None}
    for key, blur in maps.items():
        if blur.shape != (height, width):
            expected = f"{(height, width)} as the images"
            raise DataError(f"{where}.{key}", found=f"shape {blur.shape}", expected=expected)
    boxes = sample.get("boxes") or _chosen_boxes(images, crops, side)
    for row, column in boxes:
        if min(row, column) < 0 or row + side > height or column + side > width:
            raise DataError(
                f"{where}.boxes",
                found=f"{(row, column)} with {side} pixels a side",
                expected=f"a crop inside {height} x {width}",
            )
    return _Block(
        sample.get("name", where),
        {name: to_uint8(image) for name, image in images.items()},
        {key: np.nan_to_num(blur) for key, blur in maps.items()},
        sample.get("scores", {}),
        boxes,
        side,
    )


def _chosen_boxes(
    images: Mapping[str, NDArray[np.floating]], crops: int, side: int
) -> list[tuple[int, int]]:
    methods = [name for name in images if name not in ("LR", "HR")]
    baseline = "bicubic" if "bicubic" in methods else methods[0]
    others = [images[name] for name in methods if name != baseline]
    reference = images["HR" if "HR" in images else methods[-1]]
    return choose_boxes(images[baseline], others, reference=reference, count=crops, side=side)
