"""``blindsr convert``: official weights into ours, checkpoints into files to pass on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.errors import ConfigError, FileError, check_ordinary
from blindsr.runs import checkpoint_file

from .window_layout import LAYOUTS, WHY_LAYOUT, ask_layout, refuse_layout

if TYPE_CHECKING:
    from torch import nn

    from blindsr.weights import NetworkFile

SAFETENSORS = ".safetensors"
FORMATS = {SAFETENSORS: "safetensors", ".pth": "official", ".onnx": "onnx"}
PLAIN_SUFFIXES = (SAFETENSORS, ".pth")
BRANCHES = ("average", "general", "blur")

_OFFICIAL_HELP = "CMOS_*.pth, RRDB_SFT_*.pth or BlindSR_*.pth -> .safetensors that says what it is"
_AVERAGE_HELP = "PBaSR's two branches -> one network in the anchor's dialect, .pth or .safetensors"
_NCNN_HELP = "ncnn's model.param and model.bin (ESRGAN, compact) -> .safetensors or .pth"
_EXPORT_HELP = "checkpoint -> .safetensors, .pth with the official names, or .onnx"
_EXPORT_MORE = (
    "Of a training with averaged weights these are written, of PBaSR the average of both branches. "
    "An .onnx takes pictures of any size and number; PBaSR's networks, their anchors and released "
    "files can become one as well."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per direction."""
    directions = parser.add_subparsers(dest="direction", required=True, metavar="DIRECTION")
    official = directions.add_parser("official", help=_OFFICIAL_HELP, description=_OFFICIAL_HELP)
    official.add_argument("source", metavar="FILE", type=Path, help="released weights")
    official.add_argument(
        "--layout",
        choices=LAYOUTS,
        help=f"window layout, asked for if left out. {WHY_LAYOUT}",
    )
    export = directions.add_parser(
        "export",
        help=_EXPORT_HELP,
        description=f"{_EXPORT_HELP}. {_EXPORT_MORE}",
    )
    export.add_argument(
        "source",
        metavar="CHECKPOINT",
        type=checkpoint_file,
        help="checkpoint of `lightning fit`, or export",
    )
    export.add_argument(
        "--format",
        choices=tuple(FORMATS.values()),
        help="format of OUT [safetensors for .safetensors, official for .pth, onnx for .onnx]",
    )
    export.add_argument(
        "--layout",
        choices=LAYOUTS,
        help="window layout of a released file that becomes an .onnx, asked for if left out",
    )
    export.add_argument(
        "--caution",
        metavar="SHARE",
        type=float,
        help="of a blind pipeline or SSR: restore with this share of the estimated sigma, 0..1; "
        "photographs hold softness that is none of the camera's blur",
    )
    export.add_argument(
        "--estimator",
        metavar="FILE",
        help="put this estimator (small: that in the box) in front of the restorer of CHECKPOINT: "
        "one file that restores pictures by themselves",
    )
    export.add_argument(
        "--trained-for",
        metavar="TEXT",
        default="",
        help="a few words on its pictures, kept in a .safetensors and shown by `blindsr upscale`",
    )
    export.add_argument(
        "--not-for",
        metavar="TEXT",
        default="",
        help="a few words on pictures that it spoils, kept in a .safetensors and listed by "
        "`blindsr models`",
    )
    export.add_argument(
        "--untrusted-maps",
        metavar="WHY",
        default="",
        help="its blur maps are wrong and why, kept in a .safetensors: it still restores, and no "
        "command shows its maps",
    )
    export.add_argument(
        "--anchor-class",
        metavar="PATH",
        help="import path of the class of a PBaSR anchor of your own, for .onnx: a name that a "
        "file gives is never followed",
    )
    average = directions.add_parser(
        "average",
        help=_AVERAGE_HELP,
        description=f"{_AVERAGE_HELP}. OUT is what the anchor's own programs read.",
    )
    average.add_argument(
        "source",
        metavar="FILE",
        type=checkpoint_file,
        help="checkpoint of a PBaSR training, or a released PBaSR-*.pth",
    )
    average.add_argument(
        "--branch",
        choices=BRANCHES,
        default=BRANCHES[0],
        help="average of both branches, or one of them [average]",
    )
    ncnn = directions.add_parser(
        "ncnn",
        help=_NCNN_HELP,
        description=f"{_NCNN_HELP}. What is written is proven to compute what the layers say.",
    )
    ncnn.add_argument("source", metavar="PARAM", type=Path, help="model.param, beside model.bin")
    for command in (official, export, average, ncnn):
        command.add_argument(
            "-o", "--out", metavar="OUT", type=Path, required=True, help="file to write"
        )
        command.add_argument("--force", action="store_true", help="replace OUT if it exists")


