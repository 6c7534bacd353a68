"""Cutting a feature map into windows and putting it together again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad


def pad_to_windows(x: Tensor, window: tuple[int, int]) -> Tensor:
    """Pad (N, C, H, W) at the bottom and right to whole windows by reflection.

    Where one reflection is too short (a map smaller than its padding) the reflection is repeated,
    that is, the map continues as a triangular wave; a single row or column is replicated.
    """
    if x.device.type == "cpu" and not torch.jit.is_tracing():
        # In one step, and gradients keep the layout; on GPUs it adds them up in any order.
        bottom, right = (-x.shape[axis] % side for axis, side in zip((2, 3), window, strict=True))
        if bottom < x.shape[2] and right < x.shape[3]:
            return pad(x, (0, right, 0, bottom), mode="reflect") if bottom or right else x
    for axis, side in zip((2, 3), window, strict=True):
        # A graph that is recorded for ONNX must work for any picture size.
        if torch.jit.is_tracing():
            x = x.index_select(axis, _mirrored(x, axis, side))
            continue
        target = -(-x.shape[axis] // side) * side
        while (length := x.shape[axis]) < target:
            if length == 1:
                x = x.expand(*(target if a == axis else -1 for a in range(4)))
                continue
            # Each turn ends at a mirror point of the wave, so that the next may start there.
            take = min(target - length, length - 1)
            mirror = x.narrow(axis, length - 1 - take, take).flip(axis)
            x = torch.cat([x, mirror], dim=axis)
    return x


def _mirrored(x: Tensor, axis: int, side: int) -> Tensor:
    """Which rows or columns :func:`pad_to_windows` takes, for any length: no loop, no branch."""
    length: Any = x.shape[axis]  # a tensor while operations are recorded, an int in torch's types
    target = (length + side - 1) // side * side
    period = (2 * length - 2).clamp(min=1)
    index = torch.arange(target, device=x.device) % period
    return torch.minimum(index, period - index).clamp(max=length - 1)


def split_windows(x: Tensor, window: tuple[int, int]) -> Tensor:
    """(N, C, a*h, b*w) -> (N*a*b, C, h, w), windows in row-major order within an image."""
    n, c, rows, columns = x.shape
    h, w = window
    a, b = rows // h, columns // w
    if a == b == 1 and not torch.jit.is_tracing():
        return x
    if x.is_contiguous(memory_format=torch.channels_last):  # which gradients are then, too
        tiles = x.permute(0, 2, 3, 1).view(n, a, h, b, w, c).permute(0, 1, 3, 2, 4, 5)
        return tiles.reshape(n * a * b, h, w, c).permute(0, 3, 1, 2)
    tiles = x.view(n, c, a, h, b, w)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(n * a * b, c, h, w)


def join_windows(windows: Tensor, size: tuple[int, ...]) -> Tensor:
    """(N*a*b, C, h, w) -> (N, C, a*h, b*w) with ``size`` = (a*h, b*w); undoes split_windows."""
    _, c, h, w = windows.shape
    a, b = size[0] // h, size[1] // w
    if a == b == 1 and not torch.jit.is_tracing():
        return windows
    tiles = windows.reshape(-1, a, b, c, h, w)
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(-1, c, *size)


def scramble_windows(x: Tensor, window: tuple[int, int]) -> Tensor:
    """Cut (N, C, a*h, b*w) into windows and put them back the way the released weights learnt.

    Until its fix of March 2024 the released code viewed the (windows, C, h, w) tensor as
    (windows, h, w, C) without permuting it, which mixes channels and positions in each window.
    """
    n, c, rows, columns = x.shape
    h, w = window
    a, b = rows // h, columns // w
    misread = split_windows(x, window).contiguous().view(n, a, b, h, w, c)
    return misread.permute(0, 5, 1, 3, 2, 4).reshape(n, c, rows, columns)
