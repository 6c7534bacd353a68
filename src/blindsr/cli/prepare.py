"""``blindsr prepare``: make a data set from its official source files."""

from __future__ import annotations

import argparse
import time

HELP = "make a BSR data set from the official source files"

_NYU_HELP = "NYUv2-BSR from NYU Depth V2 (795 training frames, 654 test frames in 5 groups)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per data set."""
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    _add_nyuv2(datasets.add_parser("nyuv2", help=_NYU_HELP, description=_NYU_HELP))


def _add_nyuv2(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mat", required=True, metavar="FILE", help="nyu_depth_v2_labeled.mat (2.8 GB)")
    add("--splits", required=True, metavar="FILE", help="splits.mat")
    add("--classes", required=True, metavar="FILE", help="classMapping40.mat")
    add("--out", required=True, metavar="FOLDER", help="folder to write, new or empty")
    add(
        "--downsampler",
        default="sfold",
        metavar="NAME",
        help="sfold (every 4th pixel, as the paper's lineage), bicubic or area [sfold]",
    )
    add(
        "--operator",
        default="gather",
        metavar="NAME",
        help="gather (one kernel per pixel, fast) or layered (with occlusion, as SYNDOF) [gather]",
    )
    add("--sigma-max", type=float, default=5.0, metavar="PX", help="largest sigma, HR pixels [5]")
    add("--seed", type=int, default=0, metavar="N", help="of focus, sigma and VA/IVA choice [0]")
    add("--workers", type=int, default=0, metavar="N", help="processes; 0 = this one [0]")
    add("--overwrite", action="store_true", help="replace the data set that --out holds")


def run(arguments: argparse.Namespace) -> int:
    """Prepare the data set, with a progress bar, and print one closing line."""
    from rich.console import Console

    from blindsr.data.prepare_nyuv2 import prepare_nyuv2

    console = Console()
    started = time.monotonic()
    with _progress(console) as bar:
        task = bar.add_task("frames", total=None)
        manifest = prepare_nyuv2(
            arguments.mat,
            arguments.splits,
            arguments.classes,
            arguments.out,
            downsampler=arguments.downsampler,
            operator=arguments.operator,
            sigma_max=arguments.sigma_max,
            seed=arguments.seed,
            workers=arguments.workers,
            overwrite=arguments.overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(_summary(manifest, arguments.out, time.monotonic() - started), soft_wrap=True)
    return 0


def _progress(console):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Return a bar with counts, rate and time left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Frames per second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console,
    )


def _summary(manifest: dict, out: str, seconds: float) -> str:
    counts = manifest["counts"]
    train = counts["train"]
    groups = [value for key, value in counts.items() if key != "train"]
    settings = manifest["settings"]
    return (
        f"NYUv2-BSR in {out}: train {train['VA']} VA + {train['IVA']} IVA, "
        f"{len(groups)} test groups of {groups[0]['VA']} VA + {groups[0]['IVA']} IVA; "
        f"{settings['downsampler']}, {settings['operator']}, sigma 0..{settings['sigma_max']:g}; "
        f"{seconds:.0f} s"
    )
