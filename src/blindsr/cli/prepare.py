"""``blindsr prepare``: make a data set from its official source files, or check one."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from blindsr.data.check.folder import Report

from . import prepare_reblursr
from .terminal import counted

HELP = "make a BSR data set from the official source files, or check one"

_NYU_HELP = "NYUv2-BSR from NYU Depth V2 (795 training frames, 654 test frames in 5 groups)"
_CITYSCAPES_HELP = (
    "Cityscapes-BSR from Cityscapes (2975 + 500 frames, 1525 test frames in 5 groups)"
)
_FOLDER_HELP = "a BSR data set from your own pictures with depth, disparity or inverse depth"
_SHARDS_HELP = "pack the training pictures of a BSR folder into a few large files (WebDataset)"
_CHECK_HELP = "look at every file of a BSR folder, the authors' download included"
_SHOWN_FAULTS = 20
_OWN = {
    "nyuv2": ("mat", "splits", "classes"),
    "cityscapes": ("root", "size", "fit", "disparity", "disparity_jitter"),
    "folder": ("images", "depth", "kind", "unit", "labels", "classes", "test_share", "scale"),
}
"""Data set -> options that others do not have."""
_COMMON = (
    "out",
    "downsampler",
    "operator",
    "sigma_max",
    "seed",
    "keep_depth",
    "shard",
    "overwrite",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per data set."""
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    _add_nyuv2(datasets.add_parser("nyuv2", help=_NYU_HELP, description=_NYU_HELP))
    _add_cityscapes(
        datasets.add_parser("cityscapes", help=_CITYSCAPES_HELP, description=_CITYSCAPES_HELP)
    )
    _add_folder(datasets.add_parser("folder", help=_FOLDER_HELP, description=_FOLDER_HELP))
    _add_shards(datasets.add_parser("shards", help=_SHARDS_HELP, description=_SHARDS_HELP))
    prepare_reblursr.add_arguments(
        datasets.add_parser(
            "reblursr", help=prepare_reblursr.HELP, description=prepare_reblursr.HELP
        )
    )
    _add_check(datasets.add_parser("check", help=_CHECK_HELP, description=_CHECK_HELP))


def _add_nyuv2(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--mat", required=True, type=_path, metavar="FILE", help="nyu_depth_v2_labeled.mat (2.8 GB)"
    )
    add("--splits", required=True, type=_path, metavar="FILE", help="splits.mat")
    add("--classes", required=True, type=_path, metavar="FILE", help="classMapping40.mat")
    _add_common(parser, sigma_max=5, seconds="2")


def _add_cityscapes(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--root",
        required=True,
        type=_path,
        metavar="FOLDER",
        help="leftImg8bit, gtFine, and disparity or rightImg8bit, as unpacked",
    )
    add(
        "--fit",
        default="resize",
        metavar="NAME",
        help="how 2:1 becomes --size: resize (squeezed) or crop (the middle) [resize]",
    )
    add("--size", default="640x480", type=_size, metavar="WxH", help="of HR pictures [640x480]")
    add(
        "--disparity",
        default="official",
        type=_path,
        metavar="WHAT",
        help="official, sgbm (left and right matched with OpenCV), or a folder of maps named as "
        "the pictures: .npy or .pfm in pixels, .png in the official form [official]",
    )
    add(
        "--disparity-jitter",
        default=0.0,
        type=float,
        metavar="A",
        help="change disparity by object and smoothly, by factors up to 1 + A each, for disparity "
        "that was made up from labels [0]",
    )
    _add_common(parser, sigma_max=15, seconds="several")


