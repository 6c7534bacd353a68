"""Load Lightning's command line, a third sooner than a plain import; for help in half the time."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence

from .hollow import hollow

NEEDLESS = ("scipy.signal",)
"""TorchMetrics loads it to ask one thing of it, whether it has ``hamming``."""
COMPUTING = ("torch._dynamo", "torchmetrics")
"""What compiles and scores; no word of the help comes from them."""
WHOLE = "BLINDSR_WHOLE"
"""Set where a process starts again that could not do without them."""


def training_main(words: Sequence[str] = (), *, ends: bool = False) -> Callable[..., int]:
    """Return :func:`blindsr.cli.training.command.main`.

    Args:
        words: the command that is to be run.
        ends: the process ends with it, so that a question for help need not load what computes.
    """
    if not (ends and asks_for_help(words)) or os.environ.get(WHOLE):
        with _collecting_nothing(), hollow(NEEDLESS):
            from blindsr.cli.training.command import main
        return main
    gc.disable()
    try:
        with hollow(COMPUTING):
            from blindsr.cli.training.command import main
    except Exception:  # another release that needs more of them; half of it is loaded now
        os.environ[WHOLE] = "1"
        os.execv(sys.executable, sys.orig_argv)
    return main


def asks_for_help(words: Sequence[str]) -> bool:
    """Whether the answer is a help text: ``--help``, ``--model.help CLASS``."""
    return any(word == "-h" or (word.startswith("--") and word.endswith("help")) for word in words)


@contextlib.contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Imports make a million objects that stay, through which the collector would go every time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
