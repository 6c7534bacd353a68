"""Encode rows in a thread of their own, while the next ones are computed."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from blindsr.photo.stream import Stream

WAITING = 64_000_000
"""Bytes of rows that may wait, a strip of a large picture: who writes faster has to wait, too."""


class BackgroundStream(Stream):
    """Hands rows on to another stream in one thread, in their order; a context manager.

    What fails there is raised by the next call, at the latest by :meth:`close`. Leaving the context
    drops what still waits, so that the file may be removed.

    Args:
        stream: to encode with.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._pending: deque[tuple[int, Future[None]]] = deque()
        self._bytes = 0

    def __enter__(self) -> Self:
        """Take rows."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def write(self, rows: NDArray[np.integer]) -> None:
        """Append rows; they are copied."""
        while self._pending and (self._bytes > WAITING or self._pending[0][1].done()):
            self._finish_one()
        self._pending.append((rows.nbytes, self._thread.submit(self._stream.write, rows.copy())))
        self._bytes += rows.nbytes

    def close(self) -> None:
        """Complete the file."""
        while self._pending:
            self._finish_one()
        self._stream.close()

    def _finish_one(self) -> None:
        size, encoded = self._pending.popleft()
        self._bytes -= size
        encoded.result()
