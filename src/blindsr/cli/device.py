"""Where to compute."""

from __future__ import annotations

import argparse

from blindsr.errors import ConfigError

HELP = "auto, cpu, cuda, cuda:1, mps"


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare ``--device``."""
    parser.add_argument("--device", default="auto", help=f"{HELP} [auto]")


def pick_device(name: str) -> str:
    """``auto`` -> the first accelerator there is, else the CPU; other names are checked.

    Raises:
        ConfigError: there is no such device.
    """
    import torch

    if name == "auto":
        return str(torch.accelerator.current_accelerator(check_available=True) or "cpu")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            "--device",
            found=f"{name} ({str(error).splitlines()[0]})",
            expected="auto, cpu, or an accelerator of this machine",
        ) from error
    return name
