"""The thin lens as a check of two estimates: defocus is affine in inverse depth.

    sigma(p) = |a (d(p) - f)|     d inverse depth, f that in focus, a the aperture

up to the limits of sigma. Fitted to an estimate of sigma on an estimate of depth, it is what the
two agree on. A picture that is blurred evenly (IVA) has no such law: it is a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from blindsr.imaging.rows_on_disk import Picture, Rows, bands

_GRID = 32  # focal planes that are tried
_REFITS = 6
_EPS = 1e-8
_PIXELS = 1 << 20  # in double precision at a time


class ThinLens(NamedTuple):
    """The fit of each picture, (N, 1, 1, 1) each: sigma = |slope * depth + offset|."""

    slope: Tensor
    """a, at least 0; 0 for an even blur."""
    offset: Tensor
    """-a f; the sigma itself for an even blur."""
    even: Tensor
    """True where a constant fits better than any focal plane."""

    def sigma(self, depth: Tensor) -> Tensor:
        """(N, 1, H, W) inverse depth -> sigma."""
        return (self.slope * depth + self.offset).abs()


@torch.no_grad()
def fit_thin_lens(depth: Picture, blur: Picture, weight: Picture | None = None) -> ThinLens:
    """Fit by weighted least squares: the best of 32 focal planes, then refined.

    For a fixed focal plane the sign of d - f is known, and the law is linear in a and a f: two
    unknowns in closed form. A new plane changes the signs; six rounds find those of exact data.

    Args:
        depth: (N, 1, H, W) inverse depth.
        blur: (N, 1, H, W) sigma to explain.
        weight: (N, 1, H, W), 0 or more; ``None`` weighs all pixels alike.
    """
    pixels = _Pixels(depth, blur, weight)
    focus = _best_plane(pixels)
    best, slope, offset = _fitted(pixels, focus)
    for _ in range(_REFITS):
        plane = torch.where(slope.abs() > _EPS, -offset / slope.where(slope.abs() > _EPS, 1), focus)
        error, new_slope, new_offset = _fitted(pixels, plane)
        better = error < best
        slope, offset = (
            torch.where(better, new, old) for new, old in ((new_slope, slope), (new_offset, offset))
        )
        best = torch.where(better, error, best)
    mean = pixels.mean(lambda _, k: k)
    spread = pixels.mean(lambda _, k: (k - mean).square())
    even = spread <= best + 1e-9 * (1 + mean.square())
    slope, offset = slope.masked_fill(even, 0), torch.where(even, mean, offset)
    slope, offset, even = (v.view(-1, 1, 1, 1) for v in (slope, offset, even))
    dtype = torch.float32 if isinstance(blur, Rows) else blur.dtype
    return ThinLens(slope.to(dtype), offset.to(dtype), even)


class _Pixels:
    """Weighted means over all pixels in double precision, some rows at a time."""

    def __init__(self, depth: Picture, blur: Picture, weight: Picture | None) -> None:
        self._maps = (depth, blur, torch.ones_like(blur) if weight is None else weight)
        self._total: Tensor | float = 1.0
        self._total = self.mean(lambda _, k: torch.ones_like(k)).clamp_min(_EPS)

    def range(self) -> tuple[Tensor, Tensor]:
        """Smallest and largest depth, (N, 1)."""
        ends = [torch.aminmax(part, dim=1, keepdim=True) for part in _parts(self._maps[0])]
        low, high = (torch.stack(end) for end in zip(*ends, strict=True))
        return low.amin(dim=0).double(), high.amax(dim=0).double()

    def mean(self, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """(N, 1) mean of a function of depth and blur, (N, pixels) each."""
        sums = []
        for part in zip(*map(_parts, self._maps), strict=True):
            d, k, w = (map_.double() for map_ in part)
            sums.append((w * of(d, k)).sum(dim=1, keepdim=True))
        return torch.stack(sums).sum(dim=0) / self._total


def _parts(map_: Picture) -> Iterable[Tensor]:
    """(N, pixels) of a map (N, 1, H, W), in the same order for all maps."""
    if isinstance(map_, Rows):
        return (map_.rows(rows).flatten(1) for rows in bands(map_))
    return map_.flatten(1).split(_PIXELS, dim=1)


def _best_plane(pixels: _Pixels) -> Tensor:
    """(N, 1) focal plane of the grid with the least error."""
    low, high = pixels.range()
    best, found = torch.full_like(low, torch.inf), low.clone()
    for share in torch.linspace(0, 1, _GRID).tolist():
        focus = low + share * (high - low)
        product = pixels.mean(partial(_product, focus))
        square = pixels.mean(partial(_square, focus))
        error = -product.square() / square.clamp_min(_EPS)  # and the same square of blur for all
        found, best = torch.where(error < best, focus, found), torch.minimum(error, best)
    return found


def _product(focus: Tensor, d: Tensor, k: Tensor) -> Tensor:
    return (d - focus).abs() * k


def _square(focus: Tensor, d: Tensor, k: Tensor) -> Tensor:
    del k
    return (d - focus).square()


def _fitted(pixels: _Pixels, focus: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Error, slope and offset (N, 1) with the signs of ``focus``: k = sign (slope d + offset)."""

    def signed(d: Tensor, k: Tensor) -> Tensor:
        return torch.where(d >= focus, k, -k)

    mean_d, mean_t = pixels.mean(lambda d, _: d), pixels.mean(signed)
    variance = pixels.mean(lambda d, _: (d - mean_d).square())
    slope = pixels.mean(lambda d, k: (d - mean_d) * signed(d, k)) / variance.clamp_min(_EPS)
    slope = slope.clamp_min(0)
    offset = mean_t - slope * mean_d
    error = pixels.mean(lambda d, k: ((slope * d + offset).abs() - k).square())
    return error, slope, offset
