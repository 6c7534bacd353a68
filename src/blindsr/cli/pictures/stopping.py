"""Stop ``upscale`` and ``estimate`` at SIGTERM, SIGHUP or Ctrl-C; nothing half-written stays."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

_SIGNALS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
]
_ONE_PRESS_SECONDS = 1.0
"""`timeout` and wrappers pass a signal on to a process that gets it from its group as well."""


class Stopped(KeyboardInterrupt):
    """Raised where a signal ends a command; no error, so that nothing that catches errors keeps it.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class StopSignals:
    """Handlers of the signals while a command runs.

    The first signal raises :class:`Stopped`; what unwinds removes the temporary files. The second
    removes them and ends the process at once.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._last = 0.0
        self._held = False

    def check(self) -> None:
        """Raise what came while it was held, or what a destructor swallowed."""
        if self._received is not None:
            raise Stopped(self._received)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let a short step end first."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.check()

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals inside the block; a SIGHUP that ``nohup`` has ignored stays so."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            if number in (signal.SIGTERM, signal.SIGINT) or before[number] != signal.SIG_IGN:
                signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._received is None:
            self._received, self._last = number, now
            if not self._held:
                raise Stopped(number)
        elif now - self._last >= _ONE_PRESS_SECONDS:
            from blindsr.imaging.temporary import remove_living

            remove_living()
            os._exit(128 + number)
