"""Tables of scores that show themselves, in Jupyter as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rich.table import Table

from .score_rows import Row, as_cells, as_markdown, as_table, chosen, footnotes, is_single


@dataclass(frozen=True)
class ScoreSheet:
    """Rows with a title, which show themselves in Jupyter and in a terminal.

    Attributes:
        rows: see :func:`rows_of`; or made one by one.
        title: above them.
    """

    rows: Sequence[Row]
    title: str = ""

    def _repr_html_(self) -> str:
        """For Jupyter: a table."""
        return as_html(list(self.rows), self.title)

    def __rich__(self) -> Table:
        """For rich's ``print``."""
        return as_table(list(self.rows), self.title)

    def __str__(self) -> str:
        return as_markdown(list(self.rows), self.title)


def as_html(rows: list[Row], title: str) -> str:
    """The same as a table of HTML; numbers to the right, regions below their group."""
    shown = chosen(rows)
    titles, cells = as_cells(shown)
    words = 1 if is_single(shown) else 2
    lines = [_html_line("th", titles, words), *(_html_line("td", line, words) for line in cells)]
    notes = "".join(f"<br>{escape(note)}" for note in footnotes(shown))
    caption = f"<caption><b>{escape(title)}</b>{notes}</caption>" if title or notes else ""
    return f"<table>{caption}{''.join(lines)}</table>"


def _html_line(tag: str, cells: Sequence[str], words: int) -> str:
    sides = ["left"] * words + ["right"] * (len(cells) - words)
    made = (
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
        for side, cell in zip(sides, cells, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"
