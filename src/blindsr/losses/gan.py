"""Adversarial losses of a discriminator that judges every pixel (PBaSR, eq. 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch.nn.functional import relu, softplus

from blindsr.errors import ConfigError, DataError

if TYPE_CHECKING:
    from torch import Tensor

GANKind = Literal["hinge", "literal", "vanilla"]


def generator_loss(logits: Tensor, kind: GANKind = "hinge", mask: Tensor | None = None) -> Tensor:
    """How far the discriminator is from taking restored images for real ones.

    The mean of -D for ``"hinge"`` and ``"literal"``, of -log sigmoid(D) for ``"vanilla"``.

    Args:
        logits: (N, 1, H, W), D of the restored images.
        kind: see :func:`discriminator_loss`.
        mask: (N, 1, H, W) weights >= 0 of the pixels; 0 where there is no weight at all.

    Raises:
        ConfigError: for another ``kind``.
        DataError: if the mask has another shape.
    """
    _check_kind(kind)
    logits = _precise(logits)
    return _mean(softplus(-logits) if kind == "vanilla" else -logits, mask)


def discriminator_loss(
    real: Tensor, fake: Tensor, kind: GANKind = "hinge", mask: Tensor | None = None
) -> Tensor:
    """How badly real and restored images are told apart, both parts added.

    ``"hinge"``: mean of max(0, 1 - D(real)) plus mean of max(0, 1 + D(fake)).
    ``"literal"``: the same without the maximum, which is how the paper prints it (eq. 1). It has no
    lower bound: nothing holds the logits, and a training may diverge.
    ``"vanilla"``: binary cross-entropy with logits, targets 1 and 0 (Real-ESRGAN).

    Args:
        real: (N, 1, H, W), D of real images.
        fake: (N, 1, H, W), D of restored images, detached from the restorer.
        kind: which of the three.
        mask: (N, 1, H, W) weights >= 0 of the pixels, of both images; 0 where there is no weight
            at all.

    Raises:
        ConfigError: for another ``kind``.
        DataError: if the mask has another shape.
    """
    _check_kind(kind)
    real, fake = _precise(real), _precise(fake)
    if kind == "vanilla":  # softplus(-d) is the cross-entropy of logit d with target 1
        return _mean(softplus(-real), mask) + _mean(softplus(fake), mask)
    if kind == "literal":
        return _mean(1 - real, mask) + _mean(1 + fake, mask)
    return _mean(relu(1 - real), mask) + _mean(relu(1 + fake), mask)


def by_region(
    real: Tensor, fake: Tensor, mask: Tensor, kind: GANKind = "hinge"
) -> dict[str, Tensor]:
    """The discriminator's loss split into blurred and sharp pixels, as in the paper's table 1.

    Both parts are sums over a region divided by the number of all pixels, so they add up to
    :func:`discriminator_loss` (of the batch) without a mask.

    Args:
        real: (N, 1, H, W), D of real images.
        fake: (N, 1, H, W), D of restored images.
        mask: (N, 1, H, W), 1 = sharp, 0 = blurred.
        kind: see :func:`discriminator_loss`.

    Returns:
        ``blurred`` and ``sharp``, scalars.

    Raises:
        ConfigError: for another ``kind``.
        DataError: if the mask has another shape.
    """
    regions = {"blurred": mask < 0.5, "sharp": mask >= 0.5}
    return {
        name: discriminator_loss(real, fake, kind, inside) * inside.float().mean()
        for name, inside in regions.items()
    }


def _mean(loss: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the pixels, weighted by the mask; 0, with its graph, under an empty mask."""
    if mask is None:
        return loss.mean()
    if mask.shape != loss.shape:
        raise DataError(
            "mask",
            found=f"shape {tuple(mask.shape)}",
            expected=f"{tuple(loss.shape)} as the logits",
        )
    weight = mask.to(loss.dtype)
    total = weight.sum()
    # A division by zero would be NaN; this asks the device for no number.
    return (weight * loss).sum() / total.where(total > 0, 1.0)


def _precise(logits: Tensor) -> Tensor:
    """At least float32: half precision would round means over many pixels."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _check_kind(kind: str) -> None:
    if kind not in get_args(GANKind):
        expected = " or ".join(map(repr, get_args(GANKind)))
        raise ConfigError("kind", found=repr(kind), expected=expected)
