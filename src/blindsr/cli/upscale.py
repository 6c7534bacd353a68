"""``blindsr upscale``: restore pictures at several times their size."""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from blindsr.cli.pictures.batch import Batch, gather
from blindsr.errors import ConfigError, check_ordinary, printable

from .terminal import track_parts

if TYPE_CHECKING:
    from rich.console import Console

    from blindsr.cli.pictures.results import Results
    from blindsr.cli.pictures.upscale_plan import Job
    from blindsr.restore import Restorer

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
    add(
        "--overwrite",
        action="store_true",
        help="make results again that are there, instead of skipping them; other files stay",
    )
    add("--save-maps", action="store_true", help="also write the sigma map and the class map")
    add("--compare", action="store_true", help="also draw bicubic, result and sigma side by side")
    add(
        "--prefilter",
        choices=PREFILTERS,
        default="none",
        help="before a model that was trained on clean pictures: denoise for visible noise, "
        "deblock for JPEG of quality 75 or less; both remove some detail too [none]",
    )
    add("--device", default="auto", help="auto, cpu, gpu (cuda), cuda:1, mps [auto]")
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
    again = "The same line again does the rest."
    if arguments.overwrite:
        again = "The same line again begins anew; without --overwrite it leaves out what is there."
    batch = Batch(again, less_memory="Choose smaller tiles, such as --tile 96.")
    return batch.run(lambda: _upscale(arguments, batch))


def _upscale(arguments: argparse.Namespace, batch: Batch) -> int:
    from rich.console import Console

    from blindsr.cli.pictures.results import sweep_results
    from blindsr.cli.pictures.upscale_plan import plan

    console = Console(highlight=False, soft_wrap=True, markup=False)
    sources = gather(arguments.inputs, batch, console, arguments.recursive, arguments.out)
    jobs, refused = plan(
        sources,
        arguments.out,
        form=arguments.format,
        compare=arguments.compare,
        maps=arguments.save_maps,
        one_file=len(arguments.inputs) == 1 and Path(arguments.inputs[0]).is_file(),
    )
    batch.failures += refused
    batch.total = len(jobs) + len(batch.failures)
    sweep_results([job.out.parent for job in jobs])
    wanted = [job for job in jobs if _is_wanted(job, arguments, batch)]
    there = batch.done
    if wanted:
        restore_all(wanted, arguments, batch, console)
    batch.print_failures()
    line = f"{batch.done - there} of {batch.total} done"
    if there:
        line += f", {there} skipped: there already (--overwrite does them again)"
    console.print(line)
    return 1 if batch.failures else 0


def _results(job: Job, arguments: argparse.Namespace) -> Results:
    from blindsr.cli.pictures.results import Results

    return Results(job.source, job.files, replace_earlier=arguments.overwrite)


def _is_wanted(job: Job, arguments: argparse.Namespace, batch: Batch) -> bool:
    with batch.picture(job.source, job.out):
        check_ordinary(job.source)
        there = _results(job, arguments).there(job.always) and not arguments.overwrite
        batch.done += there
        return not there
    return False


def restore_all(
    jobs: list[Job], arguments: argparse.Namespace, batch: Batch, console: Console
) -> None:
    """Load the model and restore pictures; those that cannot be are failures of the batch."""
    from blindsr.cli.pictures.upscale_picture import Options, upscale_picture
    from blindsr.restore import model_phase

    model = open_model(arguments, console)
    hint_at_prefilter(jobs, arguments.prefilter, console)
    options = Options(
        arguments.tile,
        arguments.prefilter,
        arguments.quality,
        cache(lambda: model_phase(model)),
        f"blindsr ×{model.scale}",
    )
    for index, tell in track_parts([job.source for job in jobs], console, "pictures"):
        job, lines = jobs[index], []
        with batch.picture(job.source, job.out):
            with _results(job, arguments).staged(batch.signals) as stage:
                lines = upscale_picture(model, job.staged(stage), options, batch.checked(tell))
            batch.done += 1
        if lines:
            console.print(
                printable("; ".join([f"{job.source} -> {job.out}: {lines[0]}", *lines[1:]]))
            )


def open_model(arguments: argparse.Namespace, console: Console) -> Restorer:
    """Load the model, say which one, and refuse one that cannot do what is asked for.

    Raises:
        ConfigError: it restores nothing, needs maps, or has none to save.
    """
    from blindsr.inference.open_model import pick_device
    from blindsr.restore import load

    model = load(
        arguments.model,
        device=pick_device(arguments.device, "--device"),
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
    count = sum(job.source.suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif") for job in jobs)
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
