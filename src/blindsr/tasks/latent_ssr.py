"""SSR around Stable Diffusion: AMF learns to guide a frozen UNet, told by the frozen SVKR."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor

from blindsr.errors import ConfigError
from blindsr.networks.settings.build import build
from blindsr.networks.ssr.frozen_diffusion import FrozenDiffusion
from blindsr.networks.ssr.latent_ssr import LatentSSR
from blindsr.types import Batch

from .ssr import SSRTask


class LatentSSRTask(SSRTask):
    """Train and score :class:`~blindsr.networks.ssr.latent_ssr.LatentSSR`.

    The loss is that of the UNet's own training, the error of the predicted noise; only AMF learns.
    Checkpoints hold SVKR and AMF, not Stable Diffusion, which is read from ``diffusion`` again.

    Args:
        diffusion: folder with ``unet``, ``vae``, ``scheduler`` and ``null_prompt.safetensors``.
        first: noise level that sampling starts at, of the 1000 of Stable Diffusion.
        options: of :class:`SSRTask`; ``kappa``, ``blocks``, ``unrolled`` and ``weights`` belong to
            the diffusion in pixels and are refused.

    Raises:
        ConfigError: an option has an unknown value, or the extra ``diffusion`` is not installed.
        FileError, WeightsError: the folder lacks a file, or holds something else.
    """

    network: LatentSSR
    title = "SSR, latent"
    architecture = (*list(inspect.signature(LatentSSR).parameters)[1:],)

    def __init__(self, *, diffusion: str, first: int = 450, **options: Any) -> None:
        super().__init__(**options)

    def new_network(self) -> LatentSSR:
        """With the frozen diffusion of the folder."""
        defaults = inspect.signature(SSRTask).parameters
        for name in ("kappa", "blocks", "unrolled", "weights"):
            value = self.hparams[name]
            if value != defaults[name].default:
                raise ConfigError(
                    f"model.{name}",
                    found=str(value),
                    expected="nothing: it is of the diffusion in pixels",
                    fix="Leave it out, or train SSRTask.",
                )
        frozen = FrozenDiffusion.from_folder(self.hparams["diffusion"])
        return build(LatentSSR, self.hparams, frozen)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error of the predicted noise at a step drawn for each sample."""
        self.require(batch, "lr", "hr", "blur")
        draws = self.draws()
        told = self.mixed(batch, draws)
        t, noise = self.drawn(batch["hr"], draws)
        error = self.network.noise_error(batch["hr"], batch["lr"], told, t, noise)
        return {"noise": error.float().square().mean()}