def _add_folder(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--images", required=True, type=_path, metavar="FOLDER", help="pictures")
    add(
        "--depth",
        required=True,
        type=_path,
        metavar="FOLDER",
        help="maps named as the pictures: .png and other images, .npy, .pfm; holes are filled",
    )
    add(
        "--kind",
        default="depth",
        metavar="NAME",
        help="what the maps hold: depth (distance), disparity (0 is unknown in whole numbers) or "
        "inverse (depth's; 0 is farthest) [depth]",
    )
    add(
        "--unit",
        type=float,
        metavar="M",
        help="metres of one step of distance, 0.001 for millimetres [ratios alone are known]",
    )
    add("--labels", type=_path, metavar="FOLDER", help="class maps, 255 = no class [none]")
    add("--classes", type=int, default=0, metavar="N", help="number of classes in --labels")
    add("--test-share", type=float, default=0.2, metavar="S", help="kept for the test [0.2]")
    add("--scale", type=int, default=4, metavar="N", help="HR over LR [4]")
    _add_common(parser, sigma_max=5, seconds="2")


def _add_common(parser: argparse.ArgumentParser, *, sigma_max: float, seconds: str) -> None:
    """Add what every data set takes."""
    add = parser.add_argument
    add("--out", required=True, type=_path, metavar="FOLDER", help="folder to write, new or empty")
    add(
        "--downsampler",
        default="sfold",
        metavar="NAME",
        help="sfold (every 4th pixel, as the paper's lineage), bicubic or area [sfold]",
    )
    add(
        "--operator",
        default="layered",
        metavar="NAME",
        help="layered (with occlusion, as the paper's data; "
        f"{seconds} s a picture and core) or gather (one kernel per pixel; much faster) [layered]",
    )
    add(
        "--keep-depth",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also write depth maps, to draw the blur anew while training [yes]",
    )
    add(
        "--sigma-max",
        type=float,
        default=float(sigma_max),
        metavar="PX",
        help=f"largest sigma, HR pixels [{sigma_max:g}]",
    )
    add("--seed", type=int, default=0, metavar="N", help="of focus, sigma and VA/IVA choice [0]")
    add("--workers", type=int, metavar="N", help="processes; 0 = this one [all cores]")
    _add_shard(parser, "make every N-th frame")
    add("--overwrite", action="store_true", help="replace the data set that --out holds")


def _add_shards(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=_path, metavar="DIR", help="folder that holds train")
    add("--out", required=True, type=_path, metavar="FOLDER", help="folder to write, new or empty")
    add("--megabytes", type=int, default=256, metavar="N", help="of a file [256]")
    add("--scale", type=int, metavar="N", help="HR over LR [manifest, or 4]")
    _add_shard(parser, "write every N-th file")
    add("--overwrite", action="store_true", help="replace the shards that --out holds")


def _add_shard(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--shard",
        default="1/1",
        metavar="I/N",
        help=f"{what}, for the jobs of a cluster: N runs share --out [1/1]",
    )


def _add_check(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=_path, metavar="DIR", help="folder that holds train and val (or test)")
    add("-o", "--out", type=_path, metavar="PNG", help="contact sheet [DIR/check.png]")
    add("--scale", type=int, metavar="N", help="HR over LR [manifest, or name of the LR folder]")
    add("--sigma-max", type=float, metavar="PX", help="[manifest, or usual maximum of the maps]")
    add("--workers", type=int, metavar="N", help="threads [all cores]")


def _path(word: str) -> str:
    """Refuse the empty word that an unset variable of a shell leaves: it means this folder."""
    if not word:
        message = "an empty path"
        raise argparse.ArgumentTypeError(message)
    return word


def _size(word: str) -> tuple[int, int]:
    """``640x480``, width first, as (height, width)."""
    width, _, height = word.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        message = f"{word!r} is no size such as 640x480"
        raise argparse.ArgumentTypeError(message)
    return int(height), int(width)


def run(arguments: argparse.Namespace) -> int:
    """Run the subcommand; 0, or 1 where a check finds faults."""
    others = {"check": _check, "shards": _shards, "reblursr": prepare_reblursr.run}
    return others.get(arguments.dataset, _prepare)(arguments)


def _prepare(arguments: argparse.Namespace) -> int:
    """Prepare the data set, with a progress bar, and print one closing line."""
    from rich.console import Console

    from blindsr import data

    prepare = getattr(data, f"prepare_{arguments.dataset}")  # lazily: others stay unloaded
    options = {name: getattr(arguments, name) for name in (*_OWN[arguments.dataset], *_COMMON)}
    options["workers"] = _cores() if arguments.workers is None else arguments.workers
    console = Console()
    started = time.monotonic()
    with counted(console, "frames") as tell:
        manifest = prepare(progress=tell, **options)
    seconds = time.monotonic() - started
    console.print(_summary(manifest, arguments, seconds), soft_wrap=True, markup=False)
    return 0


def _shards(arguments: argparse.Namespace) -> int:
    """Write shards and print one closing line."""
    from rich.console import Console

    from blindsr.data import prepare_shards

    console = Console()
    with counted(console, "pictures") as tell:
        index = prepare_shards(
            arguments.folder,
            arguments.out,
            megabytes=arguments.megabytes,
            scale=arguments.scale,
            shard=arguments.shard,
            overwrite=arguments.overwrite,
            progress=tell,
        )
    if index is None:
        line = f"shard {arguments.shard} of {arguments.out} is done, others are missing"
        console.print(line, soft_wrap=True, markup=False)
        return 0
    files = len({shard for _, shard, _ in index["samples"]})
    line = f"{len(index['samples'])} pictures in {files} shards: set data.shards to {arguments.out}"
    console.print(line, soft_wrap=True, markup=False)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    """Print what was checked and the first faults; write the contact sheet."""
    from rich.console import Console

    from blindsr.data.check.folder import check_folder
    from blindsr.data.check.sheet import check_place, write_sheet

    console = Console(highlight=False, soft_wrap=True)
    sheet = Path(arguments.out or Path(arguments.folder) / "check.png")
    writable = bool(arguments.out) or os.access(arguments.folder, os.W_OK)
    if writable:
        check_place(sheet)
    with counted(console, "pictures") as tell:
        report = check_folder(
            arguments.folder,
            scale=arguments.scale,
            sigma_max=arguments.sigma_max,
            workers=_cores() if arguments.workers is None else arguments.workers,
            progress=tell,
        )
    console.print(_parts_table(report))
    console.print(_downsampler_line(report), markup=False)
    for fault in report.faults[:_SHOWN_FAULTS]:
        console.print(str(fault), markup=False)
    hidden = len(report.faults) - _SHOWN_FAULTS
    if hidden > 0:
        console.print(f"... and {hidden} more")
    if writable:
        write_sheet(sheet, report)
        console.print(f"contact sheet: {sheet}", markup=False)
    else:
        console.print(f"no contact sheet: {arguments.folder} is read only; give -o", markup=False)
    count = len(report.faults)
    console.print(f"{count} fault{'' if count == 1 else 's'}" if count else "no faults")
    return 1 if count else 0


def _parts_table(report: Report) -> Table:
    """Return what was found, one row per split or test group."""
    from rich.box import SIMPLE
    from rich.table import Table

    title = (
        f"{report.root}: scale {report.scale}, sigma_max {report.sigma_max:g} "
        f"({report.sigma_max_source}), labels {report.seg_format}"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for column in ("part", "pictures", "GT", "LR", "VA + IVA", "sigma", "labelled", "labels"):
        table.add_column(column, justify="left" if column == "part" else "right", no_wrap=True)
    for part, pictures in report.parts:
        images, variants = zip(*pictures, strict=True)
        sigmas = [variant.blur for variant in variants if variant.blur]
        classes = frozenset().union(*(facts.classes for facts in images))
        uniform = sum(low == high for low, high in sigmas)
        table.add_row(
            part,
            str(len(pictures)),
            _sizes(facts.hr_size for facts in images),
            _sizes(variant.lr_size for variant in variants),
            f"{len(sigmas) - uniform} + {uniform}",
            f"{min(s[0] for s in sigmas):g}..{max(s[1] for s in sigmas):g}" if sigmas else "none",
            str(sum(bool(facts.classes) for facts in images)),
            f"{min(classes)}..{max(classes)}" if classes else "none",
        )
    return table


def _sizes(sizes: Iterable[tuple[int, ...] | None]) -> str:
    """Return the most frequent size as width x height, and whether there are others."""
    found = Counter(size for size in sizes if size)
    if not found:
        return "none"
    height, width = found.most_common(1)[0][0]
    return f"{width}x{height}" + (" and others" if len(found) > 1 else "")


def _downsampler_line(report: Report) -> str:
    """Return how much of LR each down-sampler explains where GT is sharp."""
    best = report.best_downsampler
    if best is None:
        return "down-sampler: cannot be told, no region is sharp and far enough from blur"
    shares = ", ".join(f"{m} {100 * fit.share:.2f} %" for m, fit in report.fits.items())
    recorded = report.recorded_downsampler
    said = f"; the manifest says {recorded}" if recorded else ""
    pixels = report.fits[best].pixels
    return f"down-sampler: {best} fits best ({shares} of {pixels} sharp LR pixels){said}"


def _cores() -> int:
    """Return the number of cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(usable(0)) if usable else os.cpu_count() or 1


def _summary(manifest: dict, arguments: argparse.Namespace, seconds: float) -> str:
    from blindsr.data.files.manifest import MANIFEST

    counts, settings, out = manifest["counts"], manifest["settings"], arguments.out
    titles = {"nyuv2": "NYUv2-BSR", "cityscapes": "Cityscapes-BSR", "folder": "BSR pictures"}
    title = titles[settings["dataset"]]
    if not (Path(out) / MANIFEST).exists():
        others = "others are missing (`blindsr prepare check` says which)"
        return f"shard {arguments.shard} of {title} in {out} is done, {others}; {seconds:.0f} s"
    groups = [value for key, value in counts.items() if "/" in key]
    parts = [f"{key} {_both(value)}" for key, value in counts.items() if "/" not in key]
    many = f"{len(groups)} test groups of" if len(groups) > 1 else "test"
    parts.append(f"{many} {_both(groups[0])}")
    return (
        f"{title} in {out}: {', '.join(parts)}; "
        f"{settings['downsampler']}, {settings['operator']}, sigma 0..{settings['sigma_max']:g}; "
        f"{seconds:.0f} s"
    )


def _both(count: dict[str, int]) -> str:
    return f"{count['VA']} VA + {count['IVA']} IVA"
