"""A network's forward that is recorded at its first call in training and replayed at the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

Record = Callable[[nn.Module, tuple[Tensor, ...]], Callable[..., tuple[Tensor, ...]]]


class RecordedForward:
    """Stands before the forward of a network in training.

    Args:
        network: whose forward takes tensors, and other arguments that do not change.
        record: of a module and example inputs: a function that does what the module does, and can
            be differentiated.

    Attributes:
        calls: in training, recorded or not.
    """

    def __init__(self, network: nn.Module, record: Record) -> None:
        self.network, self.record = network, record
        self.calls = 0
        self._usual = network.forward
        self._replay: Callable[..., Any] | None = None
        self._known: tuple[Any, ...] | None = None
        self._layout: _Layout | None = None

    def install(self) -> None:
        """From now on calls of the network come here."""
        self.network.forward = self  # type: ignore[method-assign]  # a call looks here

    def remove(self) -> None:
        """Give the network its own forward back, and free the recording."""
        self.network.__dict__.pop("forward", None)
        self._replay = self._known = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        """What the network's own forward gives."""
        if not (self.network.training and torch.is_grad_enabled()):
            return self._usual(*args, **options)
        self.calls += 1
        tensors, signature = _tensors((args, options)), _signature((args, options))
        if self._known is None:
            self._known = signature
            self._begin(_Layout((args, options)), tensors)
        if signature != self._known or self._replay is None or self._layout is None:
            return self._usual(*args, **options)
        return self._layout.whole(self._replay(*tensors))

    def _begin(self, given: _Layout, tensors: tuple[Tensor, ...]) -> None:
        """Record; the statistics that the recording moved go back."""
        inner = _OnTensors(self._usual, self.network, given)
        examples = tuple(one.detach().clone().requires_grad_(one.requires_grad) for one in tensors)
        before = [buffer.clone() for buffer in self.network.buffers()]
        self._replay = self.record(inner, examples)
        with torch.no_grad():
            for buffer, old in zip(self.network.buffers(), before, strict=True):
                buffer.copy_(old)
        self._layout = inner.layout


class _Layout:
    """Where the tensors of arguments, or of an output, lie in them."""

    def __init__(self, tree: Any) -> None:
        leaves, self.spec = tree_flatten(tree)
        self.others = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self.places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]

    def whole(self, tensors: Sequence[Tensor]) -> Any:
        """Arguments, or an output, around these tensors."""
        leaves = list(self.others)
        for place, tensor in zip(self.places, tensors, strict=True):
            leaves[place] = tensor
        return tree_unflatten(leaves, self.spec)


class _OnTensors(nn.Module):
    """A forward that takes and gives nothing but tensors."""

    def __init__(self, forward: Callable[..., Any], network: nn.Module, given: _Layout) -> None:
        super().__init__()
        self.network = network  # so that its parameters are found
        self.call, self.given = forward, given
        self.layout: _Layout | None = None

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The tensors of the output."""
        args, options = self.given.whole(tensors)
        output = self.call(*args, **options)
        self.layout = _Layout(output)
        return _tensors(output)


def _tensors(tree: Any) -> tuple[Tensor, ...]:
    return tuple(leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _signature(call: Any) -> tuple[Any, ...]:
    """What must be alike for a recording to hold: sizes, types, layouts, all other arguments."""
    given, spec = tree_flatten(call)
    kinds = [
        (one.shape, one.dtype, one.stride(), one.requires_grad)
        if isinstance(one, Tensor)
        else repr(one)
        for one in given
    ]
    half = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None
    return (str(spec), tuple(kinds), half)
