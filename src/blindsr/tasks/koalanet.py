"""Train KOALAnet in its three stages: kernels, a plain restorer, both together."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from blindsr.degradation.kernel_maps import kernel_map
from blindsr.degradation.koalanet import Border, local_down
from blindsr.errors import ConfigError
from blindsr.losses.koalanet import KernelLoss, kernel_losses, sr_loss
from blindsr.networks import KOALAnet
from blindsr.networks.blocks.local_filter import summing_to_one
from blindsr.networks.roles import JointNetwork
from blindsr.networks.settings.build import build
from blindsr.types import Estimate

from .joint import JointTask

if TYPE_CHECKING:
    from blindsr.types import Batch

Stage = Literal["kernels", "baseline", "joint"]
_CONDITION = ("kernel_condition", "KOALA_module")


class KOALAnetTask(JointTask):
    """Train and score :class:`blindsr.networks.KOALAnet`.

    Args:
        scale: HR size over LR size, 2 or 4; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        stage: ``"kernels"`` trains the kernel network alone, ``"baseline"`` the restorer without
            the parts that see kernels, ``"joint"`` all, from the files of both.
        down_kernel: side of the kernels; ``None`` is the window of the data, 4 sigma_max + 1. 20 is
            that of the released weights; data of the phase 0 have no kernels of that side, so that
            only ``"baseline"`` can be trained with it.
        up_kernel: side of the filters that enlarge.
        features: channels.
        kernel_loss: ``"dense"`` compares the kernels of all LR pixels, ``"mean"`` their mean over
            the image, as released.
        border: what reblurring sees outside of HR. ``"replicate"`` is near to the data; ``"zero"``
            as released, where LR pixels whose kernels reach out of HR are left out of the loss.
        weights: ``kernels`` and ``baseline``: checkpoints of those stages to start ``"joint"``
            from; or ``all``: one file of everything.
        learning_rate: of Adam.
        betas: of Adam.
        options: see the base classes; a rate falls to a tenth at each step of ``halve_at``.

    Raises:
        ConfigError: if an option has an unknown value.
    """

    network: KOALAnet
    architecture = tuple(inspect.signature(KOALAnet).parameters)
    halving = 0.1

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        stage: Stage = "joint",
        down_kernel: int | None = None,
        up_kernel: int = 5,
        features: int = 64,
        kernel_loss: KernelLoss = "dense",
        border: Border = "replicate",
        weights: dict[str, str] | None = None,
        learning_rate: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, betas=betas, **options)
        self.hparams["down_kernel"] = self.windows_of_data("down_kernel")
        self.network = build(KOALAnet, self.hparams)
        self.title = "KOALAnet" if stage == "joint" else f"KOALAnet, stage {stage}"
        unknown = set(weights or {}) - {"kernels", "baseline", "all"}
        if unknown:
            raise ConfigError(
                "model.weights",
                found=repr(min(unknown)),
                expected="'kernels', 'baseline' or 'all'",
            )
        if stage == "kernels":
            self.network.SISR_DUF.requires_grad_(False)
        if stage == "baseline":
            self.network.SISR_DDF.requires_grad_(False)
            for part in _CONDITION:
                self.network.SISR_DUF.get_submodule(part).requires_grad_(False)

    def start_files(self) -> dict[str, str]:
        """The files of ``weights``."""
        return dict(self.hparams["weights"] or {})

    def start_from(self, purpose: str, network: JointNetwork) -> None:
        """Of a file of one stage take what that stage has trained."""
        state = network.state_dict()
        if purpose == "kernels":
            state = {name: t for name, t in state.items() if name.startswith("SISR_DDF.")}
        if purpose == "baseline":
            untrained = ("SISR_DDF.", *(f"SISR_DUF.{part}." for part in _CONDITION))
            state = {name: t for name, t in state.items() if not name.startswith(untrained)}
        self.network.load_state_dict(state, strict=False)

    def check_settings(self) -> None:
        """Refuse kernels that the data cannot have."""
        super().check_settings()
        taps = self.network.down_kernel
        if self.hparams["stage"] != "baseline" and taps % 2 == 0:
            raise ConfigError(
                "model.down_kernel",
                found=f"{taps}, an even number",
                expected="an odd one, as the kernels of the data have",
                fix="Leave it out, or train the stage baseline.",
            )

    def decided_by_data(self) -> dict[str, Any]:
        """Adds the phase: kernels lie around the HR pixel that an LR pixel is taken from."""
        learns = self.hparams["stage"] != "baseline"
        return super().decided_by_data() | ({"phase": self.network.phase} if learns else {})

    def restore(self, batch: Batch) -> tuple[Tensor, Estimate]:
        """Restore without knowing the blur; the stage ``"baseline"`` also without kernels."""
        if self.hparams["stage"] == "baseline":
            return self.network.restored(batch["lr"], None), Estimate()
        return super().restore(batch)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """``sr``, ``reblur`` and ``kernel``, as far as the stage has them."""
        stage, lr = self.hparams["stage"], batch["lr"]
        self.require(batch, "hr")
        if stage == "baseline":
            return {"sr": sr_loss(self.network.restored(lr, None), batch["hr"])}
        self.require(batch, "blur")
        raw = self.network.raw_kernels(lr)
        parts = self.kernel_parts(batch, summing_to_one(raw))
        if stage == "kernels":
            return parts
        return {"sr": sr_loss(self.network.restored(lr, raw), batch["hr"]), **parts}

    def kernel_parts(self, batch: Batch, kernels: Tensor) -> dict[str, Tensor]:
        """Losses of kernels (N, k*k, h, w) on data of the phase 0."""
        settings, scale = self.hparams, self.network.scale
        border = settings["border"]
        reblurred = local_down(batch["hr"], kernels, scale, border=border)
        target = kernel_map(batch["blur"][..., ::scale, ::scale], self.network.sigma_max)
        return kernel_losses(
            batch["lr"],
            reblurred,
            kernels,
            target,
            kernel_loss=settings["kernel_loss"],
            mask=math.ceil(self.network.down_kernel // 2 / scale) if border == "zero" else 0,
        )
