"""A page of pictures and words: the one layout of all drawings.

Everything lies at whole pixels, counted from the upper left corner, so that crops enlarge exactly,
and the page is as large as what is put on it. Words are measured: they are cut where their room
ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from blindsr.drawing.words import HEADING, SMALL, TITLE, font_of, line_height, shorten, text_width
from blindsr.errors import printable
from blindsr.imaging.files import atomic_path

MARGIN, GAP = 18, 8
INK, QUIET, ALARM = "#222222", "#666666", "#be1414"
BOX_COLOURS = ("#ff3b30", "#ffb000", "#00b8f0", "#34c759", "#ff5ec4", "#a06bff")
"""Of the first, second, ... crop and its frame; they start again after the last."""
FRAME = 2  # pixels around a crop
_EMPTY = "#f2f2f2"
_SHADE = (0, 0, 0, 144)


@dataclass(frozen=True)
class Rectangle:
    """Pixels of the page."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """First row below."""
        return self.top + self.height


@dataclass(frozen=True)
class Boxes:
    """Squares that are marked in a picture, in its pixels.

    Args:
        corners: row and column of each upper left corner.
        size: height and width of each.
    """

    corners: Sequence[tuple[float, float]]
    size: tuple[float, float]


def box_colour(index: int) -> str:
    """Colour of a crop and of its frame."""
    return BOX_COLOURS[index % len(BOX_COLOURS)]


@dataclass(frozen=True)
class Words:
    """One line of text, as wide as its place."""

    text: str
    place: Rectangle
    size: int
    colour: str
    bold: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture (H, W, 3), see :meth:`Page.picture`."""

    place: Rectangle
    image: NDArray[np.uint8]
    boxes: Boxes | None = None
    frame: str = ""
    note: str = ""


@dataclass(frozen=True)
class Fill:
    """A rectangle of one colour."""

    place: Rectangle
    colour: str


@dataclass
class Page:
    """What is drawn, and where; :meth:`save` draws it.

    Args:
        title: a line at the top, as long as the page is wide.
        title_colour: of that line.

    Attributes:
        right: first column right of everything.
        bottom: first row below everything.
        items: what is on the page, in the order of drawing.
    """

    title: str = ""
    title_colour: str = INK
    right: int = MARGIN
    bottom: int = MARGIN
    items: list[Words | Picture | Fill] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Leave room for the title."""
        if self.title:
            self.bottom += line_height(TITLE) + GAP

    def picture(
        self,
        place: Rectangle,
        image: NDArray[np.uint8],
        *,
        boxes: Boxes | None = None,
        frame: str = "",
        note: str = "",
    ) -> None:
        """Put a picture (H, W, 3); smaller ones keep their pixels, larger ones are averaged.

        Args:
            place: of the same proportions.
            image: RGB.
            boxes: marked in it.
            frame: colour of a frame around it.
            note: a few words in its lower left corner.
        """
        self._add(Picture(place, image, boxes, frame, note))

    def empty(self, place: Rectangle) -> None:
        """Mark the place of a picture that there is not."""
        self.fill(place, _EMPTY)
        top = place.top + (place.height - line_height(HEADING)) // 2
        self.words("–", place.left, top, place.width, colour=QUIET, centred=True)

    def fill(self, place: Rectangle, colour: str) -> None:
        """Fill a rectangle."""
        self._add(Fill(place, colour))

    def words(
        self,
        text: str,
        left: int,
        top: int,
        width: int,
        *,
        size: int = HEADING,
        colour: str = INK,
        centred: bool = False,
    ) -> None:
        """Write one line; what does not fit into the width is cut out of its middle."""
        self._add(_line(text, left, top, width, size, colour, centred=centred))

    def save(self, path: str | Path, *, text: dict[str, str] | None = None) -> None:
        """Draw the page and write it as a PNG, atomically; its folder is made.

        Args:
            path: where to write.
            text: text chunks of the PNG.
        """
        chunks = PngInfo()
        for key, value in (text or {}).items():
            chunks.add_text(key, value)
        with atomic_path(path) as temporary:
            Image.fromarray(self.draw()).save(temporary, "PNG", pnginfo=chunks)

    def draw(self) -> NDArray[np.uint8]:
        """Return the page as an RGB picture."""
        room = self.right - MARGIN
        title = _line(self.title, MARGIN, MARGIN, room, TITLE, self.title_colour, bold=True)
        page = Image.new("RGB", (self.right + MARGIN, self.bottom + MARGIN), "white")
        draw = ImageDraw.Draw(page, "RGBA")
        for item in (title, *self.items):
            if isinstance(item, Picture):
                _draw_picture(page, draw, item)
            elif isinstance(item, Words):
                _draw_words(draw, item)
            else:
                draw.rectangle(_corners(item.place), fill=item.colour)
        return np.asarray(page)

    def _add(self, item: Words | Picture | Fill) -> None:
        self.items.append(item)
        self.right = max(self.right, item.place.right)
        self.bottom = max(self.bottom, item.place.bottom)


def _line(
    text: str,
    left: int,
    top: int,
    width: int,
    size: int,
    colour: str,
    *,
    bold: bool = False,
    centred: bool = False,
) -> Words:
    short = shorten(printable(text), width, size, bold=bold)
    used = text_width(short, size, bold=bold)
    start = left + (width - used) // 2 if centred else left
    return Words(short, Rectangle(start, top, used, line_height(size)), size, colour, bold)


def _draw_picture(page: Image.Image, draw: ImageDraw.ImageDraw, item: Picture) -> None:
    place = item.place
    shrinks = place.height < item.image.shape[0] or place.width < item.image.shape[1]
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    resized = cv2.resize(item.image, (place.width, place.height), interpolation=kind)
    page.paste(Image.fromarray(np.asarray(resized, np.uint8)), (place.left, place.top))
    if item.frame:
        _outline(draw, _corners(place), item.frame)
    if item.boxes is not None:
        down, across = place.height / item.image.shape[0], place.width / item.image.shape[1]
        height, width = item.boxes.size
        for index, (row, column) in enumerate(item.boxes.corners):
            left, top = place.left + column * across, place.top + row * down
            box = (left, top, left + width * across - 1, top + height * down - 1)
            inner = (round(box[0]), round(box[1]), round(box[2]), round(box[3]))
            draw.rectangle(_grown(inner, FRAME + 1), outline=_SHADE)
            _outline(draw, inner, box_colour(index))
    if item.note:
        top = place.bottom - line_height(SMALL) - GAP
        note = _line(item.note, place.left + GAP, top, place.width - 2 * GAP, SMALL, "white")
        draw.rectangle(_grown(_corners(note.place), 3), fill=_SHADE)
        _draw_words(draw, note)


def _draw_words(draw: ImageDraw.ImageDraw, item: Words) -> None:
    at = item.place.left, item.place.top + item.size
    draw.text(at, item.text, fill=item.colour, font=font_of(item.size, item.bold), anchor="ls")


def _outline(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: str) -> None:
    """Draw a frame around the pixels of a box."""
    draw.rectangle(_grown(box, FRAME), outline=colour, width=FRAME)


def _corners(place: Rectangle) -> tuple[int, int, int, int]:
    return place.left, place.top, place.right - 1, place.bottom - 1


def _grown(box: tuple[int, int, int, int], by: int) -> tuple[int, int, int, int]:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by
