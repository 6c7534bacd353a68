"""Pages that compare restorations: the whole picture, where we look closer, and what each made.

Crops are enlarged by a whole factor, so that every pixel seen is one that the method made.
"""

from __future__ import annotations

from collections.abc import Sequence

from blindsr.drawing.grid import Row, Tile, draw_grid
from blindsr.drawing.page import GAP, INK, MARGIN, QUIET, Boxes, Page, Rectangle, box_colour
from blindsr.drawing.palette import blur_to_rgb
from blindsr.drawing.restoration_input import MAP_TITLES, Content, RestorationSample, read_samples
from blindsr.drawing.words import HEADING, line_height

_TILE = 192  # side of an enlarged crop, about
_PICTURE = (240, 540)  # least and largest width of the whole picture
_PANEL_GAP, _BLOCK_GAP = 20, 20
_CAPTION = line_height(HEADING) + GAP + GAP // 2  # from the picture to the sigma maps below it


def restoration_page(
    samples: Sequence[RestorationSample],
    *,
    methods: Sequence[str],
    sigma_max: float,
    crops: int = 2,
    crop_size: int | None = None,
    title: str = "",
) -> Page:
    """Lay out one block per sample.

    Left in a block: the whole HR picture (LR without one) with coloured frames around the crops,
    and below it the sigma maps there are, on one scale 0..sigma_max with one bar. Right: a row of
    enlarged crops for each frame, LR, then the methods, then HR; scores stand under their column.

    Args:
        samples: at least one mapping with ``images``, a mapping of names to (H, W, 3) in [0, 1] of
            one size, with ``"LR"`` (enlarged in the phase of the down-sampler), every method and,
            if known, ``"HR"``; and, if known, ``name``, ``blur`` and ``blur_estimate`` ((H, W),
            sigma in HR pixels), ``scores`` (texts by the name of their column; ``"HR"`` may say
            what they are) and ``boxes`` (row and column of the upper left corner of each crop,
            instead of chosen ones).
        methods: names of the columns between LR and HR, in order.
        sigma_max: end of the sigma scale in HR pixels.
        crops: of each sample without ``boxes``. They are chosen by
            :func:`blindsr.drawing.crops.choose_boxes`: where methods differ from bicubic (the
            first method, if it is not among them) and HR has detail.
        crop_size: side of a crop in HR pixels; a quarter of the smallest picture by default.
        title: a line above.

    Raises:
        DataError: no samples, no methods, an image that is missing or of another shape, or a crop
            that reaches over the border.
    """
    blocks = read_samples(samples, methods, crops, crop_size)
    tile = blocks[0].side * max(1, round(_TILE / blocks[0].side))
    widths = [_picture_width(block, tile) for block in blocks]
    page = Page(title)
    crops_left = MARGIN + max(widths) + _PANEL_GAP
    for index, (block, width) in enumerate(zip(blocks, widths, strict=True)):
        top = page.bottom + (_BLOCK_GAP if index else 0)
        rows_top = _draw_crops(page, block, ("LR", *methods, "HR"), crops_left, top, tile)
        _draw_whole(page, block, rows_top, width, crops_left - _PANEL_GAP - MARGIN, sigma_max)
    if any(block.maps for block in blocks):
        width = max(_PICTURE[0], widths[-1])
        page.bar(MARGIN, page.bottom + GAP, width, end=sigma_max, label="sigma [HR px]")
    return page


def _draw_crops(
    page: Page, block: Content, names: Sequence[str], left: int, top: int, tile: int
) -> int:
    """Draw the crops and the scores below them; return the upper edge of the first row."""
    shown = [name for name in names if name in block.images]
    rows = [
        Row(
            [
                Tile(
                    block.images[name][y : y + block.side, x : x + block.side],
                    frame=box_colour(index),
                )
                for name in shown
            ]
        )
        for index, (y, x) in enumerate(block.boxes)
    ]
    grid = draw_grid(page, left, top, tile, shown, rows)
    for name, column in zip(shown, grid.columns, strict=True):
        if name in block.scores:
            colour = QUIET if name == "HR" else INK
            below = grid.bottom + GAP // 2
            page.words(block.scores[name], column, below, tile, colour=colour, centred=True)
    return grid.rows[0]


def _draw_whole(
    page: Page, block: Content, top: int, width: int, room: int, sigma_max: float
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
        titles = [MAP_TITLES[key] for key in block.maps]
        draw_grid(page, MARGIN, place.bottom + GAP, (width - GAP) // 2, titles, [Row(tiles)])


def _picture_width(block: Content, tile: int) -> int:
    """Return the width at which the picture, with the maps below it, is as high as the crops."""
    height, width = block.images["LR"].shape[:2]
    aspect, wanted = height / width, len(block.boxes) * (tile + GAP) - GAP
    if block.maps:  # two maps, each half as wide, below a line of captions
        fitting = (wanted - _CAPTION + GAP * aspect / 2) / (1.5 * aspect)
    else:
        fitting = wanted / aspect
    return round(min(max(fitting, _PICTURE[0]), _PICTURE[1]))
