"""One picture through one model: tile by tile, strip by strip.

The estimator and the upscaler have tiles of their own, because the attention of the one needs
larger multiples than that of the other. The estimator's strips of maps stay tensors on the model's
device and feed the upscaler's tiles: neither a picture of maps nor one of logits is ever held.
Where a network takes means over the whole picture they are collected first, in :data:`ROUNDS`
rounds over the tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsr.imaging.rows_on_disk import Picture as Pixels
from blindsr.imaging.rows_on_disk import bands, mapped, rows_of
from blindsr.imaging.tiling import Grid, Planes, RollingRows, Tile, blend
from blindsr.inference.blur.in_box import EnlargedRows
from blindsr.inference.blur.kept import Blend
from blindsr.inference.model import Estimator, Model, Upscaler
from blindsr.inference.pictures import Picture
from blindsr.inference.results import Strip
from blindsr.inference.tiles.cover import Within, by_pixel, parts_of, run_parts
from blindsr.inference.tiles.map_rows import MapRows, rows_or_none
from blindsr.inference.tiles.progress import Progress
from blindsr.networks.blocks.whole_picture import Frame, PictureMeans
from blindsr.types import Estimate

ROUNDS = 1
_ROWS = 256  # of maps, handed out at a time where they are enlarged


@dataclass
class TiledRun:
    """The computation of one picture; used once, by one thread.

    Attributes:
        model: what to run.
        picture: to run it on.
        estimating: tiles of the estimator; ``None`` leaves it out.
        upscaling: tiles of the upscaler; ``None`` leaves it out.
        told: maps of a user, instead of the estimator's.
        blend: what becomes of the upscaler's result; ``None`` leaves it as it is.
        look: estimator and tiles of blur for ``blend``, where neither ``told`` nor the model
            tells it; its maps have the size of the picture.
        on_progress: called with tiles done and tiles in all after every tile.
    """

    model: Model
    picture: Picture
    estimating: Grid | None
    upscaling: Grid | None
    told: MapRows | None = None
    blend: Blend | None = None
    look: tuple[Estimator, Grid] | None = None
    on_progress: Progress | None = None
    _means: PictureMeans = field(default_factory=PictureMeans)
    _done: int = 0

    def strips(self, *, maps: bool) -> Iterator[Strip]:
        """Run it; ``maps`` keeps the maps beside the SR image, the model's or those of ``look``."""
        self._leave_out_needless_maps(maps)
        for _ in range(self._rounds):
            for _ in self._record():
                pass
            self._means.finish_round()
        if self.upscaling is None:
            for top, estimated in self._own_strips():
                yield self._strip(top, None, estimated)
            return
        rows = self._map_rows(recording=False)
        blur: MapRows | None = rows
        if self.look is not None:
            blur = self._look_rows(*self.look)
        for top, made in self._upscaled(self.upscaling, rows, blur):
            sr = made["sr"].numpy()
            np.clip(sr, 0, 1, out=sr)
            seen = rows_or_none(blur, top, top + len(sr)) if maps or self.blend is not None else {}
            removed = self._blend_in(top, sr, seen.get("blur"))
            if rows is not None and self.look is not None and maps:
                seen = rows_or_none(rows, top, top + len(sr))
            yield self._strip(top, sr, seen if maps else {}, removed)
            del made, sr, seen, removed  # before the next strip takes as much

    def _upscaled(
        self, grid: Grid, rows: MapRows | None, blur: MapRows | None
    ) -> Iterator[tuple[int, Planes]]:
        """Strips of ``sr``; what ``blend`` does not use of it, as ``blur`` tells, may be zero."""
        upscaler = self.model.upscaler
        assert upscaler is not None
        if upscaler.needs.whole:
            run = upscaler.run
            return self._whole(upscaler, grid, lambda lr: {"sr": mapped(Tensor.cpu, run(lr))})
        return blend(grid, self.model.scale, lambda tile: self._upscale(tile, rows, blur))

    def _whole(
        self,
        network: Estimator | Upscaler,
        grid: Grid,
        run: Callable[[Tensor], dict[str, Pixels]],
    ) -> Iterator[tuple[int, Planes]]:
        """Strips of what a network that sees the picture whole makes, which may lie on disk."""
        (tile,) = grid
        with self.model.running(network, None):
            made = run(self.picture.tile(tile, self.model.device))
        self._count()
        for rows in bands(next(iter(made.values()))):
            yield rows.start, {n: _channels_last(rows_of(p, rows).float()) for n, p in made.items()}

    def _leave_out_needless_maps(self, maps: bool) -> None:
        """A network that restores from LR alone needs no run of its own for maps nobody sees."""
        upscaler, blend = self.model.upscaler, self.blend
        restores_alone = self.upscaling is not None and upscaler is not None and not upscaler.uses
        seen = maps or (blend is not None and blend.uses_blur and self.look is None)
        if restores_alone and not seen:
            self.estimating = None

    def _own_strips(self) -> Iterator[tuple[int, Planes]]:
        """Strips of the maps at HR size."""
        assert self.estimating is not None
        assert self.model.estimator is not None
        if self.model.estimator.enlarged is None:
            yield from self._estimate_own()
            return
        rows, height = self._map_rows(recording=False), self.model.scale * self.estimating.size[0]
        for top in range(0, height, _ROWS):
            yield top, rows_or_none(rows, top, min(top + _ROWS, height))

    def _look_rows(self, estimator: Estimator, grid: Grid) -> MapRows:
        assert self.blend is not None
        rows = RollingRows(self._estimate(estimator, grid, 1))
        return EnlargedRows(rows, grid.size, self.model.scale, self.blend.phase)

    def _blend_in(
        self, top: int, sr: NDArray[np.float32], blur: Tensor | None
    ) -> NDArray[np.float32] | None:
        if self.blend is None:
            return None
        seen = None if blur is None else blur.cpu().numpy()
        removed = self.blend.apply(self.picture, top, sr, seen)
        drawn = None if self.model.upscaler is None else self.model.upscaler.samples
        if removed is not None and drawn is not None:
            removed *= np.float32(drawn.removed_share)
        return removed

    @property
    def _rounds(self) -> int:
        """Rounds that collect means: none where every network sees the picture whole."""
        if self._collects(self.estimating, self.model.estimator):
            return ROUNDS
        return 1 if self._collects(self.upscaling, self.model.upscaler) else 0

    @staticmethod
    def _collects(grid: Grid | None, network: Any) -> bool:
        return grid is not None and len(grid) > 1 and network.needs.picture_means

    @property
    def total(self) -> int:
        """Tiles that will be computed, those of the rounds included."""
        estimated = 0 if self.estimating is None else len(self.estimating)
        upscaled = 0 if self.upscaling is None else len(self.upscaling)
        recorded = upscaled if self._collects(self.upscaling, self.model.upscaler) else 0
        looked = 0 if self.look is None else len(self.look[1])
        return self._rounds * (estimated + recorded) + estimated + upscaled + looked

    def _record(self) -> Iterator[None]:
        """One round over all tiles, for their means."""
        if not self._collects(self.upscaling, self.model.upscaler):
            yield from (None for _ in self._estimate_own(recording=True))
            return
        rows = self._map_rows(recording=True)
        assert self.upscaling is not None
        assert rows is not None
        for tile in self.upscaling:
            self._condition(tile, rows)
            yield

    def _map_rows(self, *, recording: bool) -> MapRows | None:
        if self.told is not None:
            return self.told
        if self.estimating is None:
            return None
        rows = RollingRows(self._estimate_own(recording=recording))
        own = self.model.estimator
        assert own is not None
        if own.enlarged is None:
            return rows
        return EnlargedRows(rows, self.estimating.size, self.model.scale, own.enlarged)

    def _estimate_own(self, *, recording: bool = False) -> Iterator[tuple[int, Planes]]:
        assert self.estimating is not None
        assert self.model.estimator is not None
        own = self.model.estimator
        scale = self.model.scale if own.enlarged is None else 1
        return self._estimate(own, self.estimating, scale, recording=recording)

    def _estimate(
        self, estimator: Estimator, grid: Grid, scale: int, *, recording: bool = False
    ) -> Iterator[tuple[int, Planes]]:
        """Strips of the maps that an estimator gives, ``scale`` times the size of the picture."""
        if estimator.needs.whole:
            yield from self._whole(estimator, grid, lambda lr: _blur_of(estimator.run(lr)))
            return

        def compute(tile: Tile) -> Planes:
            with self.model.running(estimator, self._frame(tile, grid, recording)):
                estimate = estimator.run(self.picture.tile(tile, self.model.device))
                maps = {name: _channels_last(map_) for name, map_ in _blur_of(estimate).items()}
                if estimate.seg_logits is not None:
                    seg = estimate.seg_logits.argmax(dim=1, keepdim=True)
                    maps["seg"] = _channels_last(seg.to(torch.uint8))
            self._count()
            return {name: map_ for name, map_ in maps.items() if name in estimator.gives}

        yield from blend(grid, scale, compute, owned=("seg",))

    def _upscale(self, tile: Tile, rows: MapRows | None, blur: MapRows | None) -> Planes:
        """``sr``, on the CPU: where it goes from here, no network looks at it any more."""
        grid, upscaler = self.upscaling, self.model.upscaler
        assert grid is not None
        assert upscaler is not None
        seen_here = self._rows_in(tile, rows) if upscaler.uses else {}
        maps = self._tile_maps(seen_here)

        def run(part: Tile, seen: Within) -> Tensor:
            with self.model.running(upscaler, self._frame(part, grid, recording=False)):
                lr = self.picture.tile(part, self.model.device)
                own = {name: map_[(..., *seen)] for name, map_ in maps.items()}
                return _channels_last(upscaler.run(lr, **own).float()).cpu()

        known = seen_here if blur is rows else {}
        sr = run_parts(tile, self._parts(tile, blur, known), self.model.scale, run)
        self._count()
        return {"sr": sr}

    def _parts(self, tile: Tile, blur: MapRows | None, known: Planes) -> list[Tile]:
        """The parts of a tile that ``blend`` uses, where the network may compute them alone.

        ``known`` are the rows of ``blur`` in the tile, where they have been asked for already.
        """
        assert self.model.upscaler is not None
        context, scale = self.model.upscaler.needs.context, self.model.scale
        if context is None or blur is None or self.blend is None or not self.blend.keep:
            return [tile]
        seen = (known or self._rows_in(tile, blur))["blur"].cpu().numpy()
        # one value of each pixel tells sooner where nothing can be left out
        if parts_of(tile, self.blend.uses_model(seen[::scale, ::scale]), context) == [tile]:
            return [tile]
        return parts_of(tile, by_pixel(self.blend.uses_model, seen, scale), context)

    def _condition(self, tile: Tile, rows: MapRows) -> None:
        """Run only the part that takes means over the whole picture."""
        grid, upscaler = self.upscaling, self.model.upscaler
        assert grid is not None
        assert upscaler is not None
        assert upscaler.condition is not None
        maps = self._tile_maps(self._rows_in(tile, rows)) if upscaler.uses else {}
        with self.model.running(upscaler, self._frame(tile, grid, recording=True)):
            upscaler.condition(**maps)
        self._count()

    def _rows_in(self, tile: Tile, rows: MapRows | None) -> Planes:
        """Maps of a tile by name, as ``rows`` hands them out."""
        height, columns = (
            slice(self.model.scale * span.start, self.model.scale * span.stop) for span in tile
        )
        return rows_or_none(rows, height.start, height.stop, columns)

    def _tile_maps(self, planes: Planes) -> dict[str, Tensor]:
        """Maps of a tile that the upscaler uses, by name.

        ``blur`` and ``blur_scale`` are (1, 1, s*h, s*w), ``seg`` is (1, s*h, s*w).
        """
        upscaler = self.model.upscaler
        assert upscaler is not None
        found = {}
        for name, map_ in planes.items():
            part = map_.contiguous().to(self.model.device)
            if name == "seg":
                found["seg"] = part[None, :, :, 0].long()
                continue
            for one, channel in zip(("blur", "blur_scale"), part.unbind(dim=2), strict=False):
                found[one] = channel[None, None]
        if "blur" in found and upscaler.told_max is not None:
            found["blur"] = found["blur"].clamp(max=upscaler.told_max)
        return {name: map_ for name, map_ in found.items() if name in upscaler.uses}

    def _frame(self, tile: Tile, grid: Grid, recording: bool) -> Frame | None:
        """A tile that is the whole picture needs none: the plain network runs."""
        return Frame(tile, grid.size, self._means, recording) if len(grid) > 1 else None

    def _count(self) -> None:
        self._done += 1
        if self.on_progress is not None:
            self.on_progress(self._done, self.total)

    def _strip(
        self,
        top: int,
        sr: NDArray[np.float32] | None,
        maps: Planes,
        removed: NDArray[np.float32] | None = None,
    ) -> Strip:
        """Cut off the mirrored padding of a small picture."""
        height, width = (self.model.scale * side for side in self.picture.size)
        keep = slice(0, max(0, height - top)), slice(0, width)
        shown = {name: map_[keep].cpu().numpy() for name, map_ in maps.items()}
        blur, seg = shown.get("blur"), shown.get("seg")
        sr, removed = (None if map_ is None else map_[keep] for map_ in (sr, removed))
        return Strip(
            top,
            sr,
            None if blur is None else blur[..., 0],
            None if seg is None else seg[..., 0],
            removed,
            None if blur is None or blur.shape[2] == 1 else blur[..., 1],
        )


def _blur_of(estimate: Estimate) -> dict[str, Pixels]:
    """``blur`` (1, 1 or 2, H, W): sigma, and the scale of its error where it is told."""
    maps = [map_ for map_ in (estimate.blur, estimate.blur_scale) if map_ is not None]
    if not maps:
        return {}
    return {"blur": mapped(lambda *found: torch.cat([m.float() for m in found], dim=1), *maps)}


def _channels_last(x: Tensor) -> Tensor:
    """(1, C, H, W) -> (H, W, C)."""
    return x[0].permute(1, 2, 0).contiguous()
