"""The two networks of PBaSR and their average, without the training: building and scoring."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from blindsr.errors import ConfigError
from blindsr.metrics import PreservationScores
from blindsr.metrics.collector import ScoreCollector
from blindsr.metrics.table import split_region
from blindsr.networks.blocks.padding import any_size
from blindsr.types import HasValidationGroups, counted
from blindsr.weights import average_branches, build_anchor, read_anchor
from blindsr.weights.anchors.classes import load_strictly

from ..batches import datamodule, group_names
from ..restoration import RestorerTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blindsr.types import Batch

BranchName = Literal["general", "blur"]
BRANCHES: tuple[BranchName, BranchName] = ("general", "blur")
SELECTING = ("lpips", "gmsd")
"""A checkpoint is chosen by the first of these metrics that there is, else by 1 - SSIM."""
SELECT = f"val/{'_or_'.join(SELECTING)}"


class TwoBranchTask(RestorerTask):
    """The networks of :class:`PBaSRTask` and their scores.

    Scores are those of :class:`~blindsr.metrics.PreservationScores`; the network's own are those of
    the average of both branches, the rows ``general branch`` and ``blur branch`` those of each.

    Args:
        anchor: arguments of :func:`blindsr.weights.build_anchor`, or ``arch``, a short name.
        scale: the anchor must have this scale.
        branches: ``"two"``, or ``"unified"``: one network and one discriminator learn from both
            streams joined, the paper's baseline.
        blur_weights: file that the branch ``blur`` starts from, where that is not the anchor's: a
            run, or anything that spandrel reads, with the anchor's tensors. With ``branches: two``
            it also scores the average of any two trainings of one network.
        compare: files to score beside it in a test, by the name of their row: runs of this task,
            or any file that spandrel reads.
        score_branches: validate each branch as well as their average.
        crop_border: pixels left out on every side before scoring.
        options: see the base classes.

    Raises:
        ConfigError: if the anchor has another scale, or ``blur_weights`` no branch.
        FileError, WeightsError: if a file is missing or holds no such network.
    """

    linked_with_data = ("scale",)

    def __init__(
        self,
        anchor: dict[str, Any],
        scale: int,
        *,
        branches: Literal["two", "unified"] = "two",
        blur_weights: str | None = None,
        compare: dict[str, str] | None = None,
        score_branches: bool = True,
        crop_border: int = 4,
        **options: Any,
    ) -> None:
        super().__init__(crop_border=crop_border, **options)
        self.unified = branches == "unified"
        built = build_anchor(**_arguments(anchor))
        self._has_weights = bool(anchor.get("weights"))
        if built.scale != scale:
            raise ConfigError(
                "model.anchor", found=f"a network of x{built.scale}", expected=f"x{scale}"
            )
        self.general = built.network
        if not self.unified:
            self.blur = copy.deepcopy(built.network)
        if blur_weights is not None:
            self._start_blur(blur_weights)
        self.multiple, self.minimum = built.multiple, built.minimum
        self.anchor_facts = built.description()
        self.val_groups: dict[str, dict[str, PreservationScores]] = {}
        self.others: dict[str, list[nn.Module]] = {}
        self._average: list[nn.Module] = []  # in a list: no part of the task's own weights

    def _start_blur(self, path: str) -> None:
        """Give the branch ``blur`` the weights of a file of its own."""
        if self.unified:
            raise ConfigError(
                "model.blur_weights",
                found=f"{path} with branches: unified",
                expected="two branches",
            )
        load_strictly(self.blur, read_anchor(path).network.state_dict(), path)

    @property
    def branches(self) -> tuple[BranchName, ...]:
        """Names of the networks in training."""
        return BRANCHES[:1] if self.unified else BRANCHES

    def branch(self, name: str) -> nn.Module:
        """The network of a branch."""
        return getattr(self, name)

    def random_parts(self) -> str:
        """Empty if the anchor comes from a file."""
        return "" if self._has_weights else "the anchor"

    def freeze_words(self, words: Iterable[str]) -> None:
        """Take the parameters whose names hold one of ``words`` out of the training.

        Raises:
            ConfigError: if nothing is left.
        """
        chosen = tuple(words)
        for name in self.branches:
            for key, parameter in self.branch(name).named_parameters():
                if any(word in key for word in chosen):
                    parameter.requires_grad_(False)
        if not any(parameter.requires_grad for parameter in self.general.parameters()):
            raise ConfigError(
                "model.frozen", found=", ".join(chosen), expected="words that leave parameters free"
            )

    def average(self) -> nn.Module:
        """A new network with the mean of both branches' weights, in evaluation mode."""
        network = copy.deepcopy(self.general)
        if not self.unified:
            states = self.general.state_dict(), self.blur.state_dict()
            network.load_state_dict(average_branches(*states, where="the two branches"))
        return network.eval().requires_grad_(False)

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Load the files of metrics and the networks to compare with, once.

        Raises:
            FileError, WeightsError: if a file is missing or holds no SR network.
        """
        super().preflight("test", resumed=resumed)  # LPIPS also chooses the checkpoint
        if stage == "test" and not self.others:
            for name, path in (self.hparams["compare"] or {}).items():
                network = read_anchor(path).network.eval().requires_grad_(False)
                self.others[name] = [network]

    def about_network(self) -> None:
        """``None``: branches are networks of spandrel, not of this library's table of kinds."""

    def forward(self, lr: Tensor) -> Tensor:
        """(N, 3, h, w) in [0, 1] -> SR image of the average, (N, 3, s*h, s*w), not clipped."""
        if not self._average:
            self._average = [self.average()]
        return self._restore(self._average[0], lr)

    def restore(self, batch: Batch) -> tuple[Tensor, None]:
        """Restore with the average of both branches."""
        return self(batch["lr"]), None

    def rivals(self, batch: Batch) -> dict[str, Tensor]:
        """Bicubic, each branch, and the networks of ``compare``."""
        results = super().rivals(batch)
        results |= self._of_branches(batch)
        for name, (network,) in self.others.items():
            results[name] = self._restore(network.to(self.device), batch["lr"])
        return results

    def _of_branches(self, batch: Batch) -> dict[str, Tensor]:
        if self.unified:
            return {}
        networks = {f"{name} branch": self.branch(name) for name in self.branches}
        return {row: self._restore(network, batch["lr"]) for row, network in networks.items()}

    def _restore(self, network: nn.Module, lr: Tensor) -> Tensor:
        scale = int(self.hparams["scale"])
        return any_size(network, lr, scale=scale, multiple=self.multiple, minimum=self.minimum)

    def new_scores(self) -> PreservationScores:
        """Scores by region."""
        return PreservationScores(
            self.hparams["crop_border"],
            full=True,
            extra=self.all_metrics and self.trainer.testing,
            **self.score_networks,
        )

    def add_scores(
        self, scores: ScoreCollector, sr: Tensor, hr: Tensor, batch: Batch, index: int
    ) -> None:
        """Add one image with its mask, where the data set has one."""
        assert isinstance(scores, PreservationScores)
        mask = batch.get("mask")
        scores.update(sr, hr, None if mask is None else mask[index : index + 1])

    def on_test_start(self) -> None:
        """Average the weights as they are now."""
        self._average = []

    def on_predict_start(self) -> None:
        """Average the weights as they are now."""
        self._average = []

    def on_validation_start(self) -> None:
        """Average the weights as they are now; make the scores."""
        self._average = []
        rows = ["", *(f"{name} branch" for name in self.branches if self._scores_branches)]
        self.val_groups = {
            group: {row: self.new_scores().to(self.device) for row in rows}
            for group in self._val_groups()
        }

    def _val_groups(self) -> tuple[str, ...]:
        data = datamodule(self)
        names = data.val_group_names if isinstance(data, HasValidationGroups) else ()
        return tuple(names) or group_names(self)

    @property
    def _scores_branches(self) -> bool:
        return bool(self.hparams["score_branches"]) and not self.unified

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Score a batch; the images are returned for callbacks that draw them."""
        self.require(batch, "lr", "hr")
        sr, _ = self.restore(batch)
        results = {"": sr, **(self._of_branches(batch) if self._scores_branches else {})}
        groups = batch.get("group") or [next(iter(self.val_groups))] * len(sr)
        for index in counted(batch):
            hr = batch["hr"][index : index + 1]
            for row, image in results.items():
                scores = self.val_groups[groups[index]][row]
                self.add_scores(scores, image[index : index + 1], hr, batch, index)
        return {"sr": sr, "estimate": None}

    def on_validation_epoch_end(self) -> None:
        """Log the scores by group and row, and what the best checkpoint is chosen by."""
        chosen = []
        for group, rows in self.val_groups.items():
            for row, scores in rows.items():
                values = scores.compute()
                prefix = f"val/{group}/{row}/" if row else f"val/{group}/"
                # computed over all ranks, so that all agree on what there is
                found = {n: v for n, v in values.items() if not (split_region(n)[0] and v.isnan())}
                self.log_dict({f"{prefix}{name}": value for name, value in found.items()})
                if not row:
                    chosen.append(_select(values))
        self.log(SELECT, torch.stack(chosen).mean(), prog_bar=True)
        self._average = []  # no third network in memory while training

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Restore without targets."""
        return self(batch["lr"])


def _arguments(anchor: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of :func:`build_anchor`; ``arch`` is the short name of a class.

    The command line takes what stands under ``class_path`` for an import path, so short names have
    a key of their own.
    """
    known = ("arch", "class_path", "init_args", "weights")
    for name in anchor:
        if name not in known:
            raise ConfigError("model.anchor", found=f"{name!r}", expected=f"of {', '.join(known)}")
    arguments = dict(anchor)
    if "arch" in arguments:
        arguments["class_path"] = arguments.pop("arch")
    return arguments


def _select(values: Mapping[str, Tensor]) -> Tensor:
    """The score that a checkpoint is chosen by, lower is better."""
    found = [values[name].double() for name in SELECTING if name in values]
    return found[0] if found else 1 - values["ssim"].double()
