"""Stages 2 and 3 of SSR: train the denoiser and AMF, told kernels of the frozen SVKR."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from blindsr.degradation.linear.layered import LayeredOperator
from blindsr.degradation.linear.operator import LinearOperator
from blindsr.degradation.paired import Operator
from blindsr.diffusion.sampler import Constraint
from blindsr.imaging.resize import Downsampler
from blindsr.losses.pixel import mean_square
from blindsr.metrics.collector import ScoreCollector
from blindsr.metrics.consistency import ConsistentScores
from blindsr.networks import SSR
from blindsr.networks.settings.build import build
from blindsr.networks.ssr.amf import Fusion
from blindsr.networks.ssr.constrained import NOISE, ConstrainedNetwork, distance, known
from blindsr.networks.ssr.svkr import KernelEstimate
from blindsr.types import Batch, Estimate, counted

from .batches import datamodule
from .depth_targets import relative_inverse_depth
from .joint import JointTask
from .map_mix import check_shares, mixed_maps
from .ssr_variants import Variant
from .starting_weights import network_of_file

_UNROLLED_ITERATIONS = 2
_LEAST_SCALE = 0.01  # HR pixels, of maps that are exact
UNCONSTRAINED, LAST, TRUE_MAPS = "no constraint", "last step only", "true maps"


class SSRTask(JointTask):
    """Train and score :class:`blindsr.networks.SSR`: AMF and the denoiser learn.

    A test has the rows bicubic, those of ``variants`` (by default no constraint, last step only,
    and true maps) and those of ``compare``: there a regression of the same network (``steps: 1``,
    ``kappa: 0``) belongs. Samples lie below it in PSNR; what they offer is another sharpness, and
    that they do not contradict LR: the column ``consistency`` is the PSNR of SR, degraded by the
    *true* operator, against LR.

    Validation also measures the error of the denoiser at each step, which weighs the data step, and
    keeps it with the weights.

    Args:
        scale: HR size over LR size, 2 or 4; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        svkr: checkpoint of :class:`SVKRTask`; its settings replace those of the estimator here.
        weights: file of this task to start from.
        downsampler: that of the data; another is refused.
        steps: of the diffusion.
        kappa: noise of the diffusion.
        width: channels of the denoiser at half of HR size.
        blocks: of the denoiser.
        iterations: of SVKR.
        kernel_width: channels of SVKR.
        kernel_blocks: depth-aware blocks of SVKR.
        use_depth: SVKR estimates depth.
        tell_lr: AMF sees LR.
        tell_depth: AMF sees depth.
        tell_kernel: AMF sees the kernel.
        fusion: of AMF.
        constraint: at which steps the result is made to explain LR.
        operator: of the data step.
        uncertainty: LR pixels count less where sigma's own error would change them.
        expected_noise: standard deviation of LR's noise.
        map_mix: shares of training pictures told ``estimated``, ``truth`` and ``disturbed`` sigma.
        unrolled: learn through the data step (stage 3), so that the network spends itself on what
            LR does not tell.
        variants: other ways to restore with the same weights, by the name of their row in a test:
            settings of :class:`~blindsr.tasks.ssr_variants.Variant`.
        learning_rate: of Adam after warm-up.
        options: see the base classes.

    Raises:
        ConfigError: if an option has an unknown value.
    """

    network: ConstrainedNetwork
    title = "SSR"
    architecture = tuple(inspect.signature(SSR).parameters)
    linked_with_data = ("scale", "sigma_max", "downsampler")
    measured = ("network.rmse",)

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        svkr: str | None = None,
        weights: str | None = None,
        downsampler: Downsampler = "bicubic",
        steps: int = 4,
        kappa: float = 0.25,
        width: int = 32,
        blocks: int = 2,
        iterations: int = 2,
        kernel_width: int = 32,
        kernel_blocks: int = 8,
        use_depth: bool = True,
        tell_lr: bool = True,
        tell_depth: bool = True,
        tell_kernel: bool = True,
        fusion: Fusion = "gated",
        constraint: Constraint = "every",
        operator: Operator = "gather",
        uncertainty: bool = True,
        expected_noise: float = NOISE,
        map_mix: dict[str, float] | None = None,
        unrolled: bool = False,
        variants: dict[str, dict[str, Any]] | None = None,
        learning_rate: float = 1e-3,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **options)
        self.mix = map_mix or {"truth": 0.5, "estimated": 0.3, "disturbed": 0.2}
        check_shares(self.mix)
        content = _VARIANTS if variants is None else variants
        self.variants = {name: Variant.read(name, one) for name, one in content.items()}
        self.network = self.new_network()
        self.network.svkr.requires_grad_(False)
        self._errors = torch.zeros(2, steps + 1, dtype=torch.float64)  # sums of squares, counts

    def new_network(self) -> ConstrainedNetwork:
        """The network of these settings."""
        return build(SSR, self.hparams)

    def random_parts(self) -> str:
        """SVKR and the diffusion start at random without files."""
        if self.hparams["weights"]:
            return ""
        return "" if self.hparams["svkr"] else "SVKR"

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Load the files to start from.

        Raises:
            FileError, WeightsError: if a file is missing or holds another network.
            ConfigError: if it was made with other settings.
        """
        started = self._started
        super().preflight(stage, resumed=resumed)
        path = self.hparams["svkr"]
        if path and not resumed and not started and not self.hparams["weights"]:
            width, blocks = self.hparams["kernel_width"], self.hparams["kernel_blocks"]
            mine = {**self.hparams, "width": width, "blocks": blocks, "deblurred": True}
            loaded = network_of_file(path, self.network.svkr, mine, key="model.svkr")
            self.network.svkr.load_state_dict(loaded.state_dict())

    def told(self, batch: Batch) -> KernelEstimate:
        """What SVKR says of a batch; no gradient."""
        with torch.no_grad():
            return self.network.estimate_all(batch["lr"])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error of the picture at a step drawn for each sample."""
        self.require(batch, "lr", "hr", "blur")
        draws = self.draws()
        told = self.mixed(batch, draws)
        lr, hr = batch["lr"], batch["hr"]
        t, noise = self.drawn(hr, draws)
        x0 = self.network.renoised(hr, lr, told, t, noise)
        if self.hparams["unrolled"]:
            x0 = self.constrained(batch, x0.float(), told)
        return {"mse": mean_square(x0.float(), hr)}

    def drawn(self, hr: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """A step (N,), and noise of it, for each sample."""
        steps = self.network.sampler.schedule.steps
        t = torch.randint(1, steps + 1, (len(hr),), generator=draws)
        size = len(hr), *self.network.noise_size(hr)
        noise = torch.randn(size, generator=draws, dtype=torch.float32)  # in every precision alike
        return t.to(hr.device), noise.to(hr)

    def mixed(self, batch: Batch, draws: torch.Generator) -> KernelEstimate:
        """SVKR's depth, with sigma as ``map_mix`` says."""
        told = self.told(batch)
        blur, scale = mixed_maps(self.mix, batch["blur"], told.blur, told.log_scale.exp(), draws)
        return told._replace(blur=blur, log_scale=scale.clamp_min(_LEAST_SCALE).log())

    def constrained(self, batch: Batch, x0: Tensor, told: KernelEstimate) -> Tensor:
        """The data step of stage 3, few iterations."""
        network = self.network
        operator = network.operator_of(told)
        weight = network.weight_of(told, operator)(x0.detach(), 1)
        return operator.prox(x0, batch["lr"], weight, _UNROLLED_ITERATIONS)

    def rivals(self, batch: Batch) -> dict[str, Tensor]:
        """See the class."""
        results = super().rivals(batch)
        told = self.told(batch)
        for name, variant in self.variants.items():
            told_nothing = variant.maps == "truth" and "blur" not in batch
            if not told_nothing and variant != Variant(constraint=self.hparams["constraint"]):
                results[name] = variant.restore(self.network, batch, told)
        return results

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Score a batch, and measure the denoiser's error at each step."""
        outputs = super().validation_step(batch, batch_idx)
        told, hr = self.told(batch), batch["hr"]
        draw = torch.Generator().manual_seed(batch_idx)
        kept = counted(batch)
        for step in range(1, self.network.sampler.schedule.steps + 1):
            size = len(hr), *self.network.noise_size(hr)
            noise = torch.randn(size, generator=draw).to(hr)
            t = torch.full((len(hr),), step, device=hr.device)
            error = self.network.renoised(hr, batch["lr"], told, t, noise) - hr
            square = error.float().square().mean(dim=(1, 2, 3))[kept].sum()
            self._errors[:, step] += torch.tensor([float(square), len(kept)], dtype=torch.float64)
        return outputs

    def on_validation_epoch_end(self) -> None:
        """Log the scores; keep the errors of the steps with the weights."""
        super().on_validation_epoch_end()
        errors = self._errors.to(self.device, torch.float32)
        if self.trainer.world_size > 1:
            errors = torch.as_tensor(self.all_gather(errors)).sum(dim=0)
        self._errors.zero_()
        rmse = (errors[0] / errors[1].clamp_min(1)).sqrt()
        self.network.rmse[1:] = rmse[1:]
        self.log("val/rmse_first", rmse[-1])
        self.log("val/rmse_last", rmse[1])

    def new_scores(self) -> ScoreCollector:
        """See the base class; consistency beside them."""
        return ConsistentScores(
            self.hparams["crop_border"], full=True, extra=self.all_metrics, **self.score_networks
        )

    def add_scores(
        self, scores: ScoreCollector, sr: Tensor, hr: Tensor, batch: Batch, index: int
    ) -> None:
        """See the base class."""
        super().add_scores(scores, sr, hr, batch, index)
        assert isinstance(scores, ConsistentScores)
        if "blur" in batch:
            one = slice(index, index + 1)
            degraded = self.true_operator(batch, one)(sr.float()).clamp(0, 1)
            scores.update_lr(degraded, batch["lr"][one])

    def true_operator(self, batch: Batch, images: slice) -> LinearOperator:
        """What made LR of some images of a batch."""
        network, blur = self.network, batch["blur"][images]
        if getattr(datamodule(self), "operator", "gather") == "gather":
            return Variant(operator="gather").varied(network).operator_of(known(blur))
        self.require(batch, "depth")
        return LayeredOperator(
            blur,
            distance(relative_inverse_depth(batch["depth"][images])),
            scale=network.scale,
            sigma_max=network.sigma_max,
            downsampler=network.downsampler,
        )

    def restore(self, batch: Batch) -> tuple[Tensor, Estimate]:
        """One sample, and the blur behind it."""
        return self.network.restore(batch["lr"])


_VARIANTS: dict[str, dict[str, Any]] = {
    UNCONSTRAINED: {"constraint": "none"},
    LAST: {"constraint": "last"},
    TRUE_MAPS: {"maps": "truth"},
}
