"""A model that is ready to run: up to two networks and their tile needs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from blindsr.inference.sampling import SampledRun
from blindsr.networks.blocks.whole_picture import Frame, framed
from blindsr.networks.tile_needs import TileNeeds
from blindsr.types import DataFacts, Estimate

Precision = Literal["auto", "float32", "bf16", "fp16"]
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Names of what is not float32."""
BUDGET = 650_000_000
"""Bytes that a tile, and the strip that it belongs to, may take on a CPU: with the libraries, the
picture and what the C library keeps, 12 megapixels stay below 2 GB."""
GPU_BUDGET = 8_000_000_000
"""Bytes that a tile may take at most on an accelerator: larger tiles gain nothing."""


@dataclass(frozen=True)
class Estimator:
    """A network that maps an LR image to sigma and classes."""

    run: Callable[[Tensor], Estimate]
    needs: TileNeeds
    gives: tuple[str, ...]
    """The parts of :class:`~blindsr.types.Estimate` that it has."""
    sees_blur: bool = False
    """It estimates its own error and covers wide blur, so that it may decide which blur is kept."""
    enlarged: float | None = None
    """Where LR pixel 0 lies in HR pixels, if its maps have the size and the pixels of the picture,
    which take 1 / scale^2 of the memory; they are enlarged where they are used."""


@dataclass(frozen=True)
class Upscaler:
    """A network that maps an LR image, and the maps that it uses, to an SR image."""

    run: Callable[..., Tensor]
    """``run(lr, **maps)``, the maps by the names in ``uses``."""
    needs: TileNeeds
    uses: tuple[str, ...] = ()
    """Of ``blur``, ``blur_scale`` and ``seg``."""
    told_max: float | None = None
    """Sigma in HR pixels at which its map is clipped."""
    condition: Callable[..., object] | None = None
    """Its part that takes means over the whole picture, run alone to collect them."""
    samples: SampledRun | None = None
    """It draws samples: ``run`` is this."""
    told: Upscaler | None = None
    """Its restorer alone, which is told maps; ``None`` where this is it."""
    auto: Precision = "float32"
    """What precision ``"auto"`` is, on the device where it is."""


@dataclass(frozen=True)
class Model:
    """A model opened from a file.

    Attributes:
        title: name of the architecture.
        origin: where the weights were read.
        scale: HR size over LR size.
        device: where the networks are.
        precision: of the computation; ``"auto"`` leaves it to each network.
        estimator: or ``None``.
        upscaler: or ``None``.
        sigma_max: largest sigma of the training data in HR pixels, where it is known.
        num_classes: of the class map, where there is one.
        class_names: empty where the file has none.
        trained_for: what the file says that it was trained for, or nothing.
        facts: of the training data, where the file says them.
        untrusted_maps: why the file says that its maps are not to be shown, or nothing.
    """

    title: str
    origin: str
    scale: int
    device: torch.device
    precision: Precision = "auto"
    estimator: Estimator | None = None
    upscaler: Upscaler | None = None
    sigma_max: float | None = None
    num_classes: int | None = None
    class_names: tuple[str, ...] = ()
    trained_for: str = ""
    facts: DataFacts | None = None
    untrusted_maps: str = ""

    def running(self, network: Estimator | Upscaler, frame: Frame | None) -> ExitStack:
        """Context of one forward pass: no gradients, the precision, the place of the tile."""
        stack = ExitStack()
        stack.enter_context(torch.inference_mode())
        stack.enter_context(framed(frame))
        precision = self.precision_of(network)
        if precision in HALF:
            stack.enter_context(torch.autocast(self.device.type, HALF[precision]))
        return stack

    def precision_of(self, network: Estimator | Upscaler) -> Precision:
        """The precision that a network computes in, not ``"auto"``; maps need many digits."""
        if self.precision != "auto":
            return self.precision
        return network.auto if isinstance(network, Upscaler) else "float32"

    def budget(self) -> int:
        """Bytes that a tile may take."""
        if self.device.type != "cuda":
            return BUDGET
        free, _ = torch.cuda.mem_get_info(self.device)
        return min(GPU_BUDGET, int(0.5 * free))
