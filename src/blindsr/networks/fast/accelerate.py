"""Networks rewritten for inference: the same outputs up to float rounding, sooner."""

from __future__ import annotations

from itertools import chain
from typing import TypeVar

import torch
from torch import nn

from blindsr.errors import ConfigError
from blindsr.networks.kinds import fast_copy

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def accelerate(network: NetworkT, *, channels_last: bool = True) -> NetworkT:
    """Return a copy of ``network`` that gives the same outputs faster, for inference.

    Its kind says how (:attr:`blindsr.networks.kinds.NetworkKind.fast`); a network of no kind has
    its batch norms folded (:func:`~blindsr.networks.fold_batchnorm`). The copy has the ``forward``
    of the original, cannot be trained, and neither loads nor writes the weights of the original.

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
    fast = fast_copy(network)
    if channels_last:
        for tensor in chain(fast.parameters(), fast.buffers()):
            if tensor.ndim == 4:
                tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return fast.requires_grad_(False)
