"""``lightning {fit,validate,test,predict}``: Lightning's command line with this library's manners.

Class count, scale and sigma range follow the data; an unusable configuration ends in one line and
status 2 before anything is written; ``--ckpt_path`` never changes the configuration silently.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from argparse import ArgumentError
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its version
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads are slow on busy machines
os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # lightning's use of it, not ours

from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from blindsr.callbacks import (
    SaveOnStop,
    ScoreTable,
    SkipNonFinite,
    StopSignals,
    TrainingStopped,
    progress_bar,
    sweep_parts,
    use_whole_checkpoints,
)
from blindsr.errors import BlindSRError, ConfigError, FileError
from blindsr.tasks.base import RestorationTask

from .messages import explain
from .report import print_error
from .resume import NEWEST, checkpoint_folders, go_on, open_named, open_newest, say

LINKED = ("num_classes", "scale", "sigma_max")
COMMANDS = ("fit", "validate", "test", "predict")


class BlindSRCLI(LightningCLI):
    """Lightning's command line for the tasks and data sets of blindsr."""

    def __init__(self, args: ArgsType = None, stop: SaveOnStop | None = None) -> None:
        self.stop = stop or SaveOnStop(StopSignals())
        self.words = [str(word) for word in args] if isinstance(args, list) else []
        no_exit = {"exit_on_error": False, "allow_abbrev": False}
        super().__init__(
            trainer_class=Trainer,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            seed_everything_default=0,
            parser_kwargs={**no_exit, **{command: dict(no_exit) for command in COMMANDS}},
            save_config_kwargs={"overwrite": False},
            args=args,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Let the data decide what the model must agree with."""
        for name in LINKED:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def _prepare_subcommand_parser(
        self, klass: type, subcommand: str, **kwargs: Any
    ) -> LightningArgumentParser:
        """Add what only some commands have."""
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand != "fit":
            parser.add_argument(
                "--random_weights",
                type=bool,
                default=False,
                help="run without a checkpoint although the weights are random then",
            )
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse, and translate what the parser refuses."""
        try:
            if isinstance(args, (dict, Namespace)):
                self.config = parser.parse_object(args)
            else:
                self.config = parser.parse_args(args)
        except ArgumentError as error:
            chosen = next((word for word in self.words if word in COMMANDS), None)
            known = known_keys(self._subcommand_parsers[chosen]) if chosen else []
            raise explain(str(error), known) from error

    def _parse_ckpt_path(self) -> None:
        """Only look whether the checkpoint is there.

        Lightning would put the stored hyper-parameters over YAML and flags without a word; here
        they are compared with the configuration once both are known.
        """
        path = self.config[self.config.subcommand].get("ckpt_path")
        special = (*NEWEST, "hpc", "registry")
        if path and path not in special and not os.path.isfile(path):  # noqa: PTH113 - may be a URL-like string
            raise FileError(path, found="no such file", expected="a checkpoint for --ckpt_path")

    def after_instantiate_classes(self) -> None:
        """Check the checkpoint and the data before anything starts."""
        command = str(self.subcommand)
        self.config_init[command]["weights_only"] = True  # nothing in a checkpoint is run
        path = self.start_from(self.config[command].get("ckpt_path"))
        if command != "fit" and not path and not self.config[command].get("random_weights"):
            refuse_random_weights(self.model, command)
        if hasattr(self.datamodule, "preflight"):
            self.datamodule.preflight(self.subcommand)
        if hasattr(self.model, "preflight"):
            self.model.preflight(self.subcommand, resumed=bool(path))

    def start_from(self, path: str | None) -> str | None:
        """Find and check the checkpoint; sweep what killed runs left of theirs."""
        for folder in checkpoint_folders(self.trainer):
            sweep_parts(folder)
        content = None
        if path in NEWEST:
            newest = open_newest(path, self.trainer, fit=self.subcommand == "fit")
            path, content = newest or (None, None)
            self.config_init[self.subcommand]["ckpt_path"] = path
        elif path and os.path.isfile(path):  # noqa: PTH113
            content = open_named(path, self.trainer)
        if path and content is not None:
            compare_hyper_parameters(path, content, self.model, str(self.subcommand))
        return path

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add what needs no configuration: progress, the guard against NaN, the score table."""
        trainer = self.config[self.subcommand]["trainer"]
        bars = [] if trainer.get("enable_progress_bar") is False else [progress_bar()]
        self.trainer_defaults = {"callbacks": [*bars, SkipNonFinite(), ScoreTable()]}
        made = super().instantiate_trainer(**kwargs)
        use_whole_checkpoints(made)
        made.callbacks.append(self.stop)  # type: ignore[attr-defined]  # last: it saves what others did
        return made

    def test(self, **kwargs: Any) -> None:
        """Run the test; the table is printed by its callback."""
        self.trainer.test(**{**kwargs, "verbose": False})


def known_keys(parser: LightningArgumentParser) -> list[str]:
    """Every key that a parser accepts."""
    return [action.dest for action in parser._actions if action.dest != "help"]


FREE_ON_RESUME = ("pretrained", "weights", "compare", "lpips")
"""Where a fresh training starts and what a test adds: no part of what a checkpoint continues."""


def compare_hyper_parameters(
    path: str, content: Mapping[str, Any], model: LightningModule, command: str
) -> None:
    """Refuse a checkpoint whose hyper-parameters contradict the configuration.

    A resumed training must be the same training, so every value counts; for the other commands
    only those that shape the network do.

    Args:
        path: names the file in errors.
        content: of the file.
        model: as configured.
        command: of the command line.

    Raises:
        ConfigError: on the first contradiction.
    """
    stored = content.get("hyper_parameters", {})
    current = model.hparams
    shaping = getattr(model, "architecture", tuple(current))
    for name, value in stored.items():
        relevant = name in current and not name.startswith("_") and name not in FREE_ON_RESUME
        if not relevant or (command != "fit" and name not in shaping):
            continue
        if plain(current[name]) != plain(value):
            raise ConfigError(
                f"model.{name}",
                found=f"{current[name]} in the configuration",
                expected=f"{value} as in {path}",
                fix=f"Set --model.{name} {value}; --ckpt_path continues the same model.",
            )


def refuse_random_weights(model: LightningModule, command: str) -> None:
    """Raise a ConfigError where nobody would learn that the scores are those of random weights."""
    if not isinstance(model, RestorationTask):
        return  # nobody knows what another module reads by itself
    parts = model.random_parts()
    if parts:
        raise ConfigError(
            "--ckpt_path",
            found=f"nothing, so that {parts} would have random weights",
            expected=f"a checkpoint to {command}",
            fix="Give --ckpt_path FILE (or last), or --random-weights to do it on purpose.",
        )


def plain(value: Any) -> Any:
    """A value as it compares after a trip through YAML: tuples are lists."""
    return list(value) if isinstance(value, tuple) else value


def caused_by_user(error: BaseException | None) -> BlindSRError | None:
    """The error of ours behind ``error``: jsonargparse wraps what a constructor raises."""
    while error is not None and not isinstance(error, BlindSRError):
        error = error.__cause__ or error.__context__
    return error


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


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: the words after ``lightning``; ``None`` reads the command line.

    Returns:
        Exit status: 0, or 2 after an error of input or configuration, which is printed as one line.
    """
    quiet()
    words = [RANDOM.get(word, word) for word in (sys.argv[1:] if args is None else args)]
    stop = SaveOnStop(StopSignals())
    with stop.signals.installed():
        try:
            BlindSRCLI(words, stop)
        except SystemExit as end:  # --help, --print_config
            if stop.signals.received is None:
                return end.code if isinstance(end.code, int) else int(end.code is not None)
            return report_stop(stop, words)
        except TrainingStopped:
            return report_stop(stop, words)
        except Exception as error:
            if stop.signals.received is not None:  # its consequence: workers that ended with it
                return report_stop(stop, words)
            ours = caused_by_user(error)
            if ours is None:
                raise
            return print_error(ours)
    return 0


RANDOM = {"--random-weights": "--random_weights=true", "--random_weights": "--random_weights=true"}
"""A switch on the command line, a value of either kind in YAML."""


def report_stop(stop: SaveOnStop, words: Sequence[str]) -> int:
    """Say what became of a run that a signal ended; returns the exit status of that signal."""
    if int(os.environ.get("LOCAL_RANK", "0")):
        return 0  # the launcher takes another status of its helpers for a crash, and kills rank 0
    number = stop.signals.received or signal.SIGINT
    line = f"stopped by {signal.Signals(number).name}"
    if stop.path is not None:
        line += f"; go on with: {go_on(words, stop.path)}"
    elif words[:1] == ["fit"]:
        line += "; nothing was saved"
    say(line)
    return 128 + number
