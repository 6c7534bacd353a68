"""``blindsr upscale``: restore pictures at several times their size."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.cli.pictures import upscale_values
from blindsr.cli.pictures.batch import Batch, gather
from blindsr.cli.pictures.learnt_model import KERNELGAN, learnt_from, refuse_for_kernelgan
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
    add(
        "--model",
        metavar="M",
        help="checkpoint, export, official weights, or a name: small, realesrgan-x4plus, "
        "realesrgan-x4plus-anime, realesr-animevideov3 [small]; or kernelgan, which learns "
        "from each picture alone (minutes to an hour each)",
    )
    add(
        "--steps",
        metavar="N",
        type=upscale_values.steps,
        help="of --model kernelgan: steps that it learns in, three times as many in all [3000]",
    )
    add("--layout", choices=("fixed", "legacy"), help="window layout of official weights")
    add("--format", choices=FORMATS, help="of the files in a folder OUT [png]")
    add(
        "--quality",
        metavar="N",
        type=upscale_values.quality,
        default=95,
        help="of JPEG and WebP, 1..100 [95]",
    )
    add(
        "--outscale",
        metavar="N",
        type=upscale_values.factor,
        help="size of the result over size of the picture, any number; what the model makes is "
        "resized, its maps and its comparison are not [that of the model]",
    )
    add(
        "--suffix",
        metavar="TEXT",
        type=upscale_values.suffix,
        default="",
        help="behind the names of results",
    )
    add("--json", action="store_true", help="also write NAME.json: settings, sizes, scores")
    add(
        "--tta",
        action="store_true",
        help="mean over the picture flipped and turned: eight times slower, a bit more exact; "
        "the result is held in memory",
    )
    add("--recursive", action="store_true", help="look into the folders of folders")
    add(
        "--overwrite",
        action="store_true",
        help="make results again that are there, instead of skipping them; other files stay",
    )
    add("--save-maps", action="store_true", help="also write the sigma map and the class map")
    add("--compare", action="store_true", help="also draw bicubic, result and sigma side by side")
    add(
        "--keep-blur",
        metavar="0..1",
        type=upscale_values.share,
        help="how much blur is meant to stay: where sigma is above 0.25 / N pixels of the picture, "
        "the result is as blurred as the picture; 0 keeps none, 1 all that can be seen [0.3]",
    )
    add(
        "--strength",
        metavar="0..1",
        type=upscale_values.share,
        default=1.0,
        help="share of the model in the result, 0 is the bicubic enlargement [1]",
    )
    add(
        "--consistency",
        action="store_true",
        help="tell how well the result, blurred as estimated and reduced, gives back the picture",
    )
    add(
        "--consistency-map",
        action="store_true",
        help="also write where it does not, at the size of the picture",
    )
    add(
        "--prefilter",
        choices=PREFILTERS,
        default="none",
        help="before a model that was trained on clean pictures: denoise for visible noise, "
        "deblock for JPEG of quality 75 or less; both remove some detail too [none]",
    )
    add(
        "--samples",
        metavar="N",
        type=upscale_values.whole,
        help="of a model that draws samples (SSR): write the mean of N, and their spread: what was "
        "invented [1]",
    )
    add("--seed", metavar="N", type=upscale_values.whole, help="of the samples [0]")
    add(
        "--caution",
        metavar="0..1",
        type=upscale_values.share,
        help="of a model that draws samples: share of the estimated sigma that they are told and "
        "remove; below 1 for estimates that tend to be too high [that of the file, 1]",
    )
    add("--device", default="auto", help="auto, cpu, gpu (cuda), cuda:1, mps [auto]")
    add(
        "--precision",
        choices=("auto", "float32", "bf16", "fp16"),
        default="auto",
        help="of the computation; auto is float32, but bf16 where the processor has it and the "
        "network loses less than 0.05 dB [auto]",
    )
    add(
        "--tile",
        metavar="auto|N|0",
        type=upscale_values.tile,
        default="auto",
        help="pixels from one tile to the next; 0 computes each picture whole [auto]",
    )


def run(arguments: argparse.Namespace) -> int:
    """Restore every picture; bad ones are reported at the end (status 1, or 2 if all are)."""
    again = "The same line again does the rest."
    if arguments.overwrite:
        again = "The same line again begins anew; without --overwrite it leaves out what is there."
    batch = Batch(again, less_memory="Choose smaller tiles, such as --tile 96.")
    return batch.run(lambda: _upscale(arguments, batch))


def _upscale(arguments: argparse.Namespace, batch: Batch) -> int:
    from rich.console import Console

    from blindsr.inference.catalogue import file_of

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if _draws(arguments) and (arguments.model in (None, KERNELGAN) or arguments.tta):
        raise ConfigError(
            "--samples, --seed, --caution",
            found="--tta" if arguments.tta else f"--model {arguments.model or 'left out'}",
            expected="the file of an SSR model, without --tta",
        )
    if arguments.model == KERNELGAN:
        refuse_for_kernelgan(arguments)
    else:
        if arguments.steps is not None:
            raise ConfigError(
                "--steps", found=str(arguments.steps), expected=f"--model {KERNELGAN} with it"
            )
        file_of(arguments.model)  # before anything heavy is loaded
    sources = gather(arguments.inputs, batch, console, arguments.recursive, arguments.out)

    from blindsr.cli.pictures.results import sweep_results
    from blindsr.cli.pictures.upscale_plan import plan

    jobs, refused = plan(
        sources,
        arguments.out,
        form=arguments.format,
        compare=arguments.compare,
        maps=arguments.save_maps,
        consistency=arguments.consistency_map,
        sidecar=arguments.json,
        spread=(arguments.samples or 1) > 1,
        suffix=arguments.suffix,
        one_file=len(arguments.inputs) == 1 and Path(arguments.inputs[0]).is_file(),
    )
    batch.failures += refused
    batch.total = len(jobs) + len(batch.failures)
    sweep_results([job.out.parent for job in jobs])
    wanted = [job for job in jobs if _is_wanted(job, arguments, batch)]
    there = batch.done
    found: list[float] = []
    if wanted:
        found = restore_all(wanted, arguments, batch, console)
    batch.print_failures()
    line = f"{batch.done - there} of {batch.total} done"
    if len(found) > 1:
        line += f", consistency {sum(found) / len(found):.1f} dB on average, least {min(found):.1f}"
    if there:
        line += f", {there} skipped: there already (--overwrite does them again)"
    console.print(line)
    return batch.status


def _draws(arguments: argparse.Namespace) -> bool:
    """Whether something is asked for that only a model that draws samples has."""
    return any(v is not None for v in (arguments.samples, arguments.seed, arguments.caution))


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
) -> list[float]:
    """Load the model and restore pictures; those that cannot be are failures of the batch.

    Returns:
        Their consistency in dB, where it is asked for.
    """
    from blindsr.cli.memory import keep_freed_memory
    from blindsr.cli.pictures.upscale_picture import Options, Outcome, upscale_picture
    from blindsr.inference.blur.in_box import default_keep_blur

    learns = arguments.model == KERNELGAN
    model = None if learns else open_model(arguments, console)
    if model is None or not model.draws_samples:
        keep_freed_memory()
    if model is not None and _draws(arguments):
        samples = 1 if arguments.samples is None else arguments.samples
        model.draw(samples, arguments.seed or 0, arguments.caution)
    trained_for = "" if model is None else model.trained_for
    hint_at_prefilter(jobs, arguments.prefilter, trained_for, console)

    def options_of(model: Restorer) -> Options:
        return Options(
            arguments.tile,
            arguments.prefilter,
            arguments.quality,
            lambda: model.phase,
            f"{model.title} ×{model.scale}",
            default_keep_blur() if arguments.keep_blur is None else arguments.keep_blur,
            arguments.strength,
            arguments.consistency or arguments.consistency_map,
            arguments.outscale,
            arguments.tta,
            arguments.samples,
            arguments.seed or 0,
            arguments.caution,
        )

    found: list[float] = []
    for index, tell in track_parts([job.source for job in jobs], console, "pictures"):
        job = jobs[index]
        outcome: Outcome | None = None
        with batch.picture(job.source, job.out):
            results = _results(job, arguments)
            with results.staged(batch.signals) as stage:
                told = batch.checked(tell)
                one = model or learnt_from(job.source, arguments, console, told)
                made = upscale_picture(one, job.staged(stage), options_of(one), told)
                results.settings = made.settings
            batch.done += 1
            outcome = made
        if outcome is not None:
            first, *notes = outcome.lines
            console.print(printable("; ".join([f"{job.source} -> {job.out}: {first}", *notes])))
            found += [] if outcome.consistency is None else [outcome.consistency]
    return found


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
            fix="In Python, model.upscale(image, blur=..., seg=...) tells it.",
        )
    if arguments.save_maps and not model.shows_maps:
        raise ConfigError(
            "--save-maps", found="a model that estimates no maps", expected="a BlindSR network"
        )
    default = "" if arguments.model else " (the default; --model chooses another)"
    console.print(f"model: {model.describe()}{default}")
    return model


def hint_at_prefilter(jobs: list[Job], chosen: str, trained_for: str, console: Console) -> None:
    """Say once that compression matters, if pictures are compressed and nothing is done to it.

    Not before a model whose file says that it learnt with JPEG.
    """
    count = sum(job.source.suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif") for job in jobs)
    learnt = "JPEG" in trained_for and "without" not in trained_for
    if count and chosen == "none" and not learnt:
        console.print(
            f"note: {count} of {len(jobs)} are JPEG. A model that was trained on clean pictures "
            "sharpens blocks and noise too; --prefilter deblock or denoise softens them before."
        )
