"""A loader that goes on in the middle of an epoch: a resumed training sees what it would have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader


class ResumableLoader(DataLoader):
    """Counts its batches, and begins after those that a checkpoint has seen.

    Lightning stores :meth:`state_dict` in checkpoints and hands it back before the first batch. The
    order of an epoch depends on seed and epoch alone, so the number of batches is all there is to
    know; nothing that is skipped is read. Needs a sampler with an attribute ``skip``
    (:class:`~blindsr.data.loading.samplers.SeededSampler`); with another one an epoch starts from
    its beginning.
    """

    _first = 0  # batch that the next iteration begins with
    _done = 0  # batches of the current epoch that were handed out

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        first, self._first = self._first, 0
        if not hasattr(self.sampler, "skip"):
            first = 0
        elif first:
            self.sampler.skip = first * int(self.batch_size or 1)  # type: ignore[union-attr]
        self._done = first
        for batch in super().__iter__():
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of the current epoch were handed out; 0 at its end."""
        return {"batches": self._done % max(len(self), 1)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next epoch after ``state["batches"]`` batches."""
        self._first = int(state["batches"])
