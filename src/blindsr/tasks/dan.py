"""Train DAN, which tells one kernel per image, on blur that varies."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from blindsr.degradation.kernel_of_image import mean_kernel, median_kernel
from blindsr.losses.dan import Supervise, dan_losses
from blindsr.networks import DAN
from blindsr.networks.settings.build import build

from .even_blur import evenly_blurred
from .joint import JointTask

if TYPE_CHECKING:
    from blindsr.types import Batch

KernelRule = Literal["median", "mean", "invariant", "none"]


class DANTask(JointTask):
    """Train and score :class:`blindsr.networks.DAN`.

    Four of five training images have no single kernel; ``kernel_rule`` says which one is taken for
    the truth, and stands in every table.

    Args:
        scale: HR size over LR size; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        version: 1 (NeurIPS 2020, which the CMOS paper cites) or 2 (arXiv 2105.06878).
        kernel_size: of its kernels; ``None`` is the window of the data, 4 sigma_max + 1.
        code_length: principal components that the restorer is told.
        loops: turns.
        blocks: of the restorer; ``None`` as in the paper.
        groups: of version 2.
        features: channels of the restorer.
        group_skip: of version 2, see :class:`~blindsr.networks.DAN`.
        kernel_rule: ``"median"``: the kernel of the median sigma of the crop. ``"mean"``: the mean
            of the kernels of all its pixels. ``"invariant"``: learn from the images alone whose
            sigma is the same everywhere. ``"none"``: learn SR alone.
        supervise: ``"last"`` turn alone, as the released code, or ``"all"``, as the paper's text.
        weights: file to start from: a checkpoint of this task, an export, or a released file.
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        options: see the base classes.

    Raises:
        ConfigError: if an option has an unknown value.
    """

    network: DAN
    architecture = tuple(inspect.signature(DAN).parameters)

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        version: int = 1,
        kernel_size: int | None = None,
        code_length: int = 10,
        loops: int = 4,
        blocks: int | None = None,
        groups: int = 5,
        features: int = 64,
        group_skip: Literal["double", "residual"] = "double",
        kernel_rule: KernelRule = "median",
        supervise: Supervise = "last",
        weights: str | None = None,
        learning_rate: float = 4e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, betas=betas, **options)
        self.hparams["kernel_size"] = self.windows_of_data("kernel_size")
        self.network = build(DAN, self.hparams)
        self.rule = f"kernel rule {kernel_rule}"
        self.title = f"DANv{version}, {self.rule}"
        if kernel_rule == "none":  # nothing else teaches it
            self.network.Estimator.requires_grad_(False)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """``sr`` and, unless the rule is none, ``kernel``."""
        settings = self.hparams
        self.require(batch, "lr", "hr")
        found = self(batch["lr"])
        target, counts = None, None
        if settings["kernel_rule"] != "none":
            self.require(batch, "blur")
            target = self.target(batch["blur"])
        if settings["kernel_rule"] == "invariant":
            counts = evenly_blurred(batch["blur"]).to(batch["blur"].dtype)
        told = found.kernel or found.code
        supervise = settings["supervise"]
        return dan_losses(found.sr, told, batch["hr"], target, supervise=supervise, counts=counts)

    def target(self, blur: Tensor) -> Tensor:
        """Sigma maps (N, 1, H, W) -> the kernels that count as true, or their codes (N, K)."""
        sigma_max, rule = self.network.sigma_max, self.hparams["kernel_rule"]
        kernel = (mean_kernel if rule == "mean" else median_kernel)(blur, sigma_max)
        return kernel @ self.network.encoder[0] if self.network.version == 1 else kernel
