"""Stage 2 of CMOS (CVPR 2023): train the restorer on true maps."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from blindsr.errors import ConfigError
from blindsr.networks import RRDBSFT, BlindSR
from blindsr.networks.roles import EstimatorNetwork, JointNetwork, RestorerNetwork
from blindsr.networks.settings.build import build
from blindsr.weights.checkpoint import read_network

from .restoration import L1RestorerTask, RestorerTask
from .starting_weights import network_of_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blindsr.types import Batch

CONSTANT = "constant sigma"
FOUND = {
    "estimator": "an estimator",
    "joint": "a network that estimates and restores",
    "pipeline": "a pipeline",
}
Rival = RestorerNetwork | JointNetwork | BlindSR
"""A network to compare with; kept in a list of one, so that it is no part of a task's weights."""


class ToldRestorerTask(L1RestorerTask):
    """Base of the tasks that train a restorer with true maps: a subclass builds ``self.network``.

    A test has the rows bicubic (in the phase of the data), constant sigma (this network, told each
    image's mean sigma everywhere: what a blur that does not vary could explain) and those of
    ``compare``.

    Args:
        weights: file to start from where there is no checkpoint: one of this task, an export, or a
            released file.
        compare: checkpoints of this task to score beside it, by the name of their row.
        options: see the base classes.
    """

    network: RestorerNetwork

    def __init__(
        self,
        *,
        weights: str | None = None,
        compare: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.others: dict[str, list[Rival]] = {}
        self._start_from = weights  # until they are loaded

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Load the weights to start from and the networks to compare with, once.

        Raises:
            FileError, WeightsError: if a file is missing or holds no network.
            ConfigError: if it holds another one, or one with other settings.
        """
        super().preflight(stage, resumed=resumed)
        if self._start_from and not resumed:
            loaded = network_of_file(self._start_from, self.network, self.hparams)
            self.network.load_state_dict(loaded.state_dict())
            self._start_from = None
        if stage == "test" and not self.others:
            self.others = load_others(self.hparams["compare"])

    def random_parts(self) -> str:
        """Empty if ``weights`` names a file to start from."""
        return "" if self.hparams["weights"] else super().random_parts()

    def decided_by_data(self) -> dict[str, Any]:
        """Adds the phase if the network enlarges LR or reads maps where LR pixels lie."""
        matters = self.hparams["skip"] == "bicubic" or self.network.takes_kernels
        return super().decided_by_data() | ({"phase": self.hparams["phase"]} if matters else {})

    def setup(self, stage: str) -> None:
        """Check the data; load what :meth:`preflight` has not loaded yet."""
        super().setup(stage)
        self.preflight(stage, resumed=self.trainer.ckpt_path is not None)

    def forward(self, lr: Tensor, blur: Tensor | None = None, seg: Tensor | None = None) -> Tensor:
        """LR image and the maps that the network needs -> SR image."""
        return self.network(lr, blur, seg)

    def restore(self, batch: Batch) -> tuple[Tensor, None]:
        """Restore with the true maps."""
        return with_maps(self, self.network, batch), None

    def rivals(self, batch: Batch) -> dict[str, Tensor]:
        """Bicubic, constant sigma, and the networks of ``compare``."""
        results = super().rivals(batch)
        if "blur" in self.network.needs:
            results[CONSTANT] = with_maps(self, self.network, with_constant_sigma(batch))
        return results | compared(self, self.others, batch)


class RRDBSFTTask(ToldRestorerTask):
    """Train and score :class:`blindsr.networks.RRDBSFT` with true sigma and class maps.

    Args:
        num_classes: classes of the semantic map; follows the data on the command line. 0, of
            data without labels, turns ``use_semantics`` off, and says so.
        scale: HR size over LR size; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        code_length: channels of the condition.
        window_layout: how GIA puts its windows back, see :class:`blindsr.networks.GIA`.
        use_semantics: the network sees class maps.
        use_blur: the network sees sigma maps; without both it restores from LR alone.
        condition: ``"hr"`` as in the paper, or ``"lr"``, many times cheaper.
        embed: classes as one ``"index"`` (paper) or ``"onehot"``.
        features: channels of the trunk.
        growth: growth of its dense blocks.
        blocks: number of its blocks.
        residual: share of a block that is added to its input; 0.2 as in the paper, 1 for one or two
            blocks in a short training.
        window: rows and columns of the windows of GIA.
        skip: ``"bicubic"`` lets the network learn what bicubic enlargement lacks; ``"none"`` as in
            the paper.
        phase: of that enlargement; follows the data: 0 for s-fold, (scale - 1) / 2 for area and
            bicubic. Data of another phase are refused.
        learning_rate: of Adam after warm-up.
        options: see the base classes; ``crop_border`` is 0 as in the paper's test.

    Raises:
        ConfigError: if an option has an unknown value.
    """

    network: RRDBSFT
    title = "RRDB-SFT, true maps"
    architecture = tuple(inspect.signature(RRDBSFT).parameters)

    def __init__(
        self,
        num_classes: int = 40,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        code_length: int = 64,
        window_layout: Literal["fixed", "legacy"] = "fixed",
        use_semantics: bool = True,
        use_blur: bool = True,
        condition: Literal["hr", "lr"] = "hr",
        embed: Literal["index", "onehot"] = "index",
        features: int = 64,
        growth: int = 32,
        blocks: int = 10,
        residual: float = 0.2,
        window: tuple[int, int] = (15, 20),
        skip: Literal["none", "bicubic"] = "none",
        phase: float = 0.0,
        learning_rate: float = 2e-4,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **options)
        self.leave_out_classes(RRDBSFT)
        if skip == "none":  # of no effect then: data of another phase are no contradiction
            self.hparams["phase"] = 0.0
        self.network = build(RRDBSFT, self.hparams)


def with_constant_sigma(batch: Batch) -> Batch:
    """The batch with each image's mean sigma everywhere."""
    blur = batch["blur"]
    return {**batch, "blur": blur.mean(dim=(1, 2, 3), keepdim=True).expand_as(blur)}


def with_maps(task: RestorerTask, network: RestorerNetwork, batch: Batch) -> Tensor:
    """SR image of a restorer, given the maps of the batch that it needs."""
    needs = [name for name in network.needs if name != "blur_scale"]  # true maps are sure
    task.require(batch, "lr", *needs)
    maps = [batch.get(name) if name in needs else None for name in ("blur", "seg")]
    return network(batch["lr"], *maps)


def compared(
    task: RestorerTask, others: Mapping[str, list[Rival]], batch: Batch
) -> dict[str, Tensor]:
    """SR images of other networks, by the name of their row."""
    results = {}
    for name, (network,) in others.items():
        network.to(task.device)
        if isinstance(network, BlindSR):
            results[name] = network(batch["lr"])[0]
        elif isinstance(network, JointNetwork):
            results[name] = network.restore(batch["lr"])[0]
        else:
            results[name] = with_maps(task, network, batch)
    return results


def load_others(
    compare: Mapping[str, str] | None, *, key: str = "compare", told: bool = False
) -> dict[str, list[Rival]]:
    """Networks by row name, each in a list: they are no part of the task's own weights.

    Args:
        compare: files by row name.
        key: of the configuration, for messages.
        told: only restorers, which are told a map.

    Raises:
        FileError, WeightsError: if a file is missing or holds no network.
        ConfigError: if it holds no restorer.
    """
    others: dict[str, list[Rival]] = {}
    for name, path in (compare or {}).items():
        network = read_network(path).network().requires_grad_(False)
        if isinstance(network, EstimatorNetwork) or (
            told and not isinstance(network, RestorerNetwork)
        ):
            raise ConfigError(
                f"model.{key}.{name}",
                found=f"{path}, {FOUND[network.role]}",
                expected="a restorer" if told else "a restorer or a pipeline",
            )
        others[name] = [network.eval()]
    return others
