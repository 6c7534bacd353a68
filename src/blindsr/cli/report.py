"""How command lines report an error."""

from __future__ import annotations

import sys

from blindsr.errors import BlindSRError


def print_error(error: BlindSRError, program: str = "blindsr") -> int:
    """Print one line to standard error and return the exit status 2."""
    sys.stderr.write(f"{program}: error: {error}\n")
    return 2
