"""``blindsr configs``: the training configurations that come with the package."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from blindsr.cli.training.config_errors import did_you_mean
from blindsr.errors import ConfigError, FileError

FOLDER = "experiments"
"""Of the repository, and of the installed package."""
SUFFIX = ".yaml"
OPTIONS = ("-c", "--config")
_NAME = re.compile(r"[^{}\[\]:\n]+")
"""What is no YAML typed in place of a file, which the parser takes too."""


def shipped_folder() -> Path:
    """Where the configurations are: beside the modules, or in the clone that is installed."""
    package = Path(__file__).resolve().parents[1]
    inside = package / FOLDER
    return inside if inside.is_dir() else package.parents[1] / FOLDER


def shipped_names() -> list[str]:
    """Their paths below the folder: those of trainings first, then what is put on top of them."""
    folder = shipped_folder()
    found = [path.relative_to(folder) for path in folder.rglob("*.yaml")]
    return [p.as_posix() for p in sorted(found, key=lambda path: (len(path.parts), path))]


def find(word: str) -> Path | None:
    """The configuration that a word names; a file of the user's comes before one of the package.

    Args:
        word: a path, or a name of the package's with or without ``experiments/`` and ``.yaml``.
    """
    names = [word] if word.endswith((SUFFIX, ".yml")) else [word, word + SUFFIX]
    for name in (*names, *(os.path.join(FOLDER, name) for name in names)):  # noqa: PTH118
        if os.path.isfile(name):  # noqa: PTH113 - the word may be anything, also YAML itself
            return Path(name)
    return next((path for name in names if (path := shipped(name)) is not None), None)


def shipped(name: str) -> Path | None:
    """The package's own configuration of a name, whatever the user has."""
    parts = PurePath(name).parts
    name = "/".join(parts[1:] if parts[:1] == (FOLDER,) else parts)
    return shipped_folder() / name if name in shipped_names() else None


def located(words: Sequence[str]) -> list[str]:
    """Words of a training command with the paths of the configurations that they name.

    Raises:
        ConfigError: for the name of a file that is nowhere.
    """
    result = list(words)
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option not in OPTIONS:
            continue
        if equals:
            result[index] = f"{option}={_located(value)}"
        elif index + 1 < len(words):
            result[index + 1] = _located(words[index + 1])
    return result


def _located(word: str) -> str:
    path = find(word)
    if path is None and _NAME.fullmatch(word) and not os.path.exists(word):  # noqa: PTH110
        raise unknown(word)
    return word if path is None else str(path)


def unknown(word: str) -> ConfigError:
    """The error about a configuration that neither the user nor the package has."""
    names = [name.removesuffix(SUFFIX) for name in shipped_names()]
    near = did_you_mean(word.removesuffix(SUFFIX), names)
    return ConfigError(
        word,
        found="no such file, and no configuration of the package",
        expected="a YAML configuration",
        fix=near or "`blindsr configs` lists those of the package.",
    )


def summary(path: Path) -> str:
    """The first line of comment."""
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").rstrip()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    kinds = parser.add_subparsers(dest="action", metavar="copy")
    text = "write one where the same word finds it, to be changed: a local file comes first"
    copy = kinds.add_parser("copy", help=text, description=text)
    copy.add_argument("name", metavar="NAME", help="as `blindsr configs` lists it")


def run(arguments: argparse.Namespace) -> int:
    """List the configurations, or copy one."""
    lines = _listed() if arguments.action is None else [_copied(arguments.name)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _listed() -> Iterator[str]:
    names = shipped_names()
    width = max(map(len, names), default=0)
    for name in names:
        yield f"{name:{width}}  {summary(shipped_folder() / name)}"


def _copied(name: str) -> str:
    """Write the configuration to the path that its name is.

    Raises:
        ConfigError: there is none of this name.
        FileError: there is a file already.
    """
    from blindsr.imaging.files import atomic_path

    name = name.removesuffix(SUFFIX) + SUFFIX
    source, target = shipped(name), Path(name)
    if source is None:
        raise unknown(name)
    if target.exists():
        raise FileError(target, found="exists already", fix="Move it away, or change that one.")
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
    return f"{target} written; `-c {target}` takes it"
