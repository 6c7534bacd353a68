"""The losses of one branch of PBaSR, by name, without their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

from blindsr.errors import ConfigError

from .lpips import LPIPSLoss
from .perceptual import PerceptualLoss
from .pixel import pixel_l1

if TYPE_CHECKING:
    from collections.abc import Callable

NEEDED = {"perceptual": "vgg19-dcbb9e9d.pth", "lpips": "vgg16-397923af.pth"}
"""The file of torchvision that a loss is computed with."""
OPTIONS = {"perceptual": "vgg19", "lpips": "vgg16"}
"""The option that names it."""


class BranchLosses(nn.Module):
    """L1, VGG features and LPIPS between SR and HR, as far as they have a weight.

    Args:
        weights: weight by name; ``pixel``, ``perceptual`` and ``lpips`` are looked at.
        vgg19: torchvision's VGG19 file, for ``perceptual``.
        vgg16: torchvision's VGG16 file, for ``lpips``.

    Raises:
        ConfigError: if a loss has a weight and no file.
        FileError, WeightsError: if a file is missing or holds another network.
    """

    def __init__(
        self, weights: Mapping[str, float], *, vgg19: str | None = None, vgg16: str | None = None
    ) -> None:
        super().__init__()
        files = {"perceptual": vgg19, "lpips": vgg16}
        self.parts: dict[str, Callable[[Tensor, Tensor], Tensor]] = {}
        if weights.get("pixel"):
            self.parts["pixel"] = pixel_l1
        for name, path in files.items():
            if not weights.get(name):
                continue
            if path is None:
                raise ConfigError(
                    f"model.losses.{name}",
                    found=f"{weights[name]:g} without a file",
                    expected=f"torchvision's {NEEDED[name]} beside it",
                    fix=f"Set --model.{OPTIONS[name]} to its path, or the weight to 0.",
                )
            # a bound method in a dictionary: the frozen network is no part of a checkpoint
            loss = PerceptualLoss(path) if name == "perceptual" else LPIPSLoss(path)
            self.parts[name] = loss.forward

    def forward(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Losses by name; both images (N, 3, H, W) sRGB in [0, 1], SR not clipped."""
        return {name: loss(sr, hr) for name, loss in self.parts.items()}
