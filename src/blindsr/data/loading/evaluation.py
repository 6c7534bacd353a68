"""Data sets of validation and test: held-out files, and all test groups joined."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
from torch.utils.data import ConcatDataset, Dataset

from blindsr.errors import DataError
from blindsr.types import Sample

File = TypeVar("File")


class EvalSet(Dataset[Sample]):
    """Joins data sets and marks every sample that is a repeat.

    Positions from ``len(self)`` on begin again at the first item, with ``Sample["repeat"]`` True:
    they fill up the last round of a distributed evaluation and are left out of the scores.

    Args:
        parts: one data set, or one per test group.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        self._items: ConcatDataset[Sample] = ConcatDataset(parts)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, position: int) -> Sample:
        sample = self._items[position % len(self)]
        sample["repeat"] = position >= len(self)
        return sample


class GroupedEvalSet(Dataset[Sample]):
    """Groups in turn, each filled up with repeats to a multiple of ``multiple``.

    With ``multiple`` = batch size times number of processes, every batch of every process holds
    samples of one group, and all processes have equally many. Repeats have ``Sample["repeat"]``
    True and are left out of the scores.

    Args:
        parts: one data set per group, none of them empty.
        multiple: 1 or more.
    """

    def __init__(self, parts: Sequence[Any], *, multiple: int) -> None:
        self.parts = list(parts)
        self._ends = list(accumulate(-(-len(part) // multiple) * multiple for part in self.parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, position: int) -> Sample:
        number = bisect_right(self._ends, position)
        part = self.parts[number]
        offset = position - (self._ends[number - 1] if number else 0)
        sample: Sample = part[offset % len(part)]
        sample["repeat"] = offset >= len(part)
        return sample


def split_holdout(
    files: Sequence[File], wanted: int | float, seed: int, what: str
) -> tuple[list[File], list[File]]:
    """Return (kept, held out): a seeded random part of the files for validation.

    Args:
        files: of the training.
        wanted: a number of files (int), of which at most half are taken, or a share of them
            (float), at least one file and not all.
        seed: decides which.
        what: names the files in the error.

    Raises:
        DataError: there are fewer than two files.
    """
    if len(files) < 2:
        raise DataError(
            "holdout", found=f"{len(files)} {what} picture", expected="two or more to hold one out"
        )
    if isinstance(wanted, int):
        count = min(wanted, len(files) // 2)
    else:
        count = min(max(1, round(wanted * len(files))), len(files) - 1)
    order = np.random.default_rng([seed, len(files)]).permutation(len(files))
    held = set(order[:count].tolist())
    return (
        [file for position, file in enumerate(files) if position not in held],
        [file for position, file in enumerate(files) if position in held],
    )
