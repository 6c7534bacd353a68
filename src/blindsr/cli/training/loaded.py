"""Load Lightning's command line, a third sooner than a plain import."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

_SIGNAL = "scipy.signal"


def training_main() -> Callable[[Sequence[str] | None], int]:
    """Return :func:`blindsr.cli.training.command.main`."""
    with _collecting_nothing(), _without_signals():
        from blindsr.cli.training.command import main
    return main


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


@contextlib.contextmanager
def _without_signals() -> Iterator[None]:
    """TorchMetrics loads ``scipy.signal`` to ask one thing of it; the stand-in answers that."""
    stand_in = ModuleType(_SIGNAL)
    stand_in.hamming = None  # type: ignore[attr-defined]  # old releases of SciPy lack it
    needed = _SIGNAL not in sys.modules
    if needed:
        sys.modules[_SIGNAL] = stand_in
    try:
        yield
    finally:
        if needed and sys.modules.get(_SIGNAL) is stand_in:
            del sys.modules[_SIGNAL]
