"""Where to compute."""

from __future__ import annotations

import argparse

HELP = "auto, cpu, gpu (cuda), cuda:1, mps"


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare ``--device``."""
    parser.add_argument("--device", default="auto", help=f"{HELP} [auto]")


def pick_device(name: str) -> str:
    """``auto`` -> the first accelerator there is, else the CPU; other names are checked.

    Raises:
        ConfigError: there is no such device.
    """
    from blindsr.inference.open_model import pick_device as pick

    return str(pick(name, "--device"))
