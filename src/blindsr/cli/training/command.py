"""``lightning {fit,validate,test,predict}``: Lightning's command line with this library's checks.

Class count, scale and sigma range follow the data; an unusable configuration ends in one line and
status 2 before anything is written; ``--ckpt_path`` never changes the configuration silently.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from argparse import ArgumentError
from collections.abc import Iterator, Sequence
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its version
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads are slow on busy machines
os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # lightning's use of it, not ours

from jsonargparse import Namespace, set_dumper
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from blindsr.callbacks import (
    Dashboard,
    SaveOnStop,
    ScoreTable,
    SkipNonFinite,
    Speed,
    StopSignals,
    TrainingStopped,
    WandbLogger,
    callbacks_of,
    progress_bar,
    sweep_parts,
    use_whole_checkpoints,
)
from blindsr.cli.configs import located
from blindsr.cli.memory import keep_freed_memory
from blindsr.cli.terminal import print_error
from blindsr.errors import BlindSRError, ConfigError, FileError
from blindsr.tasks.base import DECIDED_BY_DATA, RestorationTask
from blindsr.weights.reading import require_finite

from .agreement import (
    allow_open_files,
    compare_hyper_parameters,
    refuse_contradictions,
    refuse_random_weights,
    refuse_trainer_values,
    refuse_used_folder,
)
from .config_errors import explain
from .fast_yaml import read_yaml, write_yaml
from .precision import by_hardware
from .predictions import PredictionFiles
from .process_group import part_at_exit
from .processes import check_processes, refuse_numbers_of_whole_weights
from .quiet import quiet
from .refused import refused
from .resume import NEWEST, checkpoint_folders, go_on, open_named, open_newest, say
from .run_folder import find_checkpoints, number_runs

set_dumper("yaml", write_yaml)

COMMANDS = ("fit", "validate", "test", "predict")


class Parser(LightningArgumentParser):
    """Writes a configuration, which it has parsed, without looking at every value once more."""

    def dump(self, *args: Any, **options: Any) -> str:
        """Return YAML."""
        return super().dump(*args, **{"skip_validation": True, **options})

    def save(self, *args: Any, **options: Any) -> None:
        """Write YAML."""
        super().save(*args, **{"skip_validation": True, **options})


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
            parser_kwargs={**no_exit, **{name: dict(no_exit) for name in self.subcommands()}},
            save_config_kwargs={"overwrite": False},
            parser_class=Parser,
            args=args,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # as an instance's
        """The command that is asked for alone: to set up the other three takes as long again."""
        every = LightningCLI.subcommands()
        chosen = self.words[:1]
        return {name: every[name] for name in chosen if name in every} or every

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Let the data decide what the model must agree with."""
        for name in DECIDED_BY_DATA:
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
        if subcommand == "predict":
            parser.add_argument(
                "--out",
                type=str | None,
                default=None,
                help="folder for pictures and maps [predictions in the run's folder]",
            )
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse, and translate what the parser refuses."""
        try:
            if isinstance(args, (dict, Namespace)):
                self.config = parser.parse_object(args)
            else:
                self.config = parser.parse_args(located(self.words) if self.words else args)
        except ArgumentError as error:
            chosen = next((word for word in self.words if word in COMMANDS), None)
            known = known_keys(self._subcommand_parsers[chosen]) if chosen else []
            raise explain(str(error), known) from error
        except UnicodeDecodeError as error:
            raise ConfigError("-c", found="a file that is no text", expected="YAML") from error

    def _parse_ckpt_path(self) -> None:
        """Only look whether the checkpoint is there; those named by run become files.

        Lightning would put the stored hyper-parameters over YAML and flags without a word; here
        they are compared with the configuration once both are known.
        """
        config = self.config[self.config.subcommand]
        find_checkpoints(config)
        path = config.get("ckpt_path")
        special = (*NEWEST, "hpc")
        if path and path not in special and not os.path.isfile(path):  # noqa: PTH113 - may be a URL-like string
            raise FileError(path, found="no such file", expected="a checkpoint for --ckpt_path")

    def _dump_config(self) -> None:
        """What Lightning keeps as hyper-parameters: the configuration as plain values."""
        if hasattr(self, "config_dump"):
            return
        text = self.parser.dump(self.config, skip_link_targets=False, skip_none=False)
        self.config_dump = read_yaml(text)[str(self.subcommand)]

    def after_instantiate_classes(self) -> None:
        """Check the checkpoint and the data before anything starts."""
        with self._one_line():
            self._check()

    def _check(self) -> None:
        command = str(self.subcommand)
        self.config_init[command]["weights_only"] = True  # nothing in a checkpoint is run
        asked = self.config[command]["model"].get("init_args") or {}
        refuse_contradictions(asked, self.words, self.model, self.datamodule)
        if isinstance(self.model, RestorationTask):
            self.model.check_settings()
        shared = self.config[command]["trainer"].get("sync_batchnorm")
        check_processes(self.trainer, self.model, command, shared=shared)
        refuse_used_folder(self.trainer)
        data = self.config[command].get("data") or {}
        allow_open_files(int((data.get("init_args") or {}).get("num_workers") or 0))
        path = self.start_from(self.config[command].get("ckpt_path"))
        if command != "fit" and not path and not self.config[command].get("random_weights"):
            refuse_random_weights(self.model, command)
        if hasattr(self.datamodule, "preflight"):
            self.datamodule.preflight(self.subcommand)
        if hasattr(self.model, "preflight"):
            self.model.preflight(self.subcommand, resumed=bool(path))
        for callback in callbacks_of(self.trainer):
            if hasattr(callback, "preflight"):
                callback.preflight(self.subcommand, self.model)
        for logger in self.trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.preflight()
        number_runs(self.trainer, command)

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
            require_finite(content.get("state_dict", {}), path)
            compare_hyper_parameters(
                path, content, self.model, self.datamodule, str(self.subcommand)
            )
            if self.subcommand == "fit":
                refuse_numbers_of_whole_weights(path, content, self.trainer, self.model)
        return path

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add what needs no configuration: progress, the guard against NaN, the score table."""
        trainer = self.config[self.subcommand]["trainer"]
        refuse_trainer_values(trainer)
        bars = [] if trainer.get("enable_progress_bar") is False else [progress_bar()]
        more: list[Callback] = [*bars, SkipNonFinite(), ScoreTable(), Dashboard()]
        if self.subcommand == "fit":
            more.append(Speed())
            self._choose_precision(trainer)
        if self.subcommand == "predict":
            more.append(PredictionFiles(self.config["predict"].get("out")))
        self.trainer_defaults = {"callbacks": more}
        made = super().instantiate_trainer(**kwargs)
        use_whole_checkpoints(made)
        if self.subcommand == "fit" and made.loggers:
            callbacks_of(made).append(LearningRateMonitor("step"))
        callbacks_of(made).append(self.stop)  # last: it saves what others did
        return made

    def _choose_precision(self, trainer: Namespace) -> None:
        """Compute in bfloat16 where that is faster, say so, and write it into the run's file."""
        chosen = by_hardware(trainer, self.model)
        if chosen is not None:
            for config in (self.config, self.config_init):
                config["fit"]["trainer"]["precision"] = chosen
            say(
                f"precision {chosen}, in which this processor is faster; --trainer.precision "
                "32-true computes in float32"
            )

    def _set_seed(self) -> None:
        with self._one_line():
            super()._set_seed()

    def instantiate_classes(self) -> None:
        """Make data, model and trainer, and translate what their makers refuse."""
        with self._one_line():
            super().instantiate_classes()

    def _run_subcommand(self, subcommand: str) -> None:
        with self._one_line():
            super()._run_subcommand(subcommand)

    @contextlib.contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            known = known_keys(self._subcommand_parsers[str(self.subcommand)])
            ours = refused(error, known, self.stop.folder)
            if ours is None or ours is error:
                raise
            raise ours from error

    def before_fit(self) -> None:
        """Keep what a step frees for the next: a tenth to a third less time on a CPU."""
        if self.trainer.strategy.root_device.type == "cpu":
            keep_freed_memory()

    def predict(self, **kwargs: Any) -> None:
        """Run the prediction; a callback writes what is predicted, nothing is kept in memory."""
        self.trainer.predict(**{**kwargs, "return_predictions": False})

    def test(self, **kwargs: Any) -> None:
        """Run the test; the table is printed by its callback."""
        self.trainer.test(**{**kwargs, "verbose": False})


def known_keys(parser: LightningArgumentParser) -> list[str]:
    """Every key that a parser accepts."""
    return [action.dest for action in parser._actions if action.dest != "help"]


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: the words after ``lightning``; ``None`` reads the command line.

    Returns:
        Exit status: 0, or 2 after an error of input or configuration, which is printed as one line.
    """
    quiet()
    part_at_exit()
    if "" not in sys.path:
        sys.path.append("")  # class_path may name a module of the current folder
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
            after = "" if stop.path is None else f"Go on with: {go_on(words, stop.path)}"
            if isinstance(error, BlindSRError):
                return print_error(error, hint=after)
            if after:
                say(after)
            raise
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
