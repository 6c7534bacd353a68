"""``blindsr score``: how near pictures are to the true ones, by every metric there is."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.cli.pictures.batch import Batch
from blindsr.errors import ConfigError, DataError, check_ordinary, printable

from .terminal import track_parts

if TYPE_CHECKING:
    from rich.table import Table

    from blindsr.metrics import RestorationScores

_SHOWN = 40
EXAMPLES = """examples:
  blindsr score photo_large.png photo_true.png
  blindsr score results ground_truth --crop 4 --lpips alexnet-owt-7be5be79.pth --json scores.json
  blindsr score results ground_truth --pyiqa ahiq musiq    (needs pyiqa: non-commercial)

PSNR, SSIM, GMSD and VIF are taken on 8-bit studio-range luma; GMSD (full-range), wavelet VIF and
MS-SSIM on full-range luma; VSI, LPIPS and DISTS on 8-bit RGB. NIQE has a model of its own and
stands beside no published value. docs/guides/metrics.md says which may stand beside which."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("sr", metavar="SR", type=Path, help="a picture, or a folder of pictures")
    add("hr", metavar="HR", type=Path, help="the true one, or a folder with one for each")
    add("--crop", metavar="N", type=_pixels, default=0, help="pixels of border left out [0]")
    add("--lpips", metavar="FILE", type=Path, help="torchvision's AlexNet, to score LPIPS too")
    add("--dists", metavar="FILE", type=Path, help="torchvision's VGG16, to score DISTS too")
    add("--pyiqa", metavar="NAME", nargs="+", help="metrics of pyiqa, where it is installed")
    add(
        "--json",
        metavar="FILE",
        type=Path,
        nargs="?",
        const=Path("-"),
        help="write all scores; without FILE print them instead of the table",
    )


def run(arguments: argparse.Namespace) -> int:
    """Score every pair; those that cannot be are reported at the end (status 1, or 2 if all)."""
    batch = Batch("The same line again begins anew.", less_memory="Score fewer or smaller ones.")
    return batch.run(lambda: _score(arguments, batch))


def _score(arguments: argparse.Namespace, batch: Batch) -> int:
    from rich.console import Console

    pairs = _pairs(arguments.sr, arguments.hr, batch)

    from blindsr.metrics import RestorationScores  # loads torch
    from blindsr.metrics.restoration import load_networks

    batch.total = len(pairs) + len(batch.failures)
    networks = load_networks(vars(arguments))
    meter = RestorationScores(arguments.crop, full=True, extra=True, **networks)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    found: dict[str, dict[str, float]] = {}
    for index, _ in track_parts([sr for sr, _ in pairs], console, "pictures"):
        sr, hr = pairs[index]
        with batch.picture(sr):
            found[sr.name] = _scores(meter, sr, hr)
            batch.done += 1
    means = mean_scores(meter)
    to_file = arguments.json is not None and str(arguments.json) != "-"
    if found and (to_file or arguments.json is None):
        title = f"{arguments.sr} against {arguments.hr}"
        console.print(_table(found, means, title, console.width))
    if found and arguments.json is not None:
        _write(arguments, found, means)
    batch.print_failures()
    return batch.status


def _pairs(sr: Path, hr: Path, batch: Batch) -> list[tuple[Path, Path]]:
    """Pictures and their true ones; those without one are failures of the batch.

    Raises:
        ConfigError, DataError, FileError: a file and a folder, or no pair at all.
    """
    from blindsr.data.files.pairing import pair, stems

    for path in (sr, hr):
        check_ordinary(path, "a picture or a folder of pictures")
    if sr.is_dir() != hr.is_dir():
        folder, file = (sr, hr) if sr.is_dir() else (hr, sr)
        raise ConfigError(
            "SR HR", found=f"the folder {folder} and the file {file}", expected="two of a kind"
        )
    if not sr.is_dir():
        return [(sr, hr)]
    true = stems(hr, what="true pictures")
    paired = pair(true, stems(sr, what="pictures to score"), sr)
    missing = [
        DataError(true[name], found=f"no partner in {sr}", expected=f"a file named {name}")
        for name in paired.missing
    ]
    if not paired.found:
        raise missing[0]
    for error in missing:
        batch.fail(error)
    return [(path, true[name]) for name, path in paired.found.items()]


