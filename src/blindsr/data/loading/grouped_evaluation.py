"""Evaluation of groups whose samples have different keys: no batch lies in two groups."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from torch.utils.data import Dataset

from blindsr.types import Sample


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
