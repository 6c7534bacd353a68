"""Maps of a picture that are handed out by row."""

from __future__ import annotations

from typing import Protocol

from blindsr.imaging.tiling import ALL_COLUMNS, Planes


class MapRows(Protocol):
    """Maps by row."""

    def rows(self, start: int, stop: int, columns: slice = ALL_COLUMNS) -> Planes:
        """Some rows, or a part of them, of the maps by name.

        ``blur`` is float32 (rows, s*W, 1 or 2), sigma in HR pixels and the scale of its error, and
        ``seg`` uint8 (rows, s*W, 1).
        """
        ...


def rows_or_none(
    rows: MapRows | None, start: int, stop: int, columns: slice = ALL_COLUMNS
) -> Planes:
    """Rows ``start`` to ``stop`` of the maps, if there are any."""
    return {} if rows is None else rows.rows(start, stop, columns)
