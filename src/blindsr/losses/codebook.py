"""FeMaSR's codebook loss: features of LR are pulled to the codes of the true image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from blindsr.errors import ConfigError

if TYPE_CHECKING:
    pass

COMMITMENT = 0.25


def codebook_loss(feature: Tensor, code: Tensor) -> Tensor:
    """0.25 MSE(z, code) + MSE of their Gram matrices (Chen et al. 2022, FeMaSR, LQ stage).

    Args:
        feature: z, (N, C, h, w), what is about to be quantised.
        code: (N, C, h, w), codes of the true image; gets no gradient.
    """
    code = code.detach()
    near = (feature - code).square().mean()
    return COMMITMENT * near + (_gram(feature) - _gram(code)).square().mean()


class CodebookLoss(nn.Module):
    """The codes of true images, from FeMaSR's autoencoder of HR images.

    Frozen, in evaluation mode, and no part of ``parameters()`` or ``state_dict()``.

    Args:
        autoencoder: ``forward(hr)`` that quantises through ``quantize_group[0]``.

    Raises:
        ConfigError: if it has no such part.
    """

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        quantiser(autoencoder)
        self._autoencoder = [autoencoder.eval().requires_grad_(False)]  # in a list: no submodule

    def forward(self, feature: Tensor, hr: Tensor) -> Tensor:
        """Compare z of the LR image, (N, C, h, w), with the codes of ``hr``, (N, 3, H, W)."""
        autoencoder = self._autoencoder[0].to(hr.device)
        with torch.no_grad(), watch(quantiser(autoencoder), output=True) as seen:
            autoencoder(hr)
        if seen[0].shape != feature.shape:
            raise ConfigError(
                "model.codebook",
                found=f"codes of shape {tuple(seen[0].shape)}",
                expected=f"{tuple(feature.shape)} as those of the anchor",
                fix="Use the autoencoder the anchor was trained with.",
            )
        return codebook_loss(feature, seen[0])


def quantiser(network: nn.Module) -> nn.Module:
    """The module that replaces features by codes.

    Raises:
        ConfigError: if the network has none.
    """
    group = getattr(network, "quantize_group", None)
    if not isinstance(group, nn.ModuleList) or not len(group):
        raise ConfigError(
            "model.losses.codebook",
            found=f"{type(network).__name__}, which has no codes",
            expected="a FeMaSR network",
            fix="Set --model.losses.codebook 0.",
        )
    return group[0]


@contextmanager
def watch(module: nn.Module, *, output: bool = False) -> Iterator[list[Tensor]]:
    """Collect what goes into ``module``, or comes out of it, while the context lasts."""
    seen: list[Tensor] = []
    if output:
        handle = module.register_forward_hook(
            lambda _, __, out: seen.append(out[0] if isinstance(out, tuple) else out)
        )
    else:
        handle = module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        yield seen
    finally:
        handle.remove()


def _gram(feature: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, C, C) products of channels, mean over the pixels."""
    flat = feature.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[-1]
