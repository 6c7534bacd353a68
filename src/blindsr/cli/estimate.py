"""``blindsr estimate``: sigma map and class map of pictures."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from blindsr.cli.memory import keep_freed_memory
from blindsr.cli.pictures.batch import Batch, gather
from blindsr.cli.pictures.inputs import distinct, longer_name
from blindsr.data.files.folder_walk import IMAGES
from blindsr.errors import ConfigError, WeightsError, check_ordinary, printable, special_kind
from blindsr.runs import checkpoint_file

from .terminal import track_parts

if TYPE_CHECKING:
    from rich.console import Console

    from blindsr.cli.pictures.estimate_picture import Options
    from blindsr.cli.pictures.inputs import Source
    from blindsr.restore import Restorer

AUTO = 0
"""Value of ``--pyramid`` without a number."""
EXAMPLES = """examples:
  blindsr estimate best.ckpt photo.jpg -o maps
  blindsr estimate best.ckpt photo.jpg -o maps --pyramid --mask 1.5

Without --pyramid sigma is in HR pixels, at HR size; with it in pixels of the input, at its size."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add(
        "checkpoint",
        metavar="CKPT",
        type=checkpoint_file,
        help="checkpoint of `lightning fit`, official CMOS weights (.pth), or small (in the box)",
    )
    # "*", so that a forgotten CKPT is told as such, not as a missing IMAGE
    add("images", metavar="IMAGE", nargs="*", help="pictures, folders, or patterns in quotes")
    add("-o", "--out", metavar="DIR", type=Path, required=True, help="folder to write into")
    add("--npy", action="store_true", help="also write the sigma map as float32 .npy")
    add(
        "--pyramid",
        metavar="LEVELS",
        type=_levels,
        nargs="?",
        const=AUTO,
        help="also look at copies reduced 2, 4, ... times and merge: tells blur beyond that of the "
        "training, in pixels of the input; LEVELS limits how many [while the short side has 64 px]",
    )
    add(
        "--mask",
        metavar="THRESHOLD",
        type=_threshold,
        help="also write a mask at the size of the input, 255 where sigma is below THRESHOLD "
        "pixels of the input (sharp), else 0; 127 where the model says that it is unsure which "
        "(not with --pyramid)",
    )
    add(
        "--layout",
        choices=("fixed", "legacy"),
        help="window layout of official weights: the six released files need 'legacy'",
    )
    add(
        "--reduce",
        metavar="N",
        type=int,
        default=1,
        help="estimate on a copy reduced N times; sigma is then in pixels of scale/N of the input; "
        "with --pyramid, begin at that copy",
    )
    add("--device", default="auto", help="auto, cpu, gpu (cuda), cuda:1, mps [auto]")


def run(arguments: argparse.Namespace) -> int:
    """Estimate every picture; bad ones are reported at the end (status 1, or 2 if all are)."""
    batch = Batch(
        "The same line again begins anew: name only what is left.",
        less_memory="--reduce 2 needs a quarter of it.",
    )
    return batch.run(lambda: _estimate(arguments, batch))


def _estimate(arguments: argparse.Namespace, batch: Batch) -> int:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if arguments.reduce < 1:
        raise ConfigError("--reduce", found=str(arguments.reduce), expected="a whole number >= 1")
    check_roles(arguments.checkpoint, arguments.images)
    check_folder(arguments.out)
    sources = gather(arguments.images, batch, console, recursive=False, out=arguments.out)
    batch.total = len(sources) + len(batch.failures)
    keep_freed_memory()
    model = open_estimator(arguments.checkpoint, arguments.device, arguments.layout)

    # loads torch: what is missing was told before
    from blindsr.cli.pictures.estimate_picture import Options, check_reach
    from blindsr.cli.pictures.results import sweep_results

    sweep_results([arguments.out])
    console.print(f"model: {model.describe()}")
    pyramid = arguments.pyramid is not None
    options = Options(
        reduce=arguments.reduce,
        pyramid=pyramid,
        levels=arguments.pyramid or None,
        mask=arguments.mask,
        npy=arguments.npy,
    )
    if not pyramid:
        check_reach(model, options.mask, (options.reduce,), "--pyramid reaches further.")
    estimate_all(model, sources, arguments.out, options, batch, console)
    batch.print_failures()
    console.print(f"{batch.done} of {batch.total} done")
    return batch.status


def estimate_all(
    model: Restorer,
    sources: list[Source],
    out: Path,
    options: Options,
    batch: Batch,
    console: Console,
) -> None:
    """Write the maps of pictures; those that cannot be are failures of the batch."""
    from blindsr.cli.pictures.estimate_picture import estimate_picture, may_write
    from blindsr.cli.pictures.results import Results

    lengths = distinct(
        sources, lambda source, length: may_write(out / longer_name(source, length).stem)
    )
    for index, tell in track_parts([source.path for source in sources], console, "pictures"):
        path, written = sources[index].path, []
        stem = longer_name(sources[index], lengths[index]).stem
        with batch.picture(path, out / stem):
            check_ordinary(path)
            results = Results(path, may_write(out / stem, options), replace_earlier=True)
            results.there([])  # what is the user's is found before the work
            with results.staged(batch.signals) as stage:
                written = estimate_picture(model, path, stage / stem, options, batch.checked(tell))
            batch.done += 1
        if written:
            console.print(printable(f"{path} -> {', '.join(name.name for name in written)}"))


def open_estimator(path: Path, device: str, layout: Literal["fixed", "legacy"] | None) -> Restorer:
    """Load the estimator of a file; a restorer that it may also hold is left out.

    Raises:
        FileError, WeightsError: it cannot be read, or estimates nothing.
    """
    from blindsr.inference.catalogue import file_of

    file_of(path)  # before anything heavy is loaded
    from dataclasses import replace

    from blindsr.inference.abilities import untrusted
    from blindsr.inference.open_model import open_model, pick_device
    from blindsr.restore import Restorer

    model = open_model(path, pick_device(device, "--device"), "float32", layout)
    if model.untrusted_maps:
        raise untrusted(model)
    if model.estimator is None:
        raise WeightsError(
            path,
            found=f"{model.title}, which estimates no maps",
            expected="a checkpoint of CMOSTask or BlindSRTask",
        )
    return Restorer(replace(model, upscaler=None))


def check_roles(checkpoint: Path, images: Sequence[str]) -> None:
    """Refuse a command line without a checkpoint or without pictures, whichever was forgotten.

    Raises:
        ConfigError: a picture or a folder stands where the checkpoint should, or no picture.
    """
    if checkpoint.suffix.lower() in IMAGES or checkpoint.is_dir():
        kind = "a folder" if checkpoint.is_dir() else "a picture"
        raise ConfigError(
            "CKPT",
            found=f"{checkpoint}, {kind}",
            expected="a file of weights before the pictures",
            fix=f"With the model in the box: blindsr estimate small {checkpoint} -o DIR.",
        )
    if not images:
        raise ConfigError(
            "IMAGE", found=f"nothing after {checkpoint}", expected="pictures or folders"
        )


def check_folder(out: Path) -> None:
    """Refuse a file, a pipe and so on where a folder is written.

    Raises:
        ConfigError: ``out`` is no folder.
    """
    if out.exists() and not out.is_dir():
        kind = special_kind(out.stat().st_mode) or "a file"
        raise ConfigError("--out", found=f"{out}, {kind}", expected="a folder")


def _levels(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r}, expected a number of levels; write a bare --pyramid after the pictures"
        )
    return int(text)


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a sigma above 0, in input pixels")
    return value
