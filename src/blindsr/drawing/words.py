"""Lines of text: measured, shortened and wrapped to a width in pixels."""

from __future__ import annotations

import math
import textwrap
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from blindsr.errors import printable

TITLE, HEADING, SMALL = 22, 17, 14
"""Heights of letters in pixels."""


def line_height(size: int) -> int:
    """From one line of text to the next, for letters of a height."""
    return math.ceil(1.25 * size)


def text_width(text: str, size: int, *, bold: bool = False) -> int:
    """Width of one line in pixels."""
    return math.ceil(font_of(size, bold).getlength(text))


def shorten(text: str, width: int, size: int, *, bold: bool = False) -> str:
    """Cut a line in its middle, so that it fits into a width."""
    if text_width(text, size, bold=bold) <= width:
        return text

    def cut(kept: int) -> str:
        return f"{text[: kept // 2]}…{text[len(text) - (kept + 1) // 2 :]}"

    # a letter more is wider: how many can be kept, by halving
    fitting = bisect_left(
        range(1, len(text)), True, key=lambda n: text_width(cut(n), size, bold=bold) > width
    )
    return cut(fitting)


def wrap(text: str, width: int) -> list[str]:
    """Break a heading into lines that fit into a width."""
    text = printable(text)
    narrowest = min((text_width(letter, HEADING) for letter in set(text)), default=1)
    letters = min(len(text), 2 * width // max(narrowest, 1))  # of more of them none fit, kerned
    while letters > 1:
        lines = textwrap.wrap(text, letters)
        if all(text_width(line, HEADING) <= width for line in lines):
            return lines
        letters = max(map(len, lines)) - 1  # with any number between these lines are the same
    return [text]


@lru_cache
def font_of(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """The letters of all drawings: those of matplotlib, which brings its own file."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
