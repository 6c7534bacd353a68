"""The data set behind validation, test and prediction: all groups in turn, repeats marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import ConcatDataset, Dataset

from blindsr.types import Sample


class EvalSet(Dataset[Sample]):
    """Joins data sets and says of every sample whether it is a repeat.

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
