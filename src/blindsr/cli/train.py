"""``blindsr train``: fine-tune a blind model on one's own photographs, in one command."""

from __future__ import annotations

import argparse
from pathlib import Path

from blindsr.cli.pictures import upscale_values
from blindsr.errors import ConfigError, FileError

EXAMPLES = """examples:
  blindsr train ~/Pictures/lens -o my.safetensors
  blindsr upscale photo.jpg -o large --model my.safetensors

Each photograph is cut, reduced until it is sharp, blurred by a made-up map and made 4 times
smaller. Some are kept apart: they tell whether the model became better. For a training of your
own making there is `blindsr fit -c CONFIG` (blindsr configs lists them)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("folder", metavar="FOLDER", type=Path, help="photographs, two or more; folders in it too")
    add(
        "-o",
        "--out",
        metavar="OUT",
        type=Path,
        required=True,
        help="file to write, .safetensors; its card is written beside it, as .md",
    )
    add("--model", metavar="M", default="small", help="to start from: a blind model [small]")
    add("--steps", metavar="N", type=_positive, default=1500, help="optimiser steps [1500]")
    add("--size", metavar="PX", type=_positive, default=256, help="of the parts, a multiple of 16")
    add("--noise", action="store_true", help="learn to live with noise and JPEG of a camera")
    add(
        "--val-share",
        metavar="0..1",
        type=upscale_values.share,
        default=0.1,
        help="share of the photographs that is kept apart [0.1]",
    )
    add("--learning-rate", metavar="R", type=float, default=5e-4, help="of the first step [5e-4]")
    add("--seed", metavar="N", type=int, default=0, help="of every random choice [0]")
    add("--device", default="auto", help="auto, cpu, gpu (cuda), cuda:1, mps [auto]")
    add("--force", action="store_true", help="replace OUT if it exists")


def run(arguments: argparse.Namespace) -> int:
    """Train, and write the model and its card."""
    out = arguments.out
    if out.suffix != ".safetensors":
        raise ConfigError("--out", found=str(out), expected="a name that ends in .safetensors")
    arguments.card = out.with_suffix(".md")
    for path in (out, arguments.card):
        if path.exists() and not arguments.force:
            raise FileError(path, found="exists", expected="a new file", fix="Or give --force.")
    if arguments.size % 16:
        raise ConfigError("--size", found=str(arguments.size), expected="a multiple of 16")
    if not out.parent.is_dir():
        raise FileError(out.parent, found="no folder", expected="the folder of --out")
    if not arguments.folder.is_dir():
        raise FileError(arguments.folder, found="no folder", expected="a folder of photographs")
    from blindsr.inference.catalogue import file_of

    file_of(arguments.model)  # before anything heavy is loaded

    from .fine_tuning import fine_tune

    return fine_tune(arguments)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number above 0")
    return int(text)
