"""Train DCLS, which tells one kernel per image, on blur that varies."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from blindsr.degradation.kernel_maps import kernel_map
from blindsr.errors import ConfigError
from blindsr.imaging.resize import downsample
from blindsr.losses import dcls_kernel_target, pixel_l1
from blindsr.networks import DCLS
from blindsr.networks.settings.build import build

from .even_blur import evenly_blurred
from .joint import JointTask

if TYPE_CHECKING:
    from blindsr.types import Batch


class DCLSTask(JointTask):
    """Train and score :class:`blindsr.networks.DCLS`.

    Its kernel lies between LR as it is and LR without blur, so that by default it needs no true
    kernel: of blur that varies it learns the average. The choice stands in every table.

    Args:
        scale: HR size over LR size; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        kernel_size: of its kernels in LR pixels, 11, 21 or 31; LR crops must be as large.
        latent: numbers that the filters of the kernel are made of.
        blocks: in each group of the restorer.
        groups: of the restorer.
        features: channels.
        group_skip: see :class:`~blindsr.networks.DCLS`.
        target: what counts as the true kernel: ``"reformulated"`` from LR and HR, as in the paper,
            see :func:`blindsr.losses.dcls_kernel_target`, or ``"rendered"``, the Gaussian of the
            median sigma of the crop over ``scale``.
        train_kernel_on: learn kernels from ``"all"`` images, or of each batch from those alone
            whose sigma is the same everywhere (``"invariant"``).
        weights: file to start from: a checkpoint of this task, an export, or a released file.
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        options: see the base classes.

    Raises:
        ConfigError: if an option has an unknown value.
    """

    network: DCLS
    architecture = tuple(inspect.signature(DCLS).parameters)

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        kernel_size: int = 21,
        latent: int = 256,
        blocks: int = 10,
        groups: int = 5,
        features: int = 64,
        group_skip: Literal["double", "residual"] = "double",
        target: Literal["reformulated", "rendered"] = "reformulated",
        train_kernel_on: Literal["all", "invariant"] = "all",
        weights: str | None = None,
        learning_rate: float = 4e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, betas=betas, **options)
        self.network = build(DCLS, self.hparams)
        chosen = target if train_kernel_on == "all" else f"{target}, invariant images"
        self.rule = f"kernel target {chosen}"
        self.title = f"DCLS, {self.rule}"

    def setup(self, stage: str) -> None:
        """Check the data, and that the true kernels can be told from them."""
        super().setup(stage)
        if stage == "fit" and self.hparams["target"] == "reformulated":
            self.known_facts()  # their down-sampler makes LR without blur

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """``sr`` and ``kernel``."""
        self.require(batch, "lr", "hr")
        sr, kernel = self(batch["lr"])
        parts = {"sr": pixel_l1(sr.float(), batch["hr"])}
        apart = (kernel - self.target(batch).to(kernel.dtype)).abs().mean(dim=(1, 2, 3))
        if self.hparams["train_kernel_on"] == "all":
            return {**parts, "kernel": apart.mean()}
        self.require(batch, "blur")
        counts = evenly_blurred(batch["blur"]).to(apart.dtype)
        return {**parts, "kernel": (apart * counts).sum() / counts.sum().clamp_min(1)}

    def target(self, batch: Batch) -> Tensor:
        """The kernels (N, 1, k, k) that count as true."""
        side, scale = self.network.kernel_size, int(self.hparams["scale"])
        if self.hparams["target"] == "reformulated":
            clean = downsample(batch["hr"], scale, self.known_facts().downsampler)
            return dcls_kernel_target(batch["lr"], clean, side)
        self.require(batch, "blur")
        sigma = batch["blur"].flatten(1).median(dim=1).values.view(-1, 1, 1, 1) / scale
        widest = (side - 1) / 4
        if float(sigma.max()) > widest:
            raise ConfigError(
                "model.kernel_size",
                found=f"{side} for a sigma of {float(sigma.max()):.3g} LR pixels",
                expected=f"at most {widest:g}",
                fix="Choose a larger kernel_size.",
            )
        return kernel_map(sigma, widest).view(-1, 1, side, side)
