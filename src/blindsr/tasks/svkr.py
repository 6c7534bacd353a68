"""Stage 1 of SSR: train SVKR, which estimates depth and kernel in turn."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from blindsr.degradation.gather import gather_blur
from blindsr.imaging.resize import Downsampler, downsample
from blindsr.losses.pixel import laplace_nll
from blindsr.metrics import EstimateScores
from blindsr.metrics.depth import DepthScores
from blindsr.networks import SVKR
from blindsr.networks.settings.build import build
from blindsr.networks.ssr.svkr import KernelEstimate
from blindsr.types import Batch, Estimate, counted

from .depth_targets import relative_inverse_depth
from .estimation import EstimationTask

_LATER = 0.8  # weight of an iteration against the next one
_LEVELS = 8


class SVKRTask(EstimationTask):
    """Train and score :class:`blindsr.networks.SVKR`.

    The loss is the likelihood of sigma under a Laplace distribution of the estimated scale, plus
    the error of depth, of every iteration (later ones count more), plus the error of what the last
    kernel does to HR: a kernel is as wrong as its effect.

    Data must deliver depth (``deliver: [depth]``), except with ``use_depth: false``.

    Args:
        scale: HR size over LR size; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        iterations: after the first estimate.
        width: channels at LR size.
        blocks: depth-aware blocks.
        use_depth: ``False`` estimates the kernel from LR alone.
        deblurred: ``False``: the kernel does not help depth; an ablation, SSR refuses it.
        downsampler: that of the data; another is refused.
        depth_weight: of the error of depth.
        effect_weight: of the error of the kernel's effect.
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        options: see the base classes.
    """

    network: SVKR
    title = "SVKR"
    architecture = tuple(inspect.signature(SVKR).parameters)
    linked_with_data = ("scale", "sigma_max", "downsampler")

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        iterations: int = 2,
        width: int = 32,
        blocks: int = 8,
        use_depth: bool = True,
        deblurred: bool = True,
        downsampler: Downsampler = "bicubic",
        depth_weight: float = 0.5,
        effect_weight: float = 0.5,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, betas=betas, **options)
        self.network = build(SVKR, self.hparams)

    def _new_scores(self) -> EstimateScores:
        if not self.hparams["use_depth"]:
            return super()._new_scores()
        return DepthScores(self.sigma_max)

    # as in the base class
    def validation_step(self, batch: Batch, batch_idx: int) -> Estimate:  # type: ignore[override]
        """Score a batch, depth too."""
        self._score_depth(batch, [self.val_scores] * len(batch["lr"]))
        return super().validation_step(batch, batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Score each image into its test group, depth too."""
        groups = batch.get("group", ["test"] * len(batch["lr"]))
        self._score_depth(batch, [self.test_scores[group] for group in groups])
        super().test_step(batch, batch_idx)

    def _score_depth(self, batch: Batch, scores: list[EstimateScores]) -> None:
        """Score the depth of each image of a batch, where both have one."""
        if self.network.depth_net is None or "depth" not in batch:
            return
        found = self.network.iterate(batch["lr"])[-1].depth
        true = relative_inverse_depth(batch["depth"])
        for index in counted(batch):
            one = scores[index]
            assert isinstance(one, DepthScores)
            one.update_depth(found[index : index + 1], true[index : index + 1])

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Weighted sum over iterations."""
        self.require(batch, "lr", "hr", "blur", *(["depth"] if self.network.depth_net else []))
        found = self.network.iterate(batch["lr"])
        parts = self.losses(batch, found)
        weights = {name: self.hparams.get(f"{name}_weight", 1.0) for name in parts}
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        size = len(batch["lr"])
        self.log("train/loss", total.detach(), prog_bar=True, batch_size=size)
        for name, part in parts.items():
            self.log(f"train/{name}", part.detach(), batch_size=size)
        error = (found[-1].blur.detach() - batch["blur"]).abs().mean()
        self.log("train/pixels", error, prog_bar=True, batch_size=size)
        return total

    def losses(self, batch: Batch, found: list[KernelEstimate]) -> dict[str, Tensor]:
        """``nll`` and ``depth`` of all iterations, ``effect`` of the last one."""
        shares = [_LATER ** (len(found) - 1 - index) for index in range(len(found))]
        nll = [laplace_nll(one.blur, one.log_scale, batch["blur"]) for one in found]
        parts = {"nll": _weighted(shares, nll)}
        if self.network.depth_net is not None:
            depth = relative_inverse_depth(batch["depth"])
            parts["depth"] = _weighted(shares, [l1_loss(one.depth, depth) for one in found])
        if self.hparams["effect_weight"]:
            parts["effect"] = self._effect(batch, found[-1].blur)
        return parts

    def _effect(self, batch: Batch, blur: Tensor) -> Tensor:
        """How far LR made with the estimated kernel is from LR made with the true one."""
        made, wanted = (
            downsample(
                gather_blur(batch["hr"], sigma, sigma_max=self.sigma_max, levels=_LEVELS),
                self.network.scale,
                self.network.downsampler,
            )
            for sigma in (blur, batch["blur"])
        )
        return l1_loss(made, wanted)


def _weighted(shares: list[float], parts: list[Tensor]) -> Tensor:
    return torch.stack([share * part for share, part in zip(shares, parts, strict=True)]).sum()
