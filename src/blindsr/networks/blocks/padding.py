"""Padding for networks that take only some image sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import pad

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def any_size(
    network: Callable[[Tensor], Tensor],
    lr: Tensor,
    *,
    scale: int,
    multiple: int = 1,
    minimum: int = 1,
) -> Tensor:
    """Mirror an image at its right and bottom edge until the network takes it; cut off the rest.

    Args:
        network: (N, C, h, w) -> (N, C, s*h, s*w).
        lr: (N, C, h, w) of any size.
        scale: s.
        multiple: h and w must be multiples of this.
        minimum: smallest h and w.

    Returns:
        (N, C, s*h, s*w).
    """
    height, width = lr.shape[-2:]
    padded = lr
    while (missing := _missing(padded, multiple, minimum)) != (0, 0):
        # a mirror holds one pixel less than the image, so tiny images need several
        rows, columns = (
            min(m, size - 1) for m, size in zip(missing, padded.shape[-2:], strict=True)
        )
        mode = "reflect" if rows or columns else "replicate"
        if mode == "replicate":  # one pixel wide: there is nothing to mirror
            rows, columns = missing
        padded = pad(padded, (0, columns, 0, rows), mode=mode)
    return network(padded)[..., : scale * height, : scale * width]


def _missing(image: Tensor, multiple: int, minimum: int) -> tuple[int, int]:
    height, width = (
        max(-(-size // multiple) * multiple, -(-minimum // multiple) * multiple) - size
        for size in image.shape[-2:]
    )
    return height, width
