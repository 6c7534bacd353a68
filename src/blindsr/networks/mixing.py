"""Pull two networks of one shape towards each other in weight space: PBaSR's cross-branch step.

With W_G and W_B the weights of the general and the blur branch, cos their cosine and l0 in [0, 1]::

    lambda = l0 + (1 - l0) cos / 2                      (PBaSR, Eq. 2)
    W_G <- lambda W_G + (1 - lambda) W_B
    W_B <- lambda W_B + (1 - lambda) W_G                (both from the old values)

The sum W_G + W_B stays what it was and the difference shrinks by 2 lambda - 1. Everything runs on
the device of the weights and never waits for it.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from blindsr.errors import ConfigError

RUNNING_STATISTICS = ("running_mean", "running_var")


def cosine(
    first: nn.Module, second: nn.Module, *, form: Literal["global", "per_tensor"] = "global"
) -> Tensor:
    """Cosine between the trainable weights of two networks.

    It is taken from the norms of both and of their difference, accumulated in float64, so that
    1 - cosine stays precise when the networks hardly differ.

    Args:
        first: a network.
        second: a network with parameters of the same names and shapes.
        form: ``global`` takes each network as one long vector, as the paper writes it;
            ``per_tensor`` is the unweighted mean of one cosine per tensor, as the released code
            has it: there a tensor of zeros (a fresh bias) counts 0 even against itself.

    Returns:
        () float64 (float32 on devices without it) in [-1, 1]; 0 where a side is all zeros.

    Raises:
        ConfigError: if the networks differ in shape or share no trainable parameter.
    """
    one, other = paired_weights(first, second)
    norms = torch.stack([_norms(one), _norms(other), _norms(torch._foreach_sub(one, other))])
    if form == "global":
        norms = torch.linalg.vector_norm(norms, dim=1, keepdim=True)
    a, b, apart = norms  # each (1,) or (tensors,)
    # |a - b|^2 = (|a| - |b|)^2 + 2 |a| |b| (1 - cos)
    product = 2 * a * b
    empty = product == 0
    excess = (apart.square() - (a - b).square()) / torch.where(empty, 1.0, product)
    return torch.where(empty, 0.0, 1 - excess.clamp(0, 2)).mean()


def distance(first: nn.Module, second: nn.Module) -> Tensor:
    """Euclidean norm of the difference of the trainable weights, () float64, like `cosine`."""
    one, other = paired_weights(first, second)
    return torch.linalg.vector_norm(_norms(torch._foreach_sub(one, other)))


def mix_coefficient(
    cos: Tensor, lambda0: float, form: Literal["paper", "released", "constant"] = "paper"
) -> Tensor:
    """Share lambda of its own weights that each network keeps.

    Args:
        cos: () cosine between the networks.
        lambda0: l0, 0..1.
        form: ``paper`` l0 + (1 - l0) cos / 2 (Eq. 2): equal networks still mix, by
            (1 - l0) / 2; ``released`` l0 + (1 - l0) cos, where equal networks do not mix (the
            released code, whose cosine is ``per_tensor``); ``constant`` l0.

    Returns:
        (), of the type and on the device of ``cos``.
    """
    slope = {"paper": 0.5, "released": 1.0, "constant": 0.0}[form]
    return lambda0 + (1 - lambda0) * slope * cos


@torch.no_grad()
def interpolate_(first: nn.Module, second: nn.Module, lam: Tensor | float) -> None:
    """Mix two networks in place, both from their old values.

    Trainable weights and the running statistics of batch norms move. Frozen parameters, all other
    buffers (indices, masks, counters, vectors of a spectral norm) and the state of optimisers stay.
    Parameters remain the same objects; autograd sees that they were changed.

    Args:
        first: a network.
        second: a network with parameters and running statistics of the same names and shapes.
        lam: lambda, a number or () on the device of the weights. 1 changes nothing, 0.5 makes both
            equal, less swaps them in part.

    Raises:
        ConfigError: if the networks differ in shape or share no trainable parameter.
    """
    weights, statistics = paired_weights(first, second), paired_statistics(first, second)
    one, other = weights[0] + statistics[0], weights[1] + statistics[1]
    step = torch._foreach_sub(one, other)
    torch._foreach_mul_(step, 1 - lam)
    torch._foreach_sub_(one, step)
    torch._foreach_add_(other, step)


def paired_weights(
    first: nn.Module, second: nn.Module, names: tuple[str, str] = ("the first", "the second")
) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters that are trainable in both networks, matched by name.

    Args:
        first: a network.
        second: a network with parameters of the same names and shapes.
        names: what an error calls the two.

    Raises:
        ConfigError: if the networks differ in shape or share no trainable parameter.
    """
    pairs = _pairs(dict(first.named_parameters()), dict(second.named_parameters()), names)
    moving = [(a, b) for a, b in pairs if a.requires_grad and b.requires_grad]
    if not moving:
        raise ConfigError(
            f"{names[0]} and {names[1]}",
            found="no parameter that is trainable in both",
            expected="two networks in training",
        )
    # detached: the same memory and version counter, but no graph is built on them
    return [a.detach() for a, _ in moving], [b.detach() for _, b in moving]


def paired_statistics(
    first: nn.Module, second: nn.Module, names: tuple[str, str] = ("the first", "the second")
) -> tuple[list[Tensor], list[Tensor]]:
    """Running means and variances of both networks, as `paired_weights`; none is no error."""
    pairs = _pairs(_statistics(first), _statistics(second), names)
    return [a for a, _ in pairs], [b for _, b in pairs]


def _statistics(network: nn.Module) -> dict[str, Tensor]:
    return {
        name: buffer
        for name, buffer in network.named_buffers()
        if name.rpartition(".")[2] in RUNNING_STATISTICS and buffer.is_floating_point()
    }


def _pairs(
    first: dict[str, Tensor], second: dict[str, Tensor], names: tuple[str, str]
) -> list[tuple[Tensor, Tensor]]:
    for name in [*first, *(name for name in second if name not in first)]:
        one, other = (
            str(tuple(part[name].shape)) if name in part else "missing" for part in (first, second)
        )
        if one != other:
            raise ConfigError(
                name,
                found=f"{one} in {names[0]}, {other} in {names[1]}",
                expected="two networks with the same shapes",
            )
    return [(tensor, second[name]) for name, tensor in first.items()]


def _norms(tensors: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    """Euclidean norm of each tensor, (tensors,)."""
    wide = torch.float32 if tensors[0].device.type == "mps" else torch.float64
    return torch.stack(torch._foreach_norm(tensors, 2, dtype=wide))