def run(arguments: argparse.Namespace) -> int:
    """Convert one file and print one line about what was written."""
    if arguments.direction in ("average", "ncnn"):
        refuse_out(arguments)
        if arguments.direction == "average":
            from .average import run_average

            return run_average(arguments)
        from .ncnn import run_ncnn

        return run_ncnn(arguments)
    official = arguments.direction == "official"
    kind = choose_format(arguments.out, "safetensors" if official else arguments.format)
    refuse_existing(arguments.out, force=arguments.force)
    check_ordinary(arguments.source, "a file of weights")
    if kind == "onnx":
        from .onnx import run_onnx

        return run_onnx(arguments)
    if not official:
        refuse_layout(arguments.layout, "a file of another format")

    from blindsr.inference.catalogue import file_of
    from blindsr.weights.export import (
        NOT_FOR,
        TRAINED_FOR,
        UNTRUSTED_MAPS,
        from_official,
        read_official,
        read_own,
        save_official,
        save_safetensors,
    )
    from blindsr.weights.pipeline import cautious, pipeline

    if official:
        file = read_official(arguments.source)
        layout = (arguments.layout or ask_layout()) if file.has_windows else None
        file = from_official(file, layout)
    else:
        file = read_own(arguments.source)
        if arguments.estimator is not None:
            file = pipeline(read_own(file_of(arguments.estimator)), file)
        if arguments.caution is not None:
            file = cautious(file, arguments.caution)
    if kind == "safetensors":
        card = (getattr(arguments, key, "") for key in (TRAINED_FOR, UNTRUSTED_MAPS, NOT_FOR))
        network = save_safetensors(arguments.out, file, *card)
    else:
        network = save_official(arguments.out, file)
    report(arguments, file, network, names=kind)
    return 0


def refuse_out(arguments: argparse.Namespace) -> None:
    """Refuse an output that is no file of weights or in the way, and a source that is not there."""
    out = arguments.out
    if out.suffix not in PLAIN_SUFFIXES:
        raise ConfigError(
            "--out",
            found=f"{out}, whose suffix names no format",
            expected=f"a name that ends in {' or '.join(PLAIN_SUFFIXES)}",
        )
    refuse_existing(out, force=arguments.force)
    check_ordinary(arguments.source, "a file of weights")


def choose_format(out: Path, wanted: str | None) -> str:
    """Format by the suffix of a file, which must not contradict what was asked for."""
    by_suffix = FORMATS.get(out.suffix)
    found = wanted or by_suffix
    if found is None:
        raise ConfigError(
            "--out",
            found=f"{out}, whose suffix names no format",
            expected=" or ".join(FORMATS),
            fix=f"Rename it, or choose --format {' or '.join(FORMATS.values())}.",
        )
    if by_suffix not in (found, None):
        suffix = next(suffix for suffix, name in FORMATS.items() if name == wanted)
        raise ConfigError(
            "--out", found=f"{out} for a {wanted} file", expected=f"a name that ends in {suffix}"
        )
    return found


def refuse_existing(out: Path, *, force: bool) -> None:
    """Raise FileError if ``out`` is in the way."""
    if out.is_dir():
        raise FileError(out, found="a folder", expected="the name of a file to write")
    if out.exists() and not force:
        raise FileError(
            out, found="exists", expected="a new file", fix="Choose another, or --force."
        )


def report(
    arguments: argparse.Namespace, file: NetworkFile, network: nn.Module, *, names: str
) -> None:
    """Print what was written."""
    from rich.console import Console

    parameters = sum(p.numel() for p in network.parameters())
    parts = [file.title, *_facts(file), f"{parameters:,} parameters", *_layout(file)]
    if file.averaged:
        parts.append("averaged weights")
    if names == "official":
        parts.append("official names, which tell no layout")
    Console(highlight=False, soft_wrap=True).print(
        f"{arguments.source} -> {arguments.out}: {', '.join(parts)}", markup=False
    )


def _facts(file: NetworkFile) -> list[str]:
    estimator = file.settings.get("estimator", file.settings)
    facts = []
    if "num_classes" in estimator:
        facts.append(f"{estimator['num_classes']} classes")
    if file.sigma_max is not None:
        facts.append(f"sigma_max {file.sigma_max:g}")
    return facts


def _layout(file: NetworkFile) -> list[str]:
    from blindsr.weights.export import layouts

    found = layouts(file)
    if len(set(found.values())) <= 1:
        return [f"window layout {layout}" for layout in set(found.values())]
    return ["window layout " + ", ".join(f"{layout} ({part})" for part, layout in found.items())]
