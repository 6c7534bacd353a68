"""What a benchmark consists of: rows, seeds, and which choice was made on which split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

SEEDED = ("seed_everything", "data.init_args.seed")
"""Keys that get the seed of a training; tests keep the data's own, so all see the same pictures."""
SPLITS = ("validation", "train", "none")
PLACEHOLDER = re.compile(r"\{(seed|best|last)(?::([^{}]+))?\}")


class Choice(NamedTuple):
    """Something that was decided before the test, and what decided it."""

    choice: str
    split: str
    """One of :data:`SPLITS`; ``none`` for what was decided without any score."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table, with what is shared by all already in it.

    Attributes:
        name: in the table.
        config: files for ``-c``, in their order.
        overrides: values by dotted key, as on the command line, for training and test.
        test_config: further files of the test alone.
        test_overrides: further values of the test alone.
        seeded: keys that get the seed of a training.
        seeds: of the trainings; a row without training has one run unless it names ``{seed}``.
        max_steps: optimiser steps of a training.
        max_time: of a training, ``DD:HH:MM:SS``.
        checkpoint: of a finished training; there is none then.
        train: whether to train.
        tested: ``"best"`` (by the validation of the configuration) or ``"last"`` weights, or
            ``"none"``: others only start from it.
        rival: name of a row of the test table of another row, such as ``bicubic``.
        of: that other row.
        against: the row that it is compared with, in place of the plan's reference.
        shown: in the table; ``False`` for a training that others only start from.
    """

    name: str
    config: tuple[Path, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    test_config: tuple[Path, ...] = ()
    test_overrides: Mapping[str, Any] = field(default_factory=dict)
    seeded: tuple[str, ...] = SEEDED
    seeds: tuple[int, ...] = (0,)
    max_steps: int | None = None
    max_time: str | None = None
    checkpoint: str | None = None
    train: bool = True
    tested: str = "best"
    rival: str | None = None
    of: str = ""
    against: str = ""
    shown: bool = True

    @property
    def trained(self) -> bool:
        """Whether there is a training to do."""
        return self.train and self.checkpoint is None and self.rival is None

    @property
    def values(self) -> dict[str, Any]:
        """All that may hold placeholders."""
        return {"checkpoint": self.checkpoint, **self.overrides, **self.test_overrides}

    @property
    def starts_from(self) -> list[str]:
        """Names of the rows whose weights it starts from."""
        found = [match[2] for match in placeholders(self.values) if match[2]]
        return list(dict.fromkeys(found))

    @property
    def by_seed(self) -> bool:
        """Whether its runs differ by seed."""
        return self.trained or any(placeholders(self.values))

    @property
    def budget(self) -> str:
        """What its training may take, in words."""
        limits = [f"{self.max_steps} steps" if self.max_steps else "", self.max_time or ""]
        return ", ".join(limit for limit in limits if limit)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A benchmark: see ``docs/guides/benchmark.md``.

    Attributes:
        path: of its file.
        title: of the table.
        out: folder of runs and table.
        reference: row that the others are compared with, unless they name another.
        choices: printed below the table.
        rows: in the order of the table.
        curves: names that trainings log, which are drawn over their iterations.
    """

    path: Path
    title: str
    out: Path
    reference: str
    choices: tuple[Choice, ...]
    rows: tuple[Row, ...]
    curves: tuple[str, ...] = ()

    def row(self, name: str) -> Row:
        """The row of a name."""
        return next(row for row in self.rows if row.name == name)

    def compared_with(self, row: Row) -> str:
        """Name of the row that one is compared with; its own for the reference."""
        return row.against or self.reference


def placeholders(value: Any) -> list[re.Match[str]]:
    """All placeholders in a value of YAML."""
    if isinstance(value, Mapping):
        return [match for one in value.values() for match in placeholders(one)]
    if isinstance(value, (list, tuple)):
        return [match for one in value for match in placeholders(one)]
    return list(PLACEHOLDER.finditer(value)) if isinstance(value, str) else []


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """A value with its placeholders replaced.

    Args:
        value: of YAML.
        words: by placeholder, ``"{seed}"`` or ``"{best:cmos}"``.
    """
    if isinstance(value, Mapping):
        return {key: filled(one, words) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(one, words) for one in value]
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: words[match[0]], value)
    return value
