"""``blindsr upscale``: restore pictures at several times their size."""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from blindsr.errors import BlindSRError, ConfigError

from .device import add_device, pick_device
from .inputs import find_pictures
from .progress import track_parts
from .report import print_error

if TYPE_CHECKING:
    from rich.console import Console

    from blindsr.restore import Restorer

    from .upscale_plan import Job

FORMATS = ("png", "jpg", "webp", "tiff", "same")
PREFILTERS = ("none", "denoise", "deblock")
EXAMPLES = """examples:
  blindsr upscale holiday.jpg -o holiday_large.png
  blindsr upscale photos 'scans/*.tif' -o large --compare --save-maps

Depth, transparency, colour profile and EXIF stay as far as the format holds them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("inputs", metavar="INPUT", nargs="+", help="pictures, folders, or patterns in quotes")
    add(
        "-o",
        "--out",
        metavar="OUT",
        type=Path,
        required=True,
        help="folder to write into; for one picture also a file name",
    )
    add("--model", metavar="M", help="checkpoint, export or official weights [the one included]")
    add("--layout", choices=("fixed", "legacy"), help="window layout of official weights")
    add("--format", choices=FORMATS, help="of the files in a folder OUT [png]")
    add("--quality", metavar="N", type=_quality, default=95, help="of JPEG and WebP, 1..100 [95]")
    add("--recursive", action="store_true", help="look into the folders of folders")
    add("--overwrite", action="store_true", help="write what exists again, instead of skipping it")
    add("--save-maps", action="store_true", help="also write the sigma map and the class map")
    add("--compare", action="store_true", help="also draw bicubic, result and sigma side by side")
    add(
        "--prefilter",
        choices=PREFILTERS,
        default="none",
        help="before a model that was trained on clean pictures: denoise for visible noise, "
        "deblock for JPEG of quality 75 or less; both remove some detail too [none]",
    )
    add_device(parser)
    add(
        "--precision",
        choices=("auto", "float32", "bf16", "fp16"),
        default="auto",
        help="of the computation [auto]",
    )
    add(
        "--tile",
        metavar="auto|N|0",
        type=_tile,
        default="auto",
        help="pixels from one tile to the next; 0 computes each picture whole [auto]",
    )


def run(arguments: argparse.Namespace) -> int:
    """Restore every picture; bad ones are reported at the end (status 1), the rest is done."""
    from rich.console import Console

    from .upscale_plan import plan

    console = Console(highlight=False, soft_wrap=True, markup=False)
    sources = find_pictures(
        arguments.inputs, recursive=arguments.recursive, leave_out=arguments.out
    )
    jobs = plan(
        sources,
        arguments.out,
        form=arguments.format,
        compare=arguments.compare,
        maps=arguments.save_maps,
        one_file=len(arguments.inputs) == 1 and Path(arguments.inputs[0]).is_file(),
    )
    wanted = [job for job in jobs if arguments.overwrite or not job.done]
    failures = restore_all(wanted, arguments, console) if wanted else []
    for failure in failures:
        print_error(failure)
    line = f"{len(wanted) - len(failures)} of {len(jobs)} done"
    if len(wanted) < len(jobs):
        line += f", {len(jobs) - len(wanted)} skipped: there already (--overwrite does them again)"
    console.print(line)
    return 1 if failures else 0


def restore_all(
    jobs: list[Job], arguments: argparse.Namespace, console: Console
) -> list[BlindSRError]:
    """Load the model, restore pictures, and return the errors of those that could not be."""
    from .upscale_picture import Options, model_phase, upscale_picture

    model = open_model(arguments, console)
    hint_at_prefilter(jobs, arguments.prefilter, console)
    failures: list[BlindSRError] = []
    options = Options(
        arguments.tile,
        arguments.prefilter,
        arguments.quality,
        cache(lambda: model_phase(model)),
        f"blindsr ×{model.scale}",
    )
    for index, tell in track_parts([job.source for job in jobs], console, "pictures"):
        try:
            console.print(upscale_picture(model, jobs[index], options, tell))
        except BlindSRError as error:
            failures.append(error)
    return failures


def open_model(arguments: argparse.Namespace, console: Console) -> Restorer:
    """Load the model, say which one, and refuse one that cannot do what is asked for.

    Raises:
        ConfigError: it restores nothing, needs maps, or has none to save.
    """
    from blindsr.restore import load

    model = load(
        arguments.model,
        device=pick_device(arguments.device),
        precision=arguments.precision,
        layout=arguments.layout,
    )
    where = arguments.model or "--model"
    if not model.can_upscale:
        raise ConfigError(
            where,
            found="an estimator, which restores nothing",
            expected="a BlindSR network, or another that restores",
            fix="`blindsr estimate` writes its maps; leave out --model for the network included.",
        )
    if model.needs_maps:
        raise ConfigError(
            where,
            found="a restorer without an estimator, which must be told sigma and classes",
            expected="a BlindSR network, which estimates them",
            fix="In Python, model.upscale(image, sigma=..., classes=...) tells it.",
        )
    if arguments.save_maps and not model.can_estimate:
        raise ConfigError(
            "--save-maps", found="a model that estimates no maps", expected="a BlindSR network"
        )
    default = "" if arguments.model else " (the default; --model chooses another)"
    console.print(f"model: {model.describe()}{default}")
    return model


def hint_at_prefilter(jobs: list[Job], chosen: str, console: Console) -> None:
    """Say once that compression matters, if pictures are compressed and nothing is done to it."""
    count = sum(job.source.suffix.lower() in (".jpg", ".jpeg") for job in jobs)
    if count and chosen == "none":
        console.print(
            f"note: {count} of {len(jobs)} are JPEG. A model that was trained on clean pictures "
            "sharpens blocks and noise too; --prefilter deblock or denoise softens them before."
        )


def _tile(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}, expected auto, 0 or a number of pixels")
    return int(text)


def _quality(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}, expected 1..100")
    return int(text)
