"""Commands that run one after another beside this process, with their output in a file."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Self

from blindsr.errors import BlindSRError


class Background:
    """A queue of commands in a thread; leaving the ``with`` block stops what still runs.

    Args:
        commands: words of each command; one that fails ends the queue.
        log: file for all output.
    """

    def __init__(self, commands: list[list[str]], log: Path) -> None:
        self.commands, self.log = commands, log
        self.failed: list[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stopped.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        self._thread.join()

    def _work(self) -> None:
        # one thread each: the foreground has the other core
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self.log.open("wb") as file:
            for command in self.commands:
                if self._stopped.is_set():
                    return
                self._process = subprocess.Popen(
                    command, stdout=file, stderr=subprocess.STDOUT, env=environment
                )
                if self._process.wait() != 0:
                    self.failed = command
                    return

    def running(self) -> bool:
        """Whether commands are left."""
        return self._thread.is_alive()

    def last_line(self) -> str:
        """The last line that was written so far."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else ""

    def check(self) -> None:
        """Raise an error with the last line of the log if a command failed."""
        if self.failed is not None:
            raise BlindSRError(
                " ".join(self.failed[1:4]),
                found=f"failed ({self.last_line()})",
                fix=f"{self.log} has all its output.",
            )
