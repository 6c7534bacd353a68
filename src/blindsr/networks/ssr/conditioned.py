"""Denoiser and AMF as one network of any size, and the same in tiles."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad

from blindsr.imaging.rows_on_disk import Picture

from .amf import AMF, MULTIPLE, Fusion, Modalities
from .denoiser import REACH, PixelDenoiser
from .in_tiles import Tiling, in_tiles


class ConditionedDenoiser(nn.Module):
    """x_t and the modalities -> x_0.

    Args:
        scale: HR size over LR size, 2 or 4.
        steps: of the diffusion.
        width: channels at half of HR size; twice as many at a quarter.
        blocks: residual blocks of each level.
        modalities: see :class:`~blindsr.networks.ssr.amf.AMF`.
        fusion: of the modalities.
    """

    def __init__(
        self,
        *,
        scale: int,
        steps: int,
        width: int,
        blocks: int,
        modalities: tuple[str, ...],
        fusion: Fusion,
    ) -> None:
        super().__init__()
        widths = (width, 2 * width)
        self.scale = scale
        self.amf = AMF(
            scale=scale, steps=steps, widths=widths, modalities=modalities, fusion=fusion
        )
        self.denoiser = PixelDenoiser(steps=steps, widths=widths, blocks=blocks)

    def forward(self, x: Tensor, start: Tensor, told: Modalities, t: Tensor) -> Tensor:
        """Predict x_0.

        Args:
            x: (N, 3, H, W) x_t.
            start: (N, 3, H, W) enlarged LR.
            told: the modalities.
            t: (N,) step, 1..T.

        Returns:
            (N, 3, H, W).
        """
        height, width = x.shape[2:]
        lr_multiple = MULTIPLE // self.scale
        told = Modalities(padded(told.lr, lr_multiple), *(padded(m, MULTIPLE) for m in told[1:]))
        x, start = padded(x, MULTIPLE), padded(start, MULTIPLE)
        whole = self.denoiser(x, start, t, self.amf(told, t))
        return whole[..., :height, :width]

    def in_tiles(
        self, x: Picture, start: Picture, told: Modalities, t: Tensor, *, tile: int
    ) -> Picture:
        """The same values, one tile of ``tile`` HR pixels after the other."""
        side = max(MULTIPLE, tile // MULTIPLE * MULTIPLE)

        def part(lr: Tensor, x: Tensor, start: Tensor, *maps: Tensor) -> Tensor:
            return self(x, start, Modalities(lr, *maps), t)

        tiling = Tiling(side, REACH, MULTIPLE)
        return in_tiles(part, tiling, self.scale, told.lr, x, start, *told[1:])


def padded(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until the sides are multiples."""
    missing = [-size % multiple for size in image.shape[2:]]
    return pad(image, (0, missing[1], 0, missing[0]), mode="replicate") if any(missing) else image
