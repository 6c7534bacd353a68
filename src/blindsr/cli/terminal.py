"""The terminal of command lines: errors, exit status, progress bars."""

from __future__ import annotations

import atexit
import contextlib
import datetime
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from blindsr.errors import BlindSRError, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


_leaving: list[int] = []
"""The status that :func:`leave` ends the process with."""


def leave(status: int) -> NoReturn:
    """End the process; a signal that comes while it ends does not change its status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(status))
    _leaving.append(status)
    sys.exit(status)


@atexit.register  # first, and so called after what libraries do at their end
def _end_at_once() -> None:
    """Spare the interpreter to take a million objects apart, which takes half a second."""
    if not _leaving:
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # a reader that is gone: the interpreter has its words for it
        return
    os._exit(_leaving[-1])


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
    )


@contextlib.contextmanager
def counted(console: Console, doing: str) -> Iterator[Teller]:
    """Show a count: a bar on a terminal, from the first count on; else a line now and then.

    Yields:
        What is to be told of it.
    """
    if not console.is_terminal:
        yield lines(console, doing)
        return
    bar = make_bar(console)
    task = bar.add_task(doing, total=None)
    tell_bar = _teller(bar, task)

    def tell(done: int, total: int) -> None:
        tell_bar(done, total)
        bar.start()  # with a count; again and again, of which only the first matters

    try:
        yield tell
    finally:
        if bar.tasks[0].total is not None:  # a bar without a count would leave an empty line
            bar.stop()


INTERVAL = 15.0
"""Seconds between two lines where there is no terminal."""


def lines(console: Console, doing: str) -> Teller:
    """Return what prints a line every :data:`INTERVAL` seconds, and none of what is quick."""
    begin = last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < INTERVAL or not 0 < done < total:
            return
        last = now
        left = datetime.timedelta(seconds=round((total - done) * (now - begin) / done))
        console.print(f"{doing}: {done}/{total}, left {left}")

    return tell


def track_parts(
    items: Sequence[Path | str], console: Console, doing: str
) -> Iterator[tuple[int, Teller]]:
    """Iterate under two bars: one over all items, one over the parts of the item at work.

    Without a terminal a line tells of the parts now and then.

    Yields:
        The index of an item, and what is to be told of its parts.
    """
    names = [printable(item if isinstance(item, str) else item.name) for item in items]
    if not console.is_terminal:
        yield from ((i, lines(console, name)) for i, name in enumerate(names))
        return
    with make_bar(console, transient=True) as bar:
        whole = bar.add_task(doing, total=len(names), visible=len(names) > 1)
        for index, name in enumerate(names):
            part = bar.add_task(name, total=None, visible=False)
            yield index, _teller(bar, part)
            bar.remove_task(part)
            bar.advance(whole)


def _teller(bar: Progress, part: TaskID) -> Teller:
    def tell(done: int, total: int) -> None:
        first = not bar.tasks[bar.task_ids.index(part)].visible
        bar.update(part, completed=done, total=total, visible=True, refresh=first)

    return tell
