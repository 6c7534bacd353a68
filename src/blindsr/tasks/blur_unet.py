"""Train an estimator of the blur of every pixel and of its own uncertainty."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from blindsr.imaging.resize import blur_at_lr
from blindsr.losses.pixel import laplace_nll
from blindsr.networks.blur_unet import SIGMA_OFFSET, BlurUNet
from blindsr.networks.settings.build import build
from blindsr.types import Batch, Estimate, counted

from .estimation import EstimationTask
from .starting_weights import network_of_file

SIGMA_SCALE = 10.0
"""Divides blur scores, pixels of the picture; true sigma goes up to it in the embedded scenes."""
_LEVELS = (0.5, 0.9)
"""Intervals that the spread is fitted to."""


class BlurUNetTask(EstimationTask):
    """Train and score :class:`blindsr.networks.blur_unet.BlurUNet` by its likelihood.

    Validation also measures how much wider or narrower than estimated the errors are, and puts the
    factor into the network, so that a checkpoint is calibrated on the validation pictures.

    Args:
        scale: HR size over LR size; follows the data.
        width: channels at half the size of the picture.
        weights: file of a BlurUNet to start from, alone or with a restorer.
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        warmup_steps: optimiser steps of linear warm-up.
        min_learning_rate: where annealing ends.
        options: see the base classes.

    Raises:
        FileError, WeightsError: if the file of ``weights`` is missing or holds another network.
        ConfigError: if it was made with another scale or width.
    """

    network: BlurUNet
    title = "BlurUNet"
    architecture = tuple(inspect.signature(BlurUNet).parameters)
    linked_with_data = ("scale",)
    measured = ("network.spread",)

    def __init__(
        self,
        scale: int = 1,
        *,
        width: int = 20,
        weights: str | None = None,
        learning_rate: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        warmup_steps: int = 100,
        min_learning_rate: float = 4e-5,
        **options: Any,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            betas=betas,
            warmup_steps=warmup_steps,
            min_learning_rate=min_learning_rate,
            **options,
        )
        self.network = build(BlurUNet, self.hparams)
        self._seen: list[Tensor] = []
        self._start_from = weights  # until they are loaded

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Load the weights that a fresh training starts from, once.

        Raises:
            FileError, WeightsError: if the file is missing or holds another network.
            ConfigError: if it was made with another scale or width.
        """
        if stage == "fit" and self._start_from and not resumed:
            loaded = network_of_file(self._start_from, self.network, self.hparams, of_pipeline=True)
            self.network.load_state_dict(loaded.state_dict())
            self._start_from = None

    def random_parts(self) -> str:
        """Empty if ``weights`` names a file to start from."""
        return "" if self.hparams["weights"] else super().random_parts()

    def setup(self, stage: str) -> None:
        """Check the data; load what :meth:`preflight` has not loaded yet."""
        super().setup(stage)
        self.preflight(stage, resumed=self.trainer.ckpt_path is not None)

    @property
    def sigma_max(self) -> float:
        """Divides blur scores, HR pixels; the network has no largest sigma of its own."""
        return SIGMA_SCALE * float(self.hparams["scale"])

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Negative log likelihood of log2(sigma + 0.25), sigma in pixels of the picture."""
        self.require(batch, "lr", "blur")
        code, blur = self.network.log_sigma(batch["lr"]), self._sigma(batch)
        loss = likelihood(code, blur)
        size = len(batch["lr"])
        self.log("train/loss", loss, prog_bar=True, batch_size=size)
        error = (code[:, :1].detach() - log_target(blur)).abs().mean()
        self.log("train/octaves", error, prog_bar=True, batch_size=size)
        return loss

    # Lightning's annotation admits a tensor or a dictionary alone
    def validation_step(self, batch: Batch, batch_idx: int) -> Estimate:  # type: ignore[override]
        """Collect errors; the estimate is returned for callbacks that draw it."""
        self.require(batch, "lr", "blur")
        estimate = self(batch["lr"])
        kept = counted(batch)
        parts = (batch["blur"], estimate.blur, estimate.blur_scale)
        # every fourth pixel of both axes: neighbours say nearly the same
        self._seen.append(
            torch.stack([p[kept][..., ::4, ::4].flatten().float().cpu() for p in parts])
        )
        return estimate

    def on_validation_epoch_end(self) -> None:
        """Log ``val/correlation``, ``val/slope``, ``val/error``; set the spread."""
        truth, said, scale = torch.cat(self._seen, dim=1).double()
        self._seen.clear()
        away, off = truth - truth.mean(), said - said.mean()
        covariance = (away * off).mean()
        spreads = (away.square().mean() * off.square().mean()).sqrt().clamp_min(1e-12)
        self.log("val/correlation", (covariance / spreads).float(), prog_bar=True)
        slope = covariance / away.square().mean().clamp_min(1e-12)
        self.log("val/slope", slope.float())
        self.log("val/error", (truth - said).abs().mean().float(), prog_bar=True)
        self.network.spread.mul_(fitted_spread(truth, said, scale))

    def _sigma(self, batch: Batch) -> Tensor:
        """(N, 1, h, w) in pixels of the picture."""
        return blur_at_lr(batch["blur"], int(self.hparams["scale"]))


def likelihood(code: Tensor, blur: Tensor) -> Tensor:
    """Negative log likelihood of a map under what :meth:`BlurUNet.log_sigma` says.

    Args:
        code: (N, 2, h, w).
        blur: (N, 1, h, w) sigma in pixels of the network's picture.

    Returns:
        A scalar.
    """
    return laplace_nll(code[:, :1], code[:, 1:], log_target(blur))


def log_target(blur: Tensor) -> Tensor:
    """What :meth:`BlurUNet.log_sigma` is to say first, of a map in pixels of its picture."""
    return torch.log2(blur + SIGMA_OFFSET)


def fitted_spread(truth: Tensor, estimate: Tensor, scale: Tensor) -> float:
    """Factor on ``scale`` with which the 50 and 90 % Laplace intervals hold best.

    What the one misses, the other exceeds: their shares of pixels inside sum up to 1.4.

    Args:
        truth: (n,).
        estimate: (n,).
        scale: (n,) estimated Laplace scale, positive.
    """
    ratio = (truth - estimate).abs() / scale.clamp_min(1e-9)
    ordered = ratio.sort().values
    bounds = -torch.log1p(-torch.tensor(_LEVELS, dtype=ordered.dtype))
    factors = torch.logspace(-2, 2, 801, dtype=ordered.dtype)
    inside = torch.searchsorted(ordered, factors[:, None] * bounds, right=True) / len(ordered)
    surplus = inside.sum(dim=1) - sum(_LEVELS)
    return float(factors[int(surplus.abs().argmin())])
