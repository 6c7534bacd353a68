"""Window layout of released files, which do not state it: ask for it, refuse it elsewhere."""

from __future__ import annotations

import sys
from typing import Literal

from blindsr.errors import ConfigError

Layout = Literal["fixed", "legacy"]
LAYOUTS = ("fixed", "legacy")
WHY_LAYOUT = (
    "The released files predate the fix of March 2024 and need legacy by all evidence; "
    "weights trained after it need fixed."
)


def refuse_layout(layout: str | None, found: str) -> None:
    """Raise ConfigError if ``--layout`` is given where it would have no effect."""
    if layout is not None:
        raise ConfigError(
            "--layout",
            found=f"{layout} for {found}",
            expected="an .onnx of a released file, which does not say its layout",
            fix="Leave it out.",
        )


def ask_layout() -> Layout:
    """Ask at the terminal; without one the option is needed."""
    answer = ""
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write(f"Which window layout? {WHY_LAYOUT}\n")
        while answer not in LAYOUTS:
            sys.stderr.write("legacy or fixed? ")
            sys.stderr.flush()
            line = sys.stdin.readline()
            if not line:  # end of input
                sys.stderr.write("\n")
                break
            answer = line.strip().lower()
    if answer not in LAYOUTS:
        raise ConfigError(
            "--layout", found="not given", expected=" or ".join(LAYOUTS), fix=WHY_LAYOUT
        )
    return "legacy" if answer == "legacy" else "fixed"
