"""RRDB-SFT for inference: the same pictures, sooner."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor

from blindsr.networks.roles import RestorerNetwork
from blindsr.networks.rrdb_sft import RRDBSFT, check_inputs

from .condition import FastCondition
from .folding import fold_batchnorm


class FastRRDBSFT(RestorerNetwork):
    """:class:`~blindsr.networks.RRDBSFT` with both maps at HR size, for inference.

    Args:
        network: in evaluation mode; its tensors are copied.
    """

    needs = ("blur", "seg")

    def __init__(self, network: RRDBSFT) -> None:
        super().__init__()
        self.scale, self.num_classes = network.scale, network.num_classes
        self.encoder = FastCondition(network)
        self.restorer = copy.deepcopy(network)
        del self.restorer.blur_conv, self.restorer.seg_conv, self.restorer.fuse

    @torch.no_grad()
    def forward(self, lr: Tensor, blur: Tensor, seg: Tensor) -> Tensor:
        """As :meth:`RRDBSFT.forward`."""
        check_inputs(self.restorer, lr, blur, seg)
        return self.restorer.restore(lr, self.encode(blur, seg))

    def encode(self, blur: Tensor | None, seg: Tensor | None) -> Tensor:
        """As :meth:`RRDBSFT.encode`."""
        return self.encoder(cast("Tensor", blur), cast("Tensor", seg))


def fast_rrdb_sft(network: RRDBSFT) -> RestorerNetwork:
    """:class:`FastRRDBSFT` where both maps are fused at HR size, else folded batch norms."""
    both = network.use_blur and network.use_semantics
    return FastRRDBSFT(network) if both and network.condition == "hr" else fold_batchnorm(network)
