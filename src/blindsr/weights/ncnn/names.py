"""Weights of ncnn by the names that programs of PyTorch know.

ncnn numbers its layers; their order is that in which Real-ESRGAN's networks use them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.errors import WeightsError

from .layers import Layer, read_layers

if TYPE_CHECKING:
    from torch import Tensor

_DENSE = 15
"""Convolutions of a block: three dense blocks of five."""
_AROUND = 4
"""Convolutions of an ESRGAN beside its blocks and enlargements: first, trunk, HR, last."""
_LARGEST_SCALE = 3
"""Enlargements by 2: x8."""


def named_weights(param: Path) -> dict[str, Tensor]:
    """Tensors of a network of the ESRGAN or of the compact family.

    Args:
        param: the ``.param``; the ``.bin`` lies beside it.

    Returns:
        Tensors by the names of Real-ESRGAN's checkpoints, or for an ESRGAN that does not enlarge
        four times by those of ESRGAN's first ones.

    Raises:
        FileError, WeightsError: as :func:`~blindsr.weights.ncnn.layers.read_layers`; or the layers
            are those of another family.
    """
    weighted = [layer for layer in read_layers(param) if layer.tensors]
    compact = any(layer.kind == "PReLU" for layer in weighted)
    names = _compact(weighted) if compact else _esrgan(len(weighted))
    if names is None:
        kinds = f"{len(weighted)} layers with weights"
        raise WeightsError(
            param,
            found=f"a network of another family ({kinds})",
            expected="one of the ESRGAN family (RRDB) or the compact one (convolution and PReLU)",
        )
    return {
        f"{name}.{part}": tensor
        for name, layer in zip(names, weighted, strict=True)
        for part, tensor in zip(("weight", "bias"), layer.tensors, strict=False)
    }


def _compact(weighted: list[Layer]) -> list[str] | None:
    """``body.0``, ``body.1``, ...: convolution and PReLU by turns, a convolution at the end."""
    kinds = [layer.kind for layer in weighted]
    turns = ["Convolution", "PReLU"] * (len(kinds) // 2) + ["Convolution"]
    return [f"body.{index}" for index in range(len(kinds))] if kinds == turns else None


def _esrgan(count: int) -> list[str] | None:
    blocks, enlargements = divmod(count - _AROUND, _DENSE)
    if blocks < 1 or enlargements > _LARGEST_SCALE:
        return None
    parts = [(b, r, c) for b in range(blocks) for r in (1, 2, 3) for c in (1, 2, 3, 4, 5)]
    if enlargements == 2:
        dense = [f"body.{block}.rdb{rdb}.conv{conv}" for block, rdb, conv in parts]
        return ["conv_first", *dense, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    dense = [f"model.1.sub.{block}.RDB{rdb}.conv{conv}.0" for block, rdb, conv in parts]
    larger = [f"model.{3 + 3 * index}" for index in range(enlargements)]
    after = 2 + 3 * enlargements
    return [
        "model.0",
        *dense,
        f"model.1.sub.{blocks}",
        *larger,
        f"model.{after}",
        f"model.{after + 2}",
    ]
