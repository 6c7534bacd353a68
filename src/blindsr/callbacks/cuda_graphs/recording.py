"""CUDA graphs of a forward and a backward pass, as one function that can be differentiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from blindsr.errors import ConfigError

WARM_UPS = 3
"""Runs before the recording, in which cuDNN chooses its ways."""


def record(module: nn.Module, examples: tuple[Tensor, ...]) -> Callable[..., tuple[Tensor, ...]]:
    """Record a module that takes and gives tensors.

    ``torch.cuda.make_graphed_callables`` does the same, but cannot be told that other threads, as
    those that pin the memory of batches, may use the GPU meanwhile, and its gradients lie in the
    memory of the recording, where the next batch overwrites them before they are added up.

    Args:
        module: whose buffers the recording moves.
        examples: on the GPU; their memory becomes that of the recording.

    Raises:
        ConfigError: the module does something that cannot be recorded, as to look at a value.
    """
    try:
        # autocast must keep no copies of weights: they would never change again
        enabled, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
        with torch.autocast("cuda", dtype, enabled=enabled, cache_enabled=False):
            recording = _Recording(module, examples, tuple(module.parameters()))
    except RuntimeError as error:
        raise ConfigError(
            "trainer.callbacks",
            found=f"CUDAGraphs, which cannot record this network ({str(error).splitlines()[0]})",
            fix="Leave overlays/cuda_graphs.yaml out.",
        ) from error
    return recording


class _Recording:
    """Replays both passes."""

    def __init__(
        self, run: nn.Module, inputs: tuple[Tensor, ...], parameters: Sequence[Tensor]
    ) -> None:
        self.inputs, self.parameters = inputs, tuple(p for p in parameters if p.requires_grad)
        self.sources = tuple(one for one in (*inputs, *self.parameters) if one.requires_grad)
        stream, pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()
        self._warm_up(run, stream)
        self.first, self.second = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        how: dict[str, Any] = {"pool": pool, "stream": stream, "capture_error_mode": "thread_local"}
        with torch.cuda.graph(self.first, **how):
            outputs = run(*inputs)
        self.learnt = tuple(one.requires_grad for one in outputs)
        ends = [one for one in outputs if one.requires_grad]
        self.slopes = tuple(torch.empty_like(one) for one in ends)
        with torch.cuda.graph(self.second, **how):
            found = torch.autograd.grad(ends, self.sources, self.slopes, allow_unused=True)
        self.outputs, self.gradients = tuple(one.detach() for one in outputs), found

    def _warm_up(self, run: nn.Module, stream: torch.cuda.Stream) -> None:
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                ends = [one for one in run(*self.inputs) if one.requires_grad]
                slopes = [torch.empty_like(one) for one in ends]
                torch.autograd.grad(ends, self.sources, slopes, allow_unused=True)
        torch.cuda.synchronize()

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the module gives, in memory that the next call overwrites."""
        outputs: tuple[Tensor, ...] = _Replay.apply(self, *inputs, *self.parameters)
        return outputs


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recording: _Recording, *given: Tensor) -> tuple[Tensor, ...]:
        for own, one in zip(recording.inputs, given[: len(recording.inputs)], strict=True):
            own.copy_(one)
        recording.first.replay()
        ctx.recording = recording
        outputs = tuple(one.detach() for one in recording.outputs)
        pairs = zip(outputs, recording.learnt, strict=True)
        ctx.mark_non_differentiable(*(one for one, learnt in pairs if not learnt))
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        recording: _Recording = ctx.recording
        pairs = zip(slopes, recording.learnt, strict=True)
        given = (one for one, learnt in pairs if learnt)
        for own, one in zip(recording.slopes, given, strict=True):
            own.copy_(one)
        recording.second.replay()
        found = iter(recording.gradients)
        gradients: list[Tensor | None] = [None]
        for one in (*recording.inputs, *recording.parameters):
            slope = next(found) if one.requires_grad else None
            gradients.append(None if slope is None else slope.clone())
        return tuple(gradients)
