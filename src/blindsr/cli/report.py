"""How command lines report an error."""

from __future__ import annotations

import sys

from blindsr.errors import BlindSRError


def print_error(error: BlindSRError, program: str = "blindsr", hint: str = "") -> int:
    """Print one line to standard error, with a hint at its end; return the exit status 2."""
    line = f"{error}{'' if str(error).endswith('.') else '.'} {hint}" if hint else str(error)
    sys.stderr.write(f"{program}: error: {line}\n")
    return 2
