"""How command lines report an error."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from blindsr.errors import BlindSRError


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
