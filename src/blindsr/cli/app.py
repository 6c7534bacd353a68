"""The ``blindsr`` script: one module per command, loaded only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from blindsr import __version__
from blindsr.cli.training.config_errors import did_you_mean
from blindsr.errors import BlindSRError, ConfigError, os_error

from .terminal import leave, print_error

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its version

COMMANDS = {
    "prepare": "make a training set from downloaded data",
    "configs": "list the training configurations of the package; copy one to change it",
    "demo": "train a small network on embedded scenes and show what it sees",
    "train": "fine-tune a model on photographs of your own",
    "upscale": "restore pictures at several times their size",
    "serve": "a page in your browser: drop a photograph, compare, download",
    "estimate": "sigma map and class map of pictures",
    "models": "what can be loaded, and what each model is for",
    "score": "how near pictures are to the true ones",
    "benchmark": "train, test and compare configurations with several seeds in one table",
    "convert": "official weights to ours, checkpoints to files to pass on, PBaSR and ncnn to .pth",
    "doctor": "what is installed here and whether it fits together",
}
WITH_NETWORKS = ("upscale", "serve", "estimate", "convert")
"""Commands that read networks, which may be the user's own."""
TRAINING = ("fit", "validate", "test", "predict")


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line, with a suggestion for a mistyped word."""

    def error(self, message: str) -> NoReturn:
        """Raise the complaint as :class:`ConfigError`."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.+)\)", message)
        option = re.search(r"unrecognized arguments: (\S+)", message)
        fix = f"See {self.prog} --help."
        if choice:  # of this parser: a command, a sub-command or the value of an option
            words = re.findall(r"[\w.-]+", choice[2])
            if set(COMMANDS) <= set(words):
                words += TRAINING
            fix = did_you_mean(choice[1], words) or fix
        elif option:
            fix = did_you_mean(option[1], self.options()) or fix
        raise ConfigError(self.prog, found=message, fix=fix)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown words here: the parser of a command knows what it might have meant."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def options(self) -> list[str]:
        """All option words."""
        return [word for action in self._actions for word in action.option_strings]

    def parts(self) -> list[Parser]:
        """The parsers of its commands."""
        return [
            command
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)
            for command in action.choices.values()
        ]


def build_parser(chosen: str | None) -> Parser:
    """Parser of all commands; only the chosen one fills in its arguments (and may import)."""
    parser = Parser(
        prog="blindsr",
        description="Blind image super-resolution for blur that varies across the image.",
        epilog=f"Training: blindsr {'|'.join(TRAINING)} -c CONFIG, the same as `lightning ...`.",
    )
    parser.add_argument("--version", action="version", version=f"blindsr {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            importlib.import_module(f"blindsr.cli.{name}").add_arguments(command)
        if name == chosen in WITH_NETWORKS:
            for one in command.parts() or [command]:
                one.add_argument(
                    "--import",
                    dest="modules",
                    metavar="MODULE",
                    action="append",
                    default=[],
                    help="Python module that adds a network of your own to the known ones",
                )
    return parser


def import_modules(names: Sequence[str]) -> None:
    """Import the user's modules, from the current folder too; they add rows to the table of kinds.

    Raises:
        ConfigError: one of them cannot be imported.
    """
    if names and "" not in sys.path:
        sys.path.append("")  # the current folder
    for name in names:
        try:
            importlib.import_module(name)
        except BlindSRError:
            raise
        except Exception as error:  # whatever the user's code raises
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise ConfigError(
                "--import",
                found=f"{name}, which cannot be imported ({said})",
                expected="a Python module that is installed, on PYTHONPATH or in this folder",
            ) from error


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 if some inputs failed, 2 on bad input."""
    words = list(sys.argv[1:] if args is None else args)
    chosen = words[0] if words and words[0] in COMMANDS else None
    try:
        if words and words[0] in TRAINING:
            importlib.import_module("blindsr.cli.configs").located(words)  # before torch is loaded
            from blindsr.cli.training.loaded import training_main

            return training_main(words, ends=args is None)(words)
        arguments = build_parser(chosen).parse_args(words)
        import_modules(getattr(arguments, "modules", []))
        command = importlib.import_module(f"blindsr.cli.{arguments.command}")
        return int(command.run(arguments))
    except BlindSRError as error:
        return print_error(error)
    except BrokenPipeError:  # `blindsr models | head`: whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    except OSError as error:  # full or read-only disks, names too long: no defect of ours
        return print_error(os_error(error, error.filename, "used"))
    except SystemExit as stop:  # argparse: --help, --version, a wrong word
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt:
        sys.stderr.write("blindsr: stopped\n")
        return 130


def run() -> None:
    """Entry point of the console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names may hold what the terminal's code has not
        sys.stdout.reconfigure(errors="backslashreplace")
    leave(main())