def _scores(meter: RestorationScores, sr: Path, hr: Path) -> dict[str, float]:
    import torch

    from blindsr.imaging.photo import read_photo

    first, second = (
        torch.from_numpy(read_photo(path).rgb()).permute(2, 0, 1)[None] for path in (sr, hr)
    )
    if first.shape != second.shape:
        sizes = [f"{image.shape[3]} x {image.shape[2]}" for image in (first, second)]
        raise DataError(
            sr,
            found=f"{sizes[0]} pixels",
            expected=f"{sizes[1]} as {hr.name}",
            fix="Crop one of them, or enlarge by another factor (upscale --outscale).",
        )
    return {name: float(value) for name, value in meter(first, second).items()}


def mean_scores(meter: RestorationScores) -> dict[str, float]:
    """Means over pictures; exact matches and pictures without a score are counted apart."""
    from blindsr.metrics.table import EXACT

    means = {name: float(value) for name, value in meter.compute().items()}
    only_exact = {name + EXACT for name, value in means.items() if math.isinf(value)}
    return {name: value for name, value in means.items() if name not in only_exact}


def _table(
    found: Mapping[str, Mapping[str, float]], means: Mapping[str, float], title: str, width: int
) -> Table:
    from rich.table import Table
    from rich.text import Text

    from blindsr.metrics.score_rows import MEAN, Row, columns, footnotes, title_of
    from blindsr.metrics.table import show

    mean = Row(MEAN, MEAN, means)
    first = max(map(len, [*list(found)[:_SHOWN], f"mean of {len(found)}"]))
    names, left = _fitting(columns([mean]), width - min(first, width // 3) - 4)
    table = Table(title=Text(printable(title)), title_justify="left", caption_justify="left")
    table.add_column("picture", no_wrap=True)
    for name in names:
        table.add_column(title_of(name), justify="right", min_width=_column_width(name))
    for picture, scores in list(found.items())[:_SHOWN]:
        table.add_row(Text(printable(picture)), *(show(name, scores.get(name)) for name in names))
    notes = footnotes([mean])
    if left:
        notes.insert(0, f"too narrow for {', '.join(map(title_of, left))}; --json has all")
    if len(found) > 1:
        table.add_section()
        table.add_row(f"mean of {len(found)}", *(show(name, means.get(name)) for name in names))
    if len(found) > _SHOWN:
        notes.insert(0, f"{len(found) - _SHOWN} more are in the mean; --json lists all")
    table.caption = Text("\n".join(notes)) if notes else None
    return table


def _fitting(names: list[str], width: int) -> tuple[list[str], list[str]]:
    """Columns that fit into ``width`` characters, and those left out, see ``Metric.dropped``."""
    from blindsr.metrics.table import METRICS

    order = {name: METRICS[name].dropped for name in names if name in METRICS}
    spare = sorted((n for n, at in order.items() if at is not None), key=lambda n: order[n] or 0)
    left: list[str] = []
    while spare and sum(_column_width(n) + 3 for n in names if n not in left) > width:
        left.append(spare.pop(0))
    return [name for name in names if name not in left], left


def _column_width(name: str) -> int:
    """Of a column whose title is folded at its blanks; numbers have up to 7 characters."""
    from blindsr.metrics.score_rows import title_of

    return max(7, *map(len, title_of(name).split()))


def _write(
    arguments: argparse.Namespace,
    found: Mapping[str, Mapping[str, float]],
    means: Mapping[str, float],
) -> None:
    from blindsr.imaging.files import atomic_path
    from blindsr.metrics.score_rows import json_values
    from blindsr.metrics.table import METRICS

    content = {
        "sr": str(arguments.sr),
        "hr": str(arguments.hr),
        "crop": arguments.crop,
        "mean": json_values(means),
        "pictures": {name: json_values(scores) for name, scores in found.items()},
        "better": {name: METRICS[name].better for name in means if name in METRICS},
    }
    text = json.dumps(content, indent=2) + "\n"
    if str(arguments.json) == "-":
        sys.stdout.write(text)
        return
    with atomic_path(arguments.json) as temporary:
        temporary.write_text(text, encoding="ascii")


def _pixels(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number of pixels")
    return int(text)
