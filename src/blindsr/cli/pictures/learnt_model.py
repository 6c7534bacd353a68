"""``--model kernelgan``: a model that is learnt from each picture before it is restored."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.cli.terminal import Teller
from blindsr.errors import ConfigError, printable

if TYPE_CHECKING:
    from rich.console import Console

    from blindsr.restore import Restorer

KERNELGAN = "kernelgan"
_MINUTE, _HOUR = 60, 3600


def refuse_for_kernelgan(arguments: argparse.Namespace) -> None:
    """Refuse options that a model without a file cannot have.

    Raises:
        ConfigError: names the first.
    """
    if arguments.layout is not None:
        raise ConfigError(
            "--layout", found=f"{arguments.layout} for {KERNELGAN}", expected="none: it has no file"
        )


def learnt_from(
    source: Path, arguments: argparse.Namespace, console: Console, tell: Teller
) -> Restorer:
    """Learn the kernel of a picture and how to enlarge it; says before how long that takes.

    Args:
        source: the picture.
        arguments: of the command line.
        console: to say it on.
        tell: is told the steps done and all steps.

    Raises:
        BlindSRError: the picture cannot be read, or is too small.
    """
    import numpy as np
    import torch

    from blindsr.imaging.files import white_of
    from blindsr.imaging.photo import read_photo
    from blindsr.imaging.transparency import bled
    from blindsr.inference.kernelgan.fitting import STEPS, expected_seconds, fit
    from blindsr.inference.open_model import pick_device
    from blindsr.restore import Restorer

    device, steps = pick_device(arguments.device, "--device"), arguments.steps or STEPS
    photo = read_photo(source)
    color = bled(photo.color, photo.alpha)
    pixels = np.repeat(color[..., None], 3, axis=2) if photo.grey else color
    values = pixels.astype(np.float32) / white_of(pixels)
    lr = torch.from_numpy(values).permute(2, 0, 1)[None].to(device)
    seconds = expected_seconds(lr, steps=steps)
    console.print(
        f"{printable(source.name)}: KernelGAN learns from this picture alone, "
        f"at most {_in_words(seconds)} on this machine ({steps} steps for its kernel, up to "
        f"{steps} for each of two sizes)"
    )
    fitted = fit(lr, steps=steps, tell=tell)
    return Restorer(fitted.model(KERNELGAN, device))


def _in_words(seconds: float) -> str:
    """A time that is known roughly.

    >>> _in_words(42), _in_words(700), _in_words(9000)
    ('42 s', '12 min', '2.5 h')
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"
