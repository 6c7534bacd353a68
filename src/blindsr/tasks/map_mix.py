"""Blur maps that a restorer learns with: estimated, true and disturbed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from blindsr.errors import ConfigError

SOURCES = ("estimated", "truth", "disturbed")
_GRID = 4  # rows and columns of the coarse field that disturbs a map
_OCTAVES = 1.2  # largest mean disturbance
_OFFSET = 0.5  # HR pixels, so that maps of zero are disturbed too


def check_shares(shares: Mapping[str, float]) -> None:
    """Refuse shares of unknown sources, negative ones, and none at all.

    Raises:
        ConfigError: names the key.
    """
    for name, value in shares.items():
        if name not in SOURCES:
            raise ConfigError("model.map_mix", found=repr(name), expected=" or ".join(SOURCES))
        if not 0 <= value <= 1:
            raise ConfigError(
                f"model.map_mix.{name}", found=f"{value}", expected="a share from 0 to 1"
            )
    if not 0.999 < sum(shares.values()) < 1.001:
        raise ConfigError(
            "model.map_mix",
            found=f"a sum of {sum(shares.values()):g}",
            expected="shares that sum to 1",
        )


def mixed_maps(
    shares: Mapping[str, float],
    truth: Tensor,
    estimate: Tensor,
    blur_scale: Tensor,
    draws: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw for each picture where its map comes from.

    True maps come with an uncertainty of 0, disturbed ones with that of their disturbance.

    Args:
        shares: of :data:`SOURCES`, sum 1.
        truth: (N, 1, H, W) sigma in HR pixels.
        estimate: of the same shape.
        blur_scale: Laplace scale of the estimate, of the same shape.
        draws: where random numbers come from; ``None`` for torch's.

    Returns:
        Sigma and its Laplace scale, of the same shape.
    """
    chances = torch.tensor([shares.get(name, 0) for name in SOURCES], dtype=torch.float32)
    drawn = torch.multinomial(chances, len(truth), replacement=True, generator=draws)
    drawn = drawn.view(-1, 1, 1, 1).to(truth.device)
    disturbed, spread = _disturbed(truth, draws)
    blur = torch.where(drawn == 0, estimate, torch.where(drawn == 1, truth, disturbed))
    zero = torch.zeros_like(blur_scale)
    return blur, torch.where(drawn == 0, blur_scale, torch.where(drawn == 1, zero, spread))


def _disturbed(truth: Tensor, draws: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Multiply by a smooth field; its strength, drawn for each picture, is the uncertainty."""
    size = (len(truth), 1, _GRID, _GRID)
    options: dict[str, Any] = {"generator": draws, "dtype": torch.float32}
    strength = _OCTAVES * torch.rand(len(truth), 1, 1, 1, **options)
    coarse = torch.randn(size, **options) * strength
    field = interpolate(coarse, truth.shape[-2:], mode="bicubic")
    octaves, strength = field.to(truth), strength.to(truth)
    shifted = (truth + _OFFSET) * torch.exp2(octaves)
    # mean distance of a Gaussian of one octave per strength, as sigma has it there
    return (shifted - _OFFSET).clamp_min(0), 0.55 * strength * shifted
