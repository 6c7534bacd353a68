"""Blocks of two features side by side, in sequence: DAN's and DCLS's groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn

GroupSkip = Literal["double", "residual"]
"""``"double"``: the output of the last block is added to itself, as both releases do;
``"residual"``: the input of the first block is added to it."""


class TwoPathGroup(nn.Module):
    """Blocks of two features in sequence, with a skip."""

    def __init__(self, blocks: Iterable[nn.Module], skip: GroupSkip) -> None:
        super().__init__()
        self.skip = skip
        self.body = nn.ModuleList(blocks)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Two features -> two features of the same shapes."""
        first, second = x, y
        for block in self.body:
            x, y = block(x, y)
        if self.skip == "double":
            first, second = x, y
        return first + x, second + y
