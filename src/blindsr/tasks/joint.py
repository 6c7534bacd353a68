"""Base of the tasks whose one network restores and says which blur it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from blindsr.networks.roles import JointNetwork
from blindsr.types import Estimate, counted

from .blind_restoration import BlindRestorerTask
from .starting_weights import network_of_file

if TYPE_CHECKING:
    from blindsr.types import Batch


class JointTask(BlindRestorerTask):
    """Base: a subclass builds ``self.network`` and writes :meth:`losses`.

    It has the hyper-parameters ``scale``, ``sigma_max`` and ``weights``. Validation scores the blur
    maps beside the images.

    Args:
        options: see the base classes.
    """

    network: JointNetwork
    linked_with_data: tuple[str, ...] = ("scale", "sigma_max")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.val_map_scores = self.new_map_scores()
        self._started = False

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Parts of the loss by name; they are summed."""
        raise NotImplementedError

    def start_files(self) -> dict[str, str]:
        """Files that the weights start from, by what they are for: that of ``weights``, if any."""
        path = self.hparams["weights"]
        return {} if path is None else {"weights": path}

    def start_from(self, purpose: str, network: JointNetwork) -> None:
        """Take over weights of a file of :meth:`start_files`."""
        self.network.load_state_dict(network.state_dict())

    def random_parts(self) -> str:
        """Empty if there is a file to start from."""
        return "" if self.start_files() else super().random_parts()

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Load the weights to start from and the networks to compare with, once.

        Raises:
            FileError, WeightsError: if a file is missing or holds another network.
            ConfigError: if it was made with other settings.
        """
        super().preflight(stage, resumed=resumed)
        if not resumed and not self._started:
            for purpose, path in self.start_files().items():
                self.start_from(purpose, network_of_file(path, self.network, self.hparams))
        self._started = True

    def forward(self, lr: Tensor) -> Any:
        """(N, 3, h, w) in [0, 1] -> what the network returns."""
        return self.network(lr)

    def restore(self, batch: Batch) -> tuple[Tensor, Estimate]:
        """Restore without knowing the blur."""
        return self.network.restore(batch["lr"])

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Sum of :meth:`losses`."""
        parts = self.losses(batch)
        first, *others = parts.values()
        total = sum(others, first)
        size = len(batch["lr"])
        self.log("train/loss", total.detach(), prog_bar=True, batch_size=size)
        for name, value in parts.items():
            self.log(f"train/{name}", value.detach(), prog_bar=True, batch_size=size)
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Score images and maps of a batch."""
        outputs = super().validation_step(batch, batch_idx)
        for index in counted(batch):
            self.score_maps(self.val_map_scores, batch, outputs["estimate"], index)
        return outputs

    def on_validation_epoch_end(self) -> None:
        """Log the scores of images, and of maps as far as there are some."""
        super().on_validation_epoch_end()
        for name, value in self.val_map_scores.compute().items():
            if not value.isnan():  # of a network without classes, say
                self.log(f"val/{name}", value)
        self.val_map_scores.reset()
