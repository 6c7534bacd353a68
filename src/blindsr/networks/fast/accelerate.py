"""Networks rewritten for inference: the same outputs up to float rounding, sooner."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from blindsr.errors import ConfigError
from blindsr.networks.blind import BlindSR
from blindsr.networks.rrdb_sft import RRDBSFT, check_inputs

from .condition import FastCondition
from .folding import fold_batchnorm


def accelerate(network: nn.Module, *, channels_last: bool = True) -> nn.Module:
    """Return a copy of ``network`` that gives the same outputs faster, for inference.

    :class:`RRDBSFT` with both maps at HR size computes its condition as
    :class:`~blindsr.networks.fast.condition.FastCondition` does; in :class:`BlindSR` both networks
    are accelerated; every other one has its batch norms folded
    (:func:`~blindsr.networks.fold_batchnorm`). The copy has the ``forward`` of the original, cannot
    be trained, and neither loads nor writes the weights of the original.

    Args:
        network: in evaluation mode.
        channels_last: keep weights and features with the channels innermost in memory.

    Raises:
        ConfigError: if the network is in training mode, where batch norm depends on the batch.
    """
    if network.training:
        raise ConfigError(
            "accelerate",
            found=f"a {type(network).__name__} in training mode",
            expected="evaluation mode",
            fix="Call network.eval() first.",
        )
    fast: nn.Module
    if isinstance(network, BlindSR):
        parts = (network.estimator, network.restorer)
        fast = BlindSR(*(accelerate(part, channels_last=channels_last) for part in parts)).eval()
    elif isinstance(network, RRDBSFT) and _fuses_at_hr(network):
        fast = FastRRDBSFT(network)
    else:
        fast = fold_batchnorm(network)
    if channels_last:
        fast = fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return fast.requires_grad_(False)


class FastRRDBSFT(nn.Module):
    """:class:`RRDBSFT` with both maps at HR size, for inference; made by :func:`accelerate`.

    Args:
        network: in evaluation mode; its tensors are copied.
    """

    def __init__(self, network: RRDBSFT) -> None:
        super().__init__()
        self.scale, self.use_blur, self.use_semantics = network.scale, True, True
        self.encoder = FastCondition(network)
        self.restorer = copy.deepcopy(network)
        del self.restorer.blur_conv, self.restorer.seg_conv, self.restorer.fuse

    @torch.no_grad()
    def forward(self, lr: Tensor, blur: Tensor, seg: Tensor) -> Tensor:
        """As :meth:`RRDBSFT.forward`."""
        check_inputs(self.restorer, lr, blur, seg)
        return self.restorer.restore(lr, self.encoder(blur, seg))


def _fuses_at_hr(network: RRDBSFT) -> bool:
    return network.use_blur and network.use_semantics and network.condition == "hr"
