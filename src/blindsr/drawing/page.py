"""Where the parts of a restoration sheet lie, in whole pixels, so that crops enlarge exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DPI = 130
MARGIN = 18
GAP = 8
PANEL_GAP = 20  # between the picture and its crops
BLOCK_GAP = 26
TITLE = 36
LINE = 17  # of a heading
HEADING_PAD = 7  # between a heading and what it stands over
CAPTION = 24  # over the sigma maps
SCORE = 22
BAR_GAP, BAR, BAR_TEXT = 16, 13, 44
_TILE = 192
_PICTURE = (240, 540)  # least and largest width of the whole picture


@dataclass(frozen=True)
class Rectangle:
    """Pixels of the page, counted from its upper left corner."""

    left: int
    top: int
    width: int
    height: int

    @property
    def bottom(self) -> int:
        """First row below."""
        return self.top + self.height


@dataclass(frozen=True)
class BlockShape:
    """What one sample needs on the page.

    Args:
        height: of its pictures.
        width: of its pictures.
        crops: number of them.
        maps: it has a sigma map.
        scores: it has scores.
    """

    height: int
    width: int
    crops: int
    maps: bool
    scores: bool


@dataclass(frozen=True)
class Block:
    """Where the parts of one sample lie."""

    picture: Rectangle
    maps: tuple[Rectangle, Rectangle]
    rows: tuple[int, ...]
    bottom: int


@dataclass(frozen=True)
class Page:
    """The whole sheet.

    Args:
        blocks: one per sample, from above.
        columns: left edges of the columns of crops.
        tile: side of an enlarged crop.
        bar: where the scale of the sigma maps lies, if there is one.
        width: of the sheet.
        height: of the sheet.
    """

    blocks: tuple[Block, ...]
    columns: tuple[int, ...]
    tile: int
    bar: Rectangle | None
    width: int
    height: int

    @property
    def inches(self) -> tuple[float, float]:
        """Size for matplotlib, a quarter pixel too large: it rounds down."""
        return (self.width + 0.25) / DPI, (self.height + 0.25) / DPI

    def place(self, rectangle: Rectangle) -> tuple[float, float, float, float]:
        """Return what ``add_axes`` wants: fractions of the sheet, from below."""
        across, down = self.width + 0.25, self.height + 0.25
        return (
            rectangle.left / across,
            (self.height - rectangle.bottom) / down,
            rectangle.width / across,
            rectangle.height / down,
        )

    def at(self, left: float, top: float) -> tuple[float, float]:
        """Return where a text stands, as fractions of the sheet from below."""
        return left / (self.width + 0.25), (self.height - top) / (self.height + 0.25)


def tile_side(crop: int) -> int:
    """Side of an enlarged crop: a whole multiple of its own."""
    return crop * max(1, round(_TILE / crop))


def lay_out(
    shapes: Sequence[BlockShape], *, columns: int, tile: int, heading: int, titled: bool
) -> Page:
    """Put the samples below each other.

    The whole picture is as wide as makes it, together with the maps below it, as high as the crops.

    Args:
        shapes: one per sample.
        columns: of crops.
        tile: side of an enlarged crop.
        heading: height of the headings over each sample.
        titled: there is a line above.
    """
    widths = [_picture_width(shape, tile) for shape in shapes]
    mapped = any(shape.maps for shape in shapes)
    right = MARGIN + max(widths) + PANEL_GAP
    top = MARGIN + (TITLE if titled else 0)
    blocks: list[Block] = []
    for shape, width in zip(shapes, widths, strict=True):
        blocks.append(_block(shape, width, top + heading, tile))
        top = blocks[-1].bottom + BLOCK_GAP
    bar, bottom = None, blocks[-1].bottom
    if mapped:
        last = max(i for i, shape in enumerate(shapes) if shape.maps)
        # Under the picture, beside the last scores where the crops reach further down.
        under = blocks[-1].maps[0].bottom if last == len(shapes) - 1 else bottom
        bar = Rectangle(MARGIN, under + BAR_GAP, max(widths[last], _PICTURE[0]), BAR)
        bottom = max(bottom, bar.bottom + BAR_TEXT)
    return Page(
        tuple(blocks),
        tuple(right + i * (tile + GAP) for i in range(columns)),
        tile,
        bar,
        right + columns * (tile + GAP) - GAP + MARGIN,
        bottom + MARGIN,
    )


def _picture_width(shape: BlockShape, tile: int) -> int:
    aspect = shape.height / shape.width
    height = shape.crops * (tile + GAP) - GAP
    if shape.maps:  # two maps, each half as wide, below a line of captions
        width = (height - CAPTION + GAP * aspect / 2) / (1.5 * aspect)
    else:
        width = height / aspect
    return round(min(max(width, _PICTURE[0]), _PICTURE[1]))


def _block(shape: BlockShape, width: int, top: int, tile: int) -> Block:
    aspect = shape.height / shape.width
    picture = Rectangle(MARGIN, top, width, round(width * aspect))
    half = (width - GAP) // 2
    under = picture.bottom + CAPTION
    first = Rectangle(MARGIN, under, half, round(half * aspect))
    second = Rectangle(MARGIN + width - half, under, half, first.height)
    rows = tuple(top + i * (tile + GAP) for i in range(shape.crops))
    crops_bottom = top + shape.crops * (tile + GAP) - GAP + (SCORE if shape.scores else 0)
    left_bottom = first.bottom if shape.maps else picture.bottom
    return Block(picture, (first, second), rows, max(crops_bottom, left_bottom))
