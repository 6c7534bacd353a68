"""Batch norm whose statistics of channels-last features are as exact as those of others."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

PHASES = (16, 8, 4, 2)
FEW = 1024
"""Pixels of a batch whose plain sum is off by 2e-7 only."""


class PreciseBatchNorm2d(nn.BatchNorm2d):
    """As its base, but float32 features with innermost channels are summed in parts on a CPU.

    There torch adds all pixels of a channel one after the other in float32 (other layouts have
    sums in float64); the error of 1e-6 grows by five orders of magnitude through an untrained CMOS.
    Here every sixteenth pixel has a sum of its own, which are joined: 1e-7, in the same time.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        if not (self.training and _summed_in_float32(x)):
            return super().forward(x)
        out: Tensor
        out, mean, variance = _Joined.apply(x, self.weight, self.bias, self.eps)
        self._remember(mean, variance, x.numel() // x.shape[1])
        return out

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum
        if share is None:  # a plain mean over all batches
            share = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)


def _summed_in_float32(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.shape[0] * x.shape[2] * x.shape[3] > FEW
        and x.is_contiguous(memory_format=torch.channels_last)
        and not x.is_contiguous()
    )


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        n, c, h, w = x.shape
        pixels = n * h * w
        phases = next((p for p in PHASES if pixels % p == 0), 1)
        # every phase as a channel of its own: pixels p, p + 16, p + 32, ...
        parted = x.permute(0, 2, 3, 1).reshape(1, pixels // phases, 1, phases * c)
        parts = torch.ops.aten.batch_norm_update_stats(parted.permute(0, 3, 1, 2), None, None, 0.0)
        means, variances = (part.view(phases, c) for part in parts)
        mean = means.mean(0)
        variance = variances.mean(0) + (means - mean).square().mean(0)
        out = torch.native_batch_norm(x, weight, bias, mean, variance, False, 0.0, eps)[0]
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(variance + eps))
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse = ctx.saved_tensors
        found = torch.ops.aten.native_batch_norm_backward(
            slope, x, weight, None, None, mean, inverse, True, ctx.eps, ctx.needs_input_grad[:3]
        )
        return (*found, None)


def precise_batch_norms(network: nn.Module) -> None:
    """Make every plain ``BatchNorm2d`` of a network a precise one: it has the same attributes."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = PreciseBatchNorm2d
