"""Messages of Lightning that are silenced, each with its reason."""

from __future__ import annotations

import logging
import warnings


def quiet() -> None:
    """Silence what tells a user nothing, each with its reason."""
    for text in (
        ".*does not have many workers.*",  # the configurations choose worker counts on purpose
        ".*worker processes in total.*",  # num_workers is for the machine that trains for days
        ".*litlogger.*",  # advertisement
        ".*The dirpath has changed from.*",  # a resumed run has its own folder
        ".*Checkpoint directory .* exists and is not empty.*",  # resuming writes there on purpose
        ".*The number of training batches .* is smaller than the logging interval.*",  # tiny sets
        ".*tensorboardX.*",  # a CSV logger is what we want
        ".*It is recommended to use `self.log.*sync_dist.*",  # the scores are added up already
        ".*in eval mode at the start of training.*",  # the frozen estimator is meant to be
        ".*manual optimization and every_n_train_steps.*",  # after the step is what resuming needs
        ".*LeafSpec.*",  # deprecation inside lightning with new torch versions
        ".*treespec.*",
    ):
        warnings.filterwarnings("ignore", message=text)
    needless = ("Tip:", "`weights_only` was not set")  # advertisement; how a checkpoint is written
    for name in ("utilities.rank_zero", "trainer.connectors.checkpoint_connector"):
        logging.getLogger(f"lightning.pytorch.{name}").addFilter(
            lambda record: not any(text in record.getMessage() for text in needless)
        )
