"""Discriminators of PBaSR, the optimisers of all its networks, and checks of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from blindsr.errors import WeightsError
from blindsr.networks import ConditionalDiscriminator, UNetDiscriminator
from blindsr.networks.discriminator import Conditioning
from blindsr.weights.official import differences
from blindsr.weights.reading import read_checkpoint

from ..adam import adam
from ..schedules import Halving

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerLRScheduler
    from torch import Tensor

WRAPPERS = ("params_ema", "params")


def discriminators(
    weights: Mapping[str, float],
    *,
    condition: Conditioning | Literal["none"],
    unified: bool,
    features: int,
) -> nn.ModuleDict:
    """One discriminator for each branch whose adversarial loss has a weight.

    Args:
        weights: weight of the adversarial loss by branch.
        condition: how that of ``blur`` sees the mask; see :class:`ConditionalDiscriminator`.
        unified: the one branch sees both streams, its discriminator no mask.
        features: channels after the first convolution.
    """
    networks: dict[str, nn.Module] = {}
    for name, weight in weights.items():
        if not weight:
            continue
        if name == "blur" and condition != "none" and not unified:
            networks[name] = ConditionalDiscriminator(condition, features)
        else:
            networks[name] = UNetDiscriminator(features=features)
    # 1.7 times faster on a CPU, and what tensor cores of a GPU want
    return nn.ModuleDict(networks).to(memory_format=torch.channels_last)


def start_discriminators(networks: nn.ModuleDict, path: str) -> None:
    """Give all discriminators the weights of a published, unconditional one.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it holds another network, or a discriminator cannot take it.
    """
    state: dict[str, Any] = read_checkpoint(path)
    for wrapper in WRAPPERS:
        if isinstance(state.get(wrapper), dict):
            state = state[wrapper]
            break
    tensors: dict[str, Tensor] = {
        name.removeprefix("module."): value
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    }
    for name, network in networks.items():
        try:
            if isinstance(network, ConditionalDiscriminator):
                network.load_unconditional(tensors)
            else:
                network.load_state_dict(tensors)
        except (WeightsError, RuntimeError) as error:
            found = error.found if isinstance(error, WeightsError) else _first_line(error)
            raise WeightsError(
                path,
                found=f"not the discriminator of {name} ({found})",
                expected="an unconditional U-Net discriminator, as RealESRGAN_x4plus_netD.pth",
                fix="The blur branch takes it with --model.condition identity alone.",
            ) from error


def refuse_other_networks(own: Mapping[str, Tensor], checkpoint: Mapping[str, Any]) -> None:
    """Compare tensors by name and shape: the anchor's file may lie elsewhere than in training.

    Raises:
        WeightsError: if the checkpoint is of other networks or of another task.
    """
    different = differences(own, checkpoint["state_dict"])
    if different or "iterations" not in checkpoint:
        raise WeightsError(
            "checkpoint",
            found=different or "no training of PBaSR",
            expected="the same anchor, branches and discriminators as in the configuration",
            fix="Use the configuration of its training, config.yaml in the folder of the run.",
        )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[-1].strip()


def optimizers(
    restorers: list[nn.Module], judges: list[nn.Module], settings: Mapping[str, Any]
) -> OptimizerLRScheduler:
    """Adam for every network, restorers first, all on one schedule by iteration."""
    common = {"betas": settings["betas"]}
    every: list[torch.optim.Optimizer] = [
        adam(
            [p for p in network.parameters() if p.requires_grad],
            lr=settings["learning_rate"],
            weight_decay=settings["weight_decay"],
            **common,
        )
        for network in restorers
    ]
    every += [
        adam(network.parameters(), lr=settings["discriminator_learning_rate"], **common)
        for network in judges
    ]
    schedule = Halving(settings["warmup_steps"], tuple(settings["halve_at"]))
    return every, [torch.optim.lr_scheduler.LambdaLR(one, schedule) for one in every]
