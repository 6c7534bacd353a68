"""Stages 1 and 2 of MANet (ICCV 2021); stage 3 is that of all pipelines."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from blindsr.degradation.kernel_maps import kernel_map
from blindsr.imaging.resize import sample
from blindsr.losses import kernel_l1
from blindsr.networks import RRDBSFTPCA, MANet
from blindsr.networks.settings.build import build

from .estimation import EstimationTask
from .even_blur import evenly_blurred
from .rrdb_sft import ToldRestorerTask

if TYPE_CHECKING:
    from blindsr.types import Batch

TrainOn = Literal["all", "invariant", "variant"]


class MANetTask(EstimationTask):
    """Stage 1: train and score :class:`blindsr.networks.MANet` on true kernels.

    The true kernel of an LR pixel is that of the sigma where it lies, in the phase of the data.

    Args:
        scale: HR size over LR size; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        phase: of the data, where LR pixel 0 lies in HR pixels; follows the data.
        kernel_size: of its kernels; ``None`` is the window of the data, 4 sigma_max + 1.
        features: channels at LR size and at half of it.
        blocks: at each of the three levels.
        kernel_weight: factor on the loss, the mean difference of taps. MANet's code has 0.27 for HR
            crops of 192 pixels; Adam makes it irrelevant but for gradients so small that its
            epsilon counts.
        train_on: learn from ``"all"`` images, or of each batch from those alone whose blur is the
            same everywhere (``"invariant"``) or is not (``"variant"``): rows of the CMOS paper.
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        options: see the base classes.

    Raises:
        ConfigError: if an option has an unknown value.
    """

    network: MANet
    title = "MANet"
    architecture = tuple(inspect.signature(MANet).parameters)
    linked_with_data = ("scale", "sigma_max", "phase")

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        phase: float = 0.0,
        *,
        kernel_size: int | None = None,
        features: tuple[int, int] = (128, 256),
        blocks: int = 1,
        kernel_weight: float = 100.0,
        train_on: TrainOn = "all",
        learning_rate: float = 2e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, betas=betas, **options)
        self.hparams["kernel_size"] = self.windows_of_data("kernel_size")
        self.network = build(MANet, self.hparams)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """L1 of the kernels at LR pixels."""
        self.require(batch, "lr", "blur")
        lr, blur = batch["lr"], batch["blur"]
        kernels = self.network(lr)
        chosen = self.chosen(blur)
        target = self.target(blur)[chosen]
        # of no image: nothing is learnt, but every process has a gradient to share
        loss = kernel_l1(kernels[chosen], target) if chosen.any() else 0 * kernels.sum()
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(lr))
        return float(self.hparams["kernel_weight"]) * loss

    def target(self, blur: Tensor) -> Tensor:
        """Sigma maps (N, 1, s*h, s*w) -> the kernels of LR pixels (N, k*k, h, w)."""
        settings, sigma_max = self.hparams, self.network.sigma_max
        sigma = sample(blur, settings["scale"], phase=settings["phase"])
        return kernel_map(sigma.clamp(0, sigma_max), sigma_max)

    def chosen(self, blur: Tensor) -> Tensor:
        """Which images (N,) of sigma maps (N, 1, H, W) are learnt from."""
        if self.hparams["train_on"] == "all":
            return torch.ones(len(blur), dtype=torch.bool, device=blur.device)
        return evenly_blurred(blur) == (self.hparams["train_on"] == "invariant")


class RRDBSFTPCATask(ToldRestorerTask):
    """Stage 2: train and score :class:`blindsr.networks.RRDBSFTPCA` with true kernels.

    Each LR pixel is told the kernel of the sigma where it lies; MANet's code told one kernel per
    image.

    Args:
        scale: HR size over LR size; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        phase: of the data, where LR pixel 0 lies in HR pixels; follows the data.
        code_length: principal components of the data's kernels that it is told.
        kernel_size: of the kernels; ``None`` is the window of the data, 4 sigma_max + 1.
        blocks: of the trunk.
        features: channels of the trunk.
        growth: growth of its dense blocks.
        residual: share of a block that is added to its input.
        skip: ``"bicubic"`` lets the network learn what bicubic enlargement lacks; ``"none"`` as in
            the paper.
        learning_rate: of Adam after warm-up.
        options: see the base classes.

    Raises:
        ConfigError: if an option has an unknown value.
    """

    network: RRDBSFTPCA
    title = "RRDB-SFT, true kernels"
    architecture = tuple(inspect.signature(RRDBSFTPCA).parameters)
    linked_with_data = ("scale", "sigma_max", "phase")

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        phase: float = 0.0,
        *,
        code_length: int = 15,
        kernel_size: int | None = None,
        blocks: int = 10,
        features: int = 64,
        growth: int = 32,
        residual: float = 0.2,
        skip: Literal["none", "bicubic"] = "none",
        learning_rate: float = 2e-4,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **options)
        self.hparams["kernel_size"] = self.windows_of_data("kernel_size")
        self.network = build(RRDBSFTPCA, self.hparams)
