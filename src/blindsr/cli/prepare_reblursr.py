"""``blindsr prepare reblursr``: intended blur picked out of one's own photographs for PBaSR."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsr.errors import BlindSRError, ConfigError

from .terminal import counted

if TYPE_CHECKING:
    from rich.console import Console

    from blindsr.data.prepare.reblursr_picks import Picks
    from blindsr.data.prepare.reblursr_rows import Row
    from blindsr.restore import Restorer

    from .pictures.batch import Batch

HELP = "a set like ReBlurSR, for PBaSR, of your own photographs with intended blur"
_AGAIN = "The same line goes on."
_PICKS = {
    "threshold": (float, "PX", "pixels are sharp below this sigma, in pixels of the picture [1]"),
    "least": (float, "PERCENT", "pictures with less blur are not taken [5]"),
    "most": (float, "PERCENT", "pictures with more are not either [80]"),
    "smallest": (int, "N", "regions of fewer pixels take the value around them [400]"),
    "type": (str, "NAME", "what the pictures show, defocus or motion; the map cannot tell"),
    "test_share": (float, "PERCENT", "of the pictures are for testing [5]"),
    "manual_share": (float, "PERCENT", "of the masks to be drawn by hand; the paper has 20 [0]"),
    "seed": (int, "N", "of both choices [0]"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("--images", type=Path, metavar="FOLDER", help="photographs")
    add("--out", type=Path, required=True, metavar="DIR", help="folder to make, or to correct")
    add("--masks", type=Path, metavar="FOLDER", help="masks drawn by hand, for some: 0 is blurred")
    add("--model", metavar="MODEL", help="estimator of blur [the one in the box]")
    for name, (kind, metavar, words) in _PICKS.items():
        add(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=words)
    add(
        "--shard",
        metavar="I/N",
        help="look at every N-th photograph, for the jobs of a cluster: N runs share --out [1/1]",
    )
    add(
        "--correct",
        action="store_true",
        help="read labels.csv and the masks of --out back, as you have corrected them",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the set, or take corrections over; 1 where a photograph could not be used."""
    from rich.console import Console

    from blindsr.data.prepare.reblursr_picks import Picks

    from .pictures.batch import Batch

    console = Console(highlight=False, soft_wrap=True, markup=False)
    given = {n: v for n in (*_PICKS, "shard") if (v := getattr(arguments, n)) is not None}
    if arguments.correct:
        from blindsr.data.prepare.reblursr_corrected import correct_reblursr

        _refuse_with_correct({**given, "images": arguments.images, "masks": arguments.masks})
        console.print(_summary(correct_reblursr(arguments.out), arguments.out))
        return 0
    if arguments.images is None:
        raise ConfigError("--images", found="nothing", expected="a folder of photographs")
    shard = given.pop("shard", "1/1")
    batch = Batch(again=_AGAIN, less_memory="Give smaller photographs.")
    return batch.run(lambda: _make(arguments, Picks(**given), shard, batch, console))


def _make(
    arguments: argparse.Namespace, picks: Picks, shard: str, batch: Batch, console: Console
) -> int:
    """Make the set or a shard of it; print what there is and what to do next."""
    from blindsr.data.prepare.reblursr import prepare_reblursr

    estimate = _estimator(arguments.model)
    try:
        with counted(console, "pictures") as tell:

            def told(done: int, total: int) -> None:
                batch.done, batch.total = done, total
                tell(done, total)

            rows = prepare_reblursr(
                arguments.images,
                arguments.out,
                estimate,
                picks=picks,
                masks=arguments.masks,
                estimator=arguments.model or "",
                shard=shard,
                each=batch.picture,
                progress=told,
            )
    except BlindSRError:
        batch.print_failures()
        raise
    if rows is None:
        console.print(f"shard {shard} of {arguments.out} is done, others are missing")
    else:
        console.print(_summary(rows, arguments.out))
        console.print(
            f"Look at sheet_*.png, correct labels.csv (use, type, degree, split) and the masks in "
            f"ALL_mask, then: blindsr prepare reblursr --correct --out {arguments.out}"
        )
    batch.print_failures()
    return int(bool(batch.failures))


def _refuse_with_correct(given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value is not None:
            raise ConfigError(
                f"--{name.replace('_', '-')}", found="--correct beside it", expected="one of them"
            )


def _estimator(name: str | None) -> Callable[[Any], Any]:
    """Sigma in pixels of the picture, far beyond what the model sees at once."""
    import blindsr
    from blindsr.inference.pyramid import estimate_pyramid

    model: Restorer = blindsr.load() if name is None else blindsr.load(name)
    return lambda picture: estimate_pyramid(model, picture).blur


def _summary(rows: list[Row], out: Path) -> str:
    parts = []
    for key in ("type", "degree", "area", "split", "mask"):
        counts = Counter(getattr(row, key) for row in rows)
        parts.append(", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
    text = f"{len(rows)} picture{'' if len(rows) == 1 else 's'} in {out}: {'; '.join(parts)}"
    left = sum(row.mask == "draw" for row in rows)
    if left:
        text += f". {left} masks are still to be drawn by hand ('draw' in labels.csv)"
    return text
