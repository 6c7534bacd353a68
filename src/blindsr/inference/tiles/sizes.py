"""Choose the size of tiles by what a network needs and the memory."""

from __future__ import annotations

from typing import Literal

from blindsr.errors import ConfigError
from blindsr.imaging.tiling import Grid, round_up, split
from blindsr.networks.tile_needs import TileNeeds

TileChoice = int | Literal["auto"]


def check_tile(tile: object) -> TileChoice:
    """Return a valid choice of tile, or refuse it.

    Raises:
        ConfigError: if it is neither ``"auto"`` nor an integer of at least 0.
    """
    if tile == "auto":
        return "auto"
    if isinstance(tile, int) and not isinstance(tile, bool) and tile >= 0:
        return tile
    raise ConfigError("tile", found=repr(tile), expected="'auto', 0 (no tiles) or LR pixels > 0")


def lay_tiles(
    size: tuple[int, int],
    needs: TileNeeds,
    tile: TileChoice,
    budget: int,
    *,
    strip_bytes: int = 0,
) -> Grid:
    """Tiles of a picture for one network.

    Args:
        size: height and width of the picture.
        needs: of the network.
        tile: rows and columns from one tile to the next, rounded up to what the network needs;
            ``"auto"`` chooses by ``budget``; 0 makes one tile.
        budget: bytes that a tile and the strip of results that it belongs to may take.
        strip_bytes: of the strip, per LR pixel.
    """
    if tile == 0 or needs.whole:
        step = None
    elif tile == "auto":
        step = _step_for(size, needs, budget, strip_bytes)
    else:
        step = (tile, tile)
    return split(size, step, overlap=needs.overlap, multiple=needs.multiple, ramp=needs.ramp)


def _step_for(
    size: tuple[int, int], needs: TileNeeds, budget: int, strip_bytes: int
) -> tuple[int, int] | None:
    """The step whose tiles see fewest pixels twice, of those that keep to the budget."""
    if size[0] * size[1] * (needs.bytes_per_pixel + strip_bytes) <= budget:
        return None
    (down, right), overlap = needs.multiple, needs.overlap
    best, best_share = (down, right), 0.0
    for rows in range(round_up(overlap, down), size[0] + down, down):
        seen_rows = min(size[0], rows + overlap)
        for_row = budget // seen_rows - strip_bytes * size[1]
        columns = (for_row // needs.bytes_per_pixel - overlap) // right * right
        if columns < overlap:
            break
        columns = min(columns, round_up(size[1], right))
        seen = seen_rows * min(size[1], columns + overlap)
        share = min(rows, size[0]) * min(columns, size[1]) / seen
        if share > best_share:
            best, best_share = (rows, columns), share
    return best
