"""Published training settings of PBaSR's three anchor networks, by name.

The paper keeps each anchor's own strategy and prints no weights; these are the anchors' published
training settings (Real-ESRGAN, FeMaSR's LQ stage; for SRFormer's unpublished one those of SwinIR).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from blindsr.errors import ConfigError

RecipeName = Literal["esrgan", "femasr", "srformer"]
LOSSES = ("pixel", "perceptual", "lpips", "codebook", "gan")


class Recipe(NamedTuple):
    """Loss weights and optimiser settings of a training."""

    losses: Mapping[str, float]
    """Weight by name, see :data:`LOSSES`: L1, VGG19 features, LPIPS-VGG, FeMaSR's codes, GAN."""
    learning_rate: float
    """Adam of the restorers."""
    discriminator_learning_rate: float
    betas: tuple[float, float]
    frozen: tuple[str, ...] = ()
    """Parameters with one of these words in their name are not trained."""


RECIPES: dict[str, Recipe] = {
    "esrgan": Recipe(
        {"pixel": 1.0, "perceptual": 1.0, "lpips": 0.0, "codebook": 0.0, "gan": 0.1},
        1e-4,
        1e-4,
        (0.9, 0.99),
    ),
    "femasr": Recipe(
        {"pixel": 1.0, "perceptual": 0.0, "lpips": 1.0, "codebook": 1.0, "gan": 0.1},
        1e-4,
        4e-4,
        (0.9, 0.99),
        frozen=("quantize", "decoder", "after_quant_group", "out_conv"),
    ),
    "srformer": Recipe(
        {"pixel": 1.0, "perceptual": 1.0, "lpips": 0.0, "codebook": 0.0, "gan": 0.1},
        1e-4,
        1e-4,
        (0.9, 0.999),
    ),
}


def merged_losses(recipe: str, changes: Mapping[str, float] | None) -> dict[str, float]:
    """Weights of a recipe, single ones replaced.

    Raises:
        ConfigError: for a recipe or a loss that does not exist, or a negative weight.
    """
    if recipe not in RECIPES:
        raise ConfigError("model.recipe", found=recipe, expected=f"one of {', '.join(RECIPES)}")
    for name, weight in (changes or {}).items():
        if name not in LOSSES:
            raise ConfigError("model.losses", found=name, expected=f"one of {', '.join(LOSSES)}")
        if weight < 0:
            raise ConfigError(f"model.losses.{name}", found=str(weight), expected="0 or more")
    return {**RECIPES[recipe].losses, **(changes or {})}
