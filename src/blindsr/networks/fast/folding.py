"""Fold batch norms into the convolutions before them: the same outputs, faster, for inference."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from blindsr.errors import ConfigError

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def fold_batchnorm(network: NetworkT) -> NetworkT:
    """Return a copy of ``network`` for inference whose batch norms are part of its convolutions.

    A batch norm is folded when the child registered just before it is a convolution of as many
    channels. All networks of this package (and timm's HRNet) are written that way; other networks
    may not be, so compare the outputs before use. The copy equals the original
    up to float rounding, cannot be trained, and no longer loads or writes official weights.

    Args:
        network: in evaluation mode.

    Raises:
        ConfigError: if the network is in training mode, where batch norm depends on the batch.
    """
    if network.training:
        raise ConfigError(
            "fold_batchnorm",
            found="a network in training mode",
            expected="evaluation mode",
            fix="Call network.eval() first.",
        )
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        children = list(module.named_children())
        for (_, conv), (after, norm) in pairwise(children):
            if (
                isinstance(conv, nn.Conv2d)
                and isinstance(norm, nn.BatchNorm2d)
                and conv.out_channels == norm.num_features
            ):
                _fold(conv, norm)
                setattr(module, after, nn.Identity())
    return network.requires_grad_(False)


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
