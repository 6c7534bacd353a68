"""Proves that a network computes what the layers of a ``.param`` say, on one small picture.

The names of the weights follow from their order alone; another factor in front of a sum or another
slope would go unseen. So the layers are computed one by one as ncnn defines them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from blindsr.errors import WeightsError

from .layers import Layer, read_layers

if TYPE_CHECKING:
    from torch import Tensor

_SIDE = 8  # pixels of the picture
_TOLERANCE = 1e-3
_MODES = {1: "nearest", 2: "bilinear", 3: "bicubic"}


def prove(param: Path, run: Callable[[Tensor], Tensor]) -> float:
    """Compare a network with the layers.

    A last layer that makes the result smaller is left out: the network is the one before it.

    Args:
        param: the ``.param``.
        run: (1, 3, h, w) in [0, 1] -> (1, 3, s*h, s*w).

    Returns:
        By what share of its side the last layer makes the result smaller, 1 for none.

    Raises:
        WeightsError: the results differ, or a layer is of a kind that is not known here.
    """
    layers = read_layers(param)
    reduction = 1.0
    if layers[-1].kind == "Interp" and layers[-1].option(1, 1) < 1:
        reduction = layers.pop().option(1, 1)
    lr = torch.rand((1, 3, _SIDE, _SIDE), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs, ours = _compute(layers, lr, param), run(lr)
    if theirs.shape != ours.shape or not torch.allclose(theirs, ours, atol=_TOLERANCE):
        raise WeightsError(
            param,
            found="layers that compute something else than the network their weights make",
            expected="a network of the ESRGAN or the compact family as Real-ESRGAN defines it",
        )
    return reduction


def _compute(layers: list[Layer], lr: Tensor, param: Path) -> Tensor:
    """The result of the last layer."""
    blobs: dict[str, Tensor] = {}
    made = lr
    for layer in layers:
        if layer.kind == "Input":
            blobs[layer.outputs[0]] = lr
            continue
        compute = _KINDS.get(layer.kind)
        if compute is None or not all(name in blobs for name in layer.inputs):
            raise WeightsError(
                param,
                found=f"a layer of the kind {layer.kind} ({layer.name})",
                expected=f"of {', '.join(_KINDS)}",
                fix="Only networks of the ESRGAN and the compact family are read.",
            )
        made = compute(layer, [blobs[name] for name in layer.inputs])
        blobs.update(dict.fromkeys(layer.outputs, made))
    return made


def _convolution(layer: Layer, given: list[Tensor]) -> Tensor:
    weight, bias = (*layer.tensors, None)[:2]
    assert weight is not None
    stride, dilation, padding = (int(layer.option(*option)) for option in ((3, 1), (2, 1), (4, 0)))
    made = functional.conv2d(given[0], weight, bias, stride, padding, dilation)
    slope = {0: 1.0, 1: 0.0, 2: layer.option(10, 0)}.get(int(layer.option(9, 0)))
    return made * torch.nan if slope is None else functional.leaky_relu(made, slope)


def _scaled_sum(layer: Layer, given: list[Tensor]) -> Tensor:
    factors = layer.options.get(1, [1.0] * len(given))
    product = int(layer.option(0, 0)) != 1
    made = sum(factor * one for factor, one in zip(factors, given, strict=True))
    return torch.as_tensor(made) * (torch.nan if product else 1)


def _binary(layer: Layer, given: list[Tensor]) -> Tensor:
    other = layer.option(2, 0) if layer.option(1, 0) else given[1]
    first = given[0]
    return {0: lambda: first + other, 1: lambda: first - other, 2: lambda: first * other}.get(
        int(layer.option(0, 0)), lambda: first * torch.nan
    )()


def _resized(layer: Layer, given: list[Tensor]) -> Tensor:
    factors = (layer.option(1, 1), layer.option(2, 1))
    return functional.interpolate(
        given[0], scale_factor=factors, mode=_MODES[int(layer.option(0, 1))]
    )


_KINDS: dict[str, Callable[[Layer, list[Tensor]], Tensor]] = {
    "Convolution": _convolution,
    "PReLU": lambda layer, given: functional.prelu(given[0], layer.tensors[0]),
    "ReLU": lambda layer, given: functional.leaky_relu(given[0], layer.option(0, 0)),
    "Split": lambda _, given: given[0],
    "Noop": lambda _, given: given[0],
    "Concat": lambda _, given: torch.cat(given, dim=1),
    "Eltwise": _scaled_sum,
    "BinaryOp": _binary,
    "Interp": _resized,
    "PixelShuffle": lambda layer, given: functional.pixel_shuffle(
        given[0], int(layer.option(0, 1))
    ),
    "Reorg": lambda layer, given: functional.pixel_unshuffle(given[0], int(layer.option(0, 1))),
}
"""By their names in ncnn; an option that is not known here gives NaN, so that nothing fits."""
