"""Which networks run on a picture, on which tiles, and whose maps they use."""

from __future__ import annotations

from typing import Any

from blindsr.inference.blur.in_box import blur_in_box
from blindsr.inference.blur.kept import Blend
from blindsr.inference.model import Estimator, Model
from blindsr.inference.pictures import Picture
from blindsr.inference.tiles.progress import Progress
from blindsr.inference.tiles.run import TiledRun
from blindsr.inference.tiles.sizes import TileChoice, check_tile, lay_tiles
from blindsr.inference.tiles.user_maps import user_maps

SR_BYTES = 38
"""Bytes per HR pixel of a strip of the SR image: three float32, 2.5 times while blending, and two
of its maps."""
MAP_BYTES = 18
"""Bytes per HR pixel of strips of maps: a float32 and a byte, up to three strips and a copy."""


def smallest_side(model: Model) -> int:
    """Shortest side of a picture that the networks of a model take, LR pixels."""
    networks = (model.estimator, model.upscaler)
    return max(network.needs.minimum for network in networks if network is not None)


def plan_run(
    model: Model,
    picture: Picture,
    tile: TileChoice,
    *,
    upscale: bool = True,
    maps: tuple[Any, Any] = (None, None),
    blend: Blend | None = None,
    on_progress: Progress | None = None,
) -> TiledRun:
    """Lay the tiles of one picture for every network that it needs.

    Args:
        model: what to run.
        picture: to run it on.
        tile: see :func:`~.sizes.lay_tiles`.
        upscale: ``False`` leaves the upscaler out.
        maps: ``blur`` and ``seg`` of a user, see :func:`~.user_maps.user_maps`.
        blend: what becomes of the upscaler's result; ``None`` leaves it as it is.
        on_progress: called with tiles done and tiles in all after every tile.

    Raises:
        ConfigError: if ``tile`` is wrong.
        DataError: if a map does not fit.
        WeightsError: if ``blend`` needs the estimator in the box and there is none.
    """
    tile, budget, hr = check_tile(tile), model.budget(), model.scale**2
    upscaler = model.upscaler if upscale else None
    looking = _looking(model, maps[0]) if blend is not None and blend.uses_blur else None
    own = model.estimator
    networks = (
        (own, MAP_BYTES * (hr if own is None or own.enlarged is None else 1)),
        (upscaler, SR_BYTES * hr),
        (looking, MAP_BYTES),
    )
    grids = [
        None
        if network is None
        else lay_tiles(picture.padded, network.needs, tile, budget, strip_bytes=size)
        for network, size in networks
    ]
    known = user_maps(picture, model.scale, *maps)
    look = None if looking is None or grids[2] is None else (looking, grids[2])
    return TiledRun(model, picture, grids[0], grids[1], known, blend, look, on_progress)


def _looking(model: Model, blur: object) -> Estimator | None:
    """The estimator that says where blur is kept; ``None`` if the maps of the result do."""
    own = model.estimator
    if blur is not None or (own is not None and own.sees_blur):
        return None
    return blur_in_box(model.device)
