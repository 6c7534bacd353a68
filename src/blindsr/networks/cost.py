"""What a network costs: its parameters, and the operations of one picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


class Cost(NamedTuple):
    """Of one run."""

    parameters: int
    """Numbers that were learned and took part."""
    flops: int
    """Operations of convolutions, matrix products and attention; a multiplication and its addition
    are two. Most papers print half of it and call it FLOPs, or MACs."""


class _Parameters(TorchFunctionMode):
    """Remembers the parameters that functions are called with."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, Tensor] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, nn.Parameter):
                self.seen[id(leaf)] = leaf
        return func(*args, **kwargs)


def cost_of(run: Callable[..., Any], *inputs: Tensor) -> Cost:
    """Run something once and count.

    Args:
        run: a network, or a function that calls some.
        inputs: what it is called with.
    """
    parameters, counter = _Parameters(), FlopCounterMode(display=False)
    with torch.no_grad(), counter, parameters:
        run(*inputs)
    count = sum(parameter.numel() for parameter in parameters.seen.values())
    return Cost(count, counter.get_total_flops())
