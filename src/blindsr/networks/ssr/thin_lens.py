"""The thin lens as a check of two estimates: defocus is affine in inverse depth.

    sigma(p) = |a (d(p) - f)|     d inverse depth, f that in focus, a the aperture

up to the limits of sigma. Fitted to an estimate of sigma on an estimate of depth, it is what the
two agree on. A picture that is blurred evenly (IVA) has no such law: it is a constant.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_GRID = 32  # focal planes that are tried
_REFITS = 6
_EPS = 1e-8


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
def fit_thin_lens(depth: Tensor, blur: Tensor, weight: Tensor | None = None) -> ThinLens:
    """Fit by weighted least squares: the best of 32 focal planes, then refined.

    For a fixed focal plane the sign of d - f is known, and the law is linear in a and a f: two
    unknowns in closed form. A new plane changes the signs; six rounds find those of exact data.

    Args:
        depth: (N, 1, H, W) inverse depth.
        blur: (N, 1, H, W) sigma to explain.
        weight: (N, 1, H, W), 0 or more; ``None`` weighs all pixels alike.
    """
    d, k = (m.flatten(1).double() for m in (depth, blur))
    w = torch.ones_like(k) if weight is None else weight.flatten(1).double()
    w = w / w.sum(dim=1, keepdim=True).clamp_min(_EPS)
    focus = _best_plane(d, k, w)
    best, slope, offset = _fitted(d, k, w, focus)
    for _ in range(_REFITS):
        plane = torch.where(slope.abs() > _EPS, -offset / slope.where(slope.abs() > _EPS, 1), focus)
        error, new_slope, new_offset = _fitted(d, k, w, plane)
        better = error < best
        slope, offset = (
            torch.where(better, new, old) for new, old in ((new_slope, slope), (new_offset, offset))
        )
        best = torch.where(better, error, best)
    mean = (w * k).sum(dim=1)
    spread = (w * (k - mean[:, None]).square()).sum(dim=1)
    even = spread <= best + 1e-9 * (1 + mean.square())
    slope, offset = slope.masked_fill(even, 0), torch.where(even, mean, offset)
    slope, offset, even = (v.view(-1, 1, 1, 1) for v in (slope, offset, even))
    return ThinLens(slope.to(blur.dtype), offset.to(blur.dtype), even)


def _best_plane(d: Tensor, k: Tensor, w: Tensor) -> Tensor:
    """(N,) focal plane of the grid with the least error."""
    low, high = torch.aminmax(d, dim=1)
    best, found = torch.full_like(low, torch.inf), low.clone()
    for share in torch.linspace(0, 1, _GRID).tolist():
        focus = low + share * (high - low)
        u = (d - focus[:, None]).abs()
        slope = (w * u * k).sum(dim=1) / (w * u * u).sum(dim=1).clamp_min(_EPS)
        error = (w * (k - slope[:, None] * u).square()).sum(dim=1)
        found, best = torch.where(error < best, focus, found), torch.minimum(error, best)
    return found


def _fitted(d: Tensor, k: Tensor, w: Tensor, focus: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Error, slope and offset (N,) with the signs of ``focus``: k = sign (slope d + offset)."""
    sign = torch.where(d >= focus[:, None], 1.0, -1.0)
    target = sign * k
    mean_d, mean_t = (w * d).sum(dim=1), (w * target).sum(dim=1)
    away = d - mean_d[:, None]
    variance = (w * away.square()).sum(dim=1)
    slope = (w * away * target).sum(dim=1) / variance.clamp_min(_EPS)
    slope = slope.clamp_min(0)
    offset = mean_t - slope * mean_d
    error = (w * ((slope[:, None] * d + offset[:, None]).abs() - k).square()).sum(dim=1)
    return error, slope, offset
