"""PBaSR (ECCV 2024): train two branches, a discriminator for each, and average their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from blindsr.errors import ConfigError
from blindsr.losses import by_region, discriminator_loss, generator_loss
from blindsr.losses.branch import BranchLosses
from blindsr.losses.codebook import CodebookLoss, quantiser, watch
from blindsr.types import PICTURES, Batch, TwoStreamBatch

from .adversaries import (
    discriminators,
    optimizers,
    refuse_other_networks,
    start_discriminators,
)
from .settings import RECIPES, RecipeName, merged_losses
from .two_branches import BRANCHES, BranchName, TwoBranchTask

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerLRScheduler


class PBaSRTask(TwoBranchTask):
    """Train and score an SR network that restores general images and keeps intended blur.

    Two copies of one network, the anchor, start from the same weights. The branch ``general``
    learns from any pictures, the branch ``blur`` from pictures with intended blur, each with its
    own discriminator; that of the blur branch sees the blur mask beside the image. List
    :class:`blindsr.callbacks.WeightInterpolation` among the callbacks to let the branches drift
    together while they learn. The product is the mean of their weights: it is what validation,
    test and ``blindsr convert average`` look at.

    A training batch is a :class:`~blindsr.types.TwoStreamBatch`: ``general`` and ``blur``, each
    with ``lr`` and ``hr``, the second also with ``mask`` (1 = sharp, 0 = blurred). An iteration
    trains one branch after the other, restorer before discriminator, so peak memory is near that of
    one branch. Optimisation is manual: ``trainer.global_step`` counts the steps of all four
    optimisers; :attr:`iterations` counts batches, and ends the training at ``max_iterations``.

    Args:
        anchor: the network of both branches. A file, or ``weights: FILE``, gives architecture,
            scale and dialect: any that spandrel reads. ``arch`` (a short name, see
            :func:`blindsr.weights.build_anchor`) or ``class_path`` with ``init_args`` name a
            class, from scratch or, with ``weights`` too, from a file of its tensors.
        scale: HR size over LR size; follows the data on the command line.
        recipe: loss weights and optimiser settings of an anchor's published training:
            ``"esrgan"``, ``"femasr"`` or ``"srformer"``.
        losses: weights by name (``pixel``, ``perceptual``, ``lpips``, ``codebook``, ``gan``) that
            replace single ones of the recipe.
        blur_losses: those that differ in the blur branch.
        gan: ``"hinge"``, ``"literal"`` (Eq. 1 as printed, without a bound) or ``"vanilla"``.
        condition: how the blur branch's discriminator sees the mask: ``"concat"`` (the paper's
            words), ``"identity"`` (starts as an unconditional one) or ``"none"`` (ablation).
        discriminator_features: channels after their first convolution; 64 as published.
        discriminator_weights: file of an unconditional discriminator that both start from; the
            conditional one needs ``condition: identity`` for it.
        vgg19: torchvision's file, for the loss ``perceptual``.
        vgg16: torchvision's file, for the loss ``lpips``.
        codebook: FeMaSR's autoencoder of HR images (``FeMaSR_HRP_model_g.pth``), for the loss
            ``codebook``.
        learning_rate: of the restorers; ``None`` for the recipe's.
        discriminator_learning_rate: of the discriminators; ``None`` for the recipe's.
        betas: of all Adams; ``None`` for the recipe's.
        halve_at: iterations at which all learning rates are halved.
        gradient_clip: largest norm of a restorer's gradient; ``None`` clips nothing.
        frozen: parameters whose names hold one of these words are not trained; ``None`` for the
            recipe's.
        max_iterations: batches after which the training ends; ``None`` leaves it to the trainer.
        options: see the base classes.

    Raises:
        ConfigError: if an option has no meaning.
        FileError, WeightsError: if the anchor's file is missing or no SR network.
    """

    title = "PBaSR"
    architecture = ("branches", "condition", "discriminator_features")
    automatic_optimization = False

    def __init__(
        self,
        anchor: dict[str, Any] | str,
        scale: int = 4,
        *,
        recipe: RecipeName = "esrgan",
        losses: dict[str, float] | None = None,
        blur_losses: dict[str, float] | None = None,
        gan: Literal["hinge", "literal", "vanilla"] = "hinge",
        condition: Literal["concat", "identity", "none"] = "concat",
        discriminator_features: int = 64,
        discriminator_weights: str | None = None,
        vgg19: str | None = None,
        vgg16: str | None = None,
        codebook: str | None = None,
        learning_rate: float | None = None,
        discriminator_learning_rate: float | None = None,
        betas: tuple[float, float] | None = None,
        halve_at: tuple[int, ...] = (),
        gradient_clip: float | None = None,
        frozen: tuple[str, ...] | None = None,
        max_iterations: int | None = None,
        **options: Any,
    ) -> None:
        anchor = {"weights": anchor} if isinstance(anchor, str) else anchor
        super().__init__(anchor, scale, **options)
        self.loss_weights = {
            "general": merged_losses(recipe, losses),
            "blur": merged_losses(recipe, {**(losses or {}), **(blur_losses or {})}),
        }
        preset = RECIPES[recipe]
        kept = preset.frozen if frozen is None else tuple(frozen)
        # a checkpoint says what was used, not "the recipe's"
        self.hparams.update(
            {
                "learning_rate": preset.learning_rate if learning_rate is None else learning_rate,
                "discriminator_learning_rate": preset.discriminator_learning_rate
                if discriminator_learning_rate is None
                else discriminator_learning_rate,
                "betas": betas or preset.betas,
                "frozen": kept,
            }
        )
        self.freeze_words(kept)
        self.discriminators = discriminators(
            {name: self.loss_weights[name]["gan"] for name in self.branches},
            condition=condition,
            unified=self.unified,
            features=discriminator_features,
        )
        self.iterations = 0
        self._losses: dict[str, BranchLosses] = {}
        self._codes: list[CodebookLoss] = []  # in a list: no part of the task's own weights

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Load the files that a training or a test needs, before it starts.

        Raises:
            ConfigError: if a loss has a weight and no file.
            FileError, WeightsError: if a file is missing or holds another network.
        """
        super().preflight(stage, resumed=resumed)
        if stage != "fit" or self._losses:
            return
        files = {name: self.hparams[name] for name in ("vgg19", "vgg16")}
        self._losses = {n: BranchLosses(self.loss_weights[n], **files) for n in self.branches}
        self._load_codes()
        if not resumed and self.hparams["discriminator_weights"]:
            start_discriminators(self.discriminators, self.hparams["discriminator_weights"])

    def _load_codes(self) -> None:
        if not any(self.loss_weights[name]["codebook"] for name in self.branches):
            return
        quantiser(self.general)
        path = self.hparams["codebook"]
        if path is None:
            raise ConfigError(
                "model.losses.codebook",
                found="a weight without a file",
                expected="FeMaSR_HRP_model_g.pth beside it",
                fix="Set --model.codebook to its path, or the weight to 0.",
            )
        from blindsr.weights import read_anchor

        self._codes = [CodebookLoss(read_anchor(path).network)]

    def setup(self, stage: str) -> None:
        """Check the data; load what :meth:`preflight` has not loaded yet."""
        super().setup(stage)
        # a backward pass reaches one network of four; the others are no error to DDP then
        options = getattr(self.trainer.strategy, "_ddp_kwargs", {})
        options.setdefault("find_unused_parameters", True)
        self.preflight(stage, resumed=self.trainer.ckpt_path is not None)

    def training_step(self, batch: TwoStreamBatch, batch_idx: int) -> None:
        """Train each branch on its stream, one after the other."""
        for name, part in self._streams(batch).items():
            sr = self._train_restorer(name, part)
            if name in self.discriminators:
                self._train_discriminator(name, sr, part)
        self.iterations += 1
        schedulers = self.lr_schedulers()
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            assert isinstance(scheduler, LRScheduler)
            scheduler.step()
        self.log("iterations", float(self.iterations), batch_size=1)
        limit = self.hparams["max_iterations"]
        if limit is not None and self.iterations >= limit:
            self.trainer.should_stop = True

    def _streams(self, batch: TwoStreamBatch) -> dict[BranchName, Batch]:
        """Batch of each branch; both streams joined for unified training."""
        self.require(batch, *BRANCHES)
        for name in BRANCHES:
            masked = name == "blur" and self.conditional
            self.require(batch[name], "lr", "hr", *(["mask"] if masked else []))
        if not self.unified:
            return {name: batch[name] for name in BRANCHES}
        lr, hr = (torch.cat([batch[n][key] for n in BRANCHES]) for key in PICTURES)
        joined = Batch(lr=lr, hr=hr)
        if "mask" in batch["blur"]:  # for the logs; general pictures count as sharp
            sharp = torch.ones_like(batch["general"]["hr"][:, :1])
            joined["mask"] = torch.cat([sharp, batch["blur"]["mask"]])
        return {"general": joined}

    @property
    def conditional(self) -> bool:
        """Whether a discriminator looks at masks."""
        return self.hparams["condition"] != "none" and "blur" in self.discriminators

    def _train_restorer(self, name: str, batch: Batch) -> Tensor:
        """One step of a branch; the SR image it was taken with, without its graph."""
        optimizer = self._optimizer(name, "restorer")
        network = self.branch(name)
        self.toggle_optimizer(optimizer)
        weights = self.loss_weights[name]
        if weights["codebook"]:
            with watch(quantiser(network)) as features:
                sr = network(batch["lr"])
        else:
            sr, features = network(batch["lr"]), []
        parts = self._losses[name](sr, batch["hr"])
        if features:
            parts["codebook"] = self._codes[0](features[0], batch["hr"])
        if name in self.discriminators:
            logits = self._judge(name, sr, batch)
            parts["gan"] = generator_loss(logits, self.hparams["gan"])
        total = torch.stack([weights[part] * value for part, value in parts.items()]).sum()
        self.manual_backward(total)
        if self.hparams["gradient_clip"]:
            self.clip_gradients(optimizer.optimizer, self.hparams["gradient_clip"], "norm")
        self._step(optimizer)
        size = len(batch["lr"])
        self.log(f"train/{name}", total.detach(), prog_bar=True, batch_size=size)
        for part, value in parts.items():
            self.log(f"train/{name}/{part}", value.detach(), batch_size=size)
        return sr.detach()

    def _train_discriminator(self, name: str, sr: Tensor, batch: Batch) -> None:
        optimizer = self._optimizer(name, "discriminator")
        self.toggle_optimizer(optimizer)
        real, fake = self._judge(name, batch["hr"], batch), self._judge(name, sr, batch)
        loss = discriminator_loss(real, fake, self.hparams["gan"])
        self.manual_backward(loss)
        self._step(optimizer)
        size = len(batch["lr"])
        self.log(f"train/{name}/discriminator", loss.detach(), batch_size=size)
        self.log(f"train/{name}/real", real.detach().mean(), batch_size=size)
        self.log(f"train/{name}/fake", fake.detach().mean(), batch_size=size)
        if (
            "mask" in batch
        ):  # where the discriminator errs: table 1 and figures 4c and 6 of the paper
            parts = by_region(real.detach(), fake.detach(), batch["mask"], self.hparams["gan"])
            for region, value in parts.items():
                self.log(f"train/{name}/discriminator_{region}", value, batch_size=size)

    def _judge(self, name: str, image: Tensor, batch: Batch) -> Tensor:
        network = self.discriminators[name]
        if name == "blur" and self.conditional:
            return network(image, batch["mask"])
        return network(image)

    def _step(self, optimizer: LightningOptimizer) -> None:
        optimizer.step()
        optimizer.zero_grad()
        # before the batch ends: WeightInterpolation mixes what is trainable
        self.untoggle_optimizer(optimizer)

    def _optimizer(self, name: str, part: str) -> LightningOptimizer:
        mine = self.optimizers()
        every = mine if isinstance(mine, list) else [mine]
        optimizer = every[self._order.index((name, part))]
        assert isinstance(optimizer, LightningOptimizer)
        return optimizer

    @property
    def _order(self) -> list[tuple[str, str]]:
        """Branch and part of every optimiser."""
        parts = [(name, "restorer") for name in self.branches]
        return parts + [(name, "discriminator") for name in self.discriminators]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """One Adam for each restorer and each discriminator, all on one schedule by iteration."""
        restorers = [self.branch(name) for name in self.branches]
        return optimizers(restorers, list(self.discriminators.values()), self.hparams)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the iterations, and what ``convert average`` must know of the anchor."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["iterations"] = self.iterations
        checkpoint["anchor"] = self.anchor_facts

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the count of iterations.

        Raises:
            WeightsError: if the checkpoint is of other networks.
        """
        super().on_load_checkpoint(checkpoint)
        refuse_other_networks(self.state_dict(), checkpoint)
        self.iterations = checkpoint["iterations"]
