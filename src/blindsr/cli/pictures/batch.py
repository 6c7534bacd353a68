"""Process many pictures one after another; a failure of one does not stop the others."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.cli.terminal import print_error
from blindsr.errors import BlindSRError, os_error, printable

from .inputs import Search, Source, find_pictures
from .stopping import Stopped, StopSignals

if TYPE_CHECKING:
    from rich.console import Console

    from blindsr.cli.terminal import Teller

DEBUG = "BLINDSR_DEBUG"
"""Environment variable: also print the traceback of what was not expected."""


@dataclass
class Batch:
    """Counts what is done and gathers what went wrong.

    Attributes:
        again: how to go on after a signal.
        less_memory: how to go on where memory ran out.
        total: number of pictures that were found.
        done: of them, results are complete.
        failures: lines to print at the end.
    """

    again: str
    less_memory: str
    total: int = 0
    done: int = 0
    failures: list[BlindSRError] = field(default_factory=list)
    signals: StopSignals = field(default_factory=StopSignals)

    @property
    def status(self) -> int:
        """0 if all went well, 1 if some pictures could not be done, 2 if none could."""
        if not self.failures:
            return 0
        return 1 if self.done else 2

    def run(self, command: Callable[[], int]) -> int:
        """Run a command and return its status: 128 + the signal's number where one ended it."""
        try:
            with self.signals.handled():
                return command()
        except KeyboardInterrupt as stop:
            number = stop.number if isinstance(stop, Stopped) else 2
            self.print_failures()
            sys.stderr.write(f"blindsr: stopped; {self.done} of {self.total} done. {self.again}\n")
            return 128 + number

    def print_failures(self) -> None:
        """Print a line for each picture that could not be done."""
        for failure in self.failures:
            print_error(failure)

    def fail(self, error: BlindSRError) -> None:
        """Keep an error, without the frames that hold its pictures in memory."""
        error.__cause__ = error.__context__ = None
        self.failures.append(error.with_traceback(None))

    def checked(self, tell: Teller) -> Teller:
        """Return what is told of parts, and ends the picture at a signal that was lost."""

        def checked(done: int, total: int) -> None:
            self.signals.check()
            tell(done, total)

        return checked

    @contextlib.contextmanager
    def picture(self, source: Path, out: Path | None = None) -> Iterator[None]:
        """Do one picture; whatever goes wrong is one line about it.

        Args:
            source: to read.
            out: to write; an error that names neither gets the name of the source.
        """
        self.signals.check()
        try:
            with one_line(source, self.less_memory):
                yield
        except BlindSRError as error:
            named = [str(source), *([] if out is None else [str(out.parent / out.stem)])]
            if not any(name in error.where for name in named):
                error = type(error)(
                    f"{source}: {error.where}",
                    found=error.found,
                    expected=error.expected,
                    fix=error.fix,
                )
            self.fail(error)


@contextlib.contextmanager
def one_line(where: Path, less_memory: str) -> Iterator[None]:
    """Turn every exception into an error about one picture.

    Raises:
        BlindSRError: instead of any other exception; with the traceback printed before, where
            :data:`DEBUG` is set and it was not expected.
    """
    try:
        yield
    except BlindSRError:
        raise
    except Exception as error:
        if _is_out_of_memory(error):
            raise BlindSRError(where, found="memory ran out", fix=less_memory) from error
        if isinstance(error, OSError):
            raise os_error(error, error.filename or where, "used") from error
        if os.environ.get(DEBUG):
            sys.stderr.write(traceback.format_exc())
        kind = "too deeply nested" if isinstance(error, RecursionError) else "cannot be done"
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise BlindSRError(
            where, found=f"{kind} ({printable(reason[:200])})", fix=f"{DEBUG}=1 tells where."
        ) from error


def gather(
    words: Sequence[str], batch: Batch, console: Console, recursive: bool, out: Path
) -> list[Source]:
    """Find pictures, say what was passed over, and keep what is missing as failures.

    Raises:
        BlindSRError: there is no picture at all.
    """
    search = Search(batch.failures)
    try:
        sources = find_pictures(words, recursive=recursive, leave_out=out, search=search)
    except BlindSRError as error:
        for other in batch.failures:
            if other is not error:
                print_error(other)
        raise
    for note in search.notes:
        console.print(f"note: {printable(note)}")
    return sources


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    known = type(error).__name__ == "OutOfMemoryError"  # torch's, which need not be loaded
    return known or "can't allocate memory" in str(error)
