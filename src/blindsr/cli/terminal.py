"""The terminal of command lines: errors, exit status, progress bars."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from blindsr.errors import BlindSRError, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


def leave(status: int) -> NoReturn:
    """End the process; a signal that comes while it ends does not change its status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(status))
    sys.exit(status)


def print_error(error: BlindSRError, program: str = "blindsr", hint: str = "") -> int:
    """Print one line to standard error, with a hint at its end; return the exit status 2."""
    line = f"{error}{'' if str(error).endswith('.') else '.'} {hint}" if hint else str(error)
    sys.stderr.write(f"{program}: error: {line}\n")
    return 2


Teller = Callable[[int, int], None]
"""To be told how many parts are done, and of how many."""


def make_bar(console: Console, *, transient: bool = False) -> Progress:
    """Return a bar with counts, rate and time left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Items per second, or seconds per item where these are many."""

        def render(self, task: Task) -> Text:
            if not task.speed:
                return Text("")
            often = task.speed > 0.2
            return Text(f"{task.speed:.1f}/s" if often else f"{1 / task.speed:.0f} s each")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=transient,
        disable=transient and not console.is_terminal,  # it would leave an empty line
    )


def track(paths: list[Path], console: Console, doing: str) -> Iterator[Path]:
    """Iterate under a bar that vanishes at the end."""
    with make_bar(console, transient=True) as bar:
        yield from bar.track(paths, description=doing)


def track_parts(paths: list[Path], console: Console, doing: str) -> Iterator[tuple[int, Teller]]:
    """Iterate under two bars: one over all paths, one over the parts of the path at work.

    Yields:
        The index of a path, and what is to be told of its parts.
    """
    with make_bar(console, transient=True) as bar:
        whole = bar.add_task(doing, total=len(paths), visible=len(paths) > 1)
        for index, path in enumerate(paths):
            part = bar.add_task(printable(path.name), total=None)
            yield index, _teller(bar, part)
            bar.remove_task(part)
            bar.advance(whole)


def _teller(bar: Progress, part: TaskID) -> Teller:
    def tell(done: int, total: int) -> None:
        bar.update(part, completed=done, total=total)

    return tell
