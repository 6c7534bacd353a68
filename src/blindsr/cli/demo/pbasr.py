"""``blindsr demo --method pbasr``: four ways to train one network on sharp and blurred pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsr.errors import ConfigError

from .runs import (
    Background,
    best_of,
    clear,
    config_file,
    draw_restorations,
    fit,
    require,
    script,
    wait,
    write_scores,
)

if TYPE_CHECKING:
    import argparse

ANCHOR, CONFIG = "pbasr_demo_anchor", "pbasr_demo"
MIXING = "WeightInterpolation"
ANCHOR_ROW = "anchor"
UNIFIED, POSTER, PBASR = "unified training", "average, not mixed", "PBaSR"
GENERAL, BLUR = "general branch, not mixed", "blur branch, not mixed"
BRANCH_ROWS = {"general branch": GENERAL, "blur branch": BLUR}
REGIONS = ("", "blurred")
"""The table leaves the scores of sharp regions to the files."""


def run_pbasr(arguments: argparse.Namespace) -> int:
    """Train unified, two branches without mixing, and PBaSR; print the table, draw the picture.

    Raises:
        ConfigError: without the configuration, or if it does not mix.
    """
    from blindsr.callbacks.score_table import table_console
    from blindsr.metrics.score_rows import Row, as_table
    from blindsr.metrics.table import split_region

    console = table_console()
    require(arguments, (ANCHOR, CONFIG))
    callbacks = callbacks_without_mixing(config_file(arguments, CONFIG))
    apart = f"--trainer.callbacks={json.dumps(callbacks)}"
    console.print("training: the anchor, from which all others start, by L1 alone")
    anchor_file = train_anchor(arguments)
    anchor = f"--model.init_args.anchor={json.dumps({'weights': str(anchor_file)})}"
    clear(arguments.out / "unified")
    options = [anchor, apart, "--model.init_args.branches=unified"]
    unified = Background(
        [script(arguments, CONFIG, "unified", *options)], arguments.out / "unified.log"
    )
    tables = {}
    with unified:
        console.print("training: unified, and beside it two branches that are never mixed")
        tables[POSTER], _ = trained(arguments, "apart", anchor, apart)
        wait(unified, console)
    console.print("training: PBaSR")
    compare = {ANCHOR_ROW: str(anchor_file), UNIFIED: str(last_of(arguments.out / "unified"))}
    tables[PBASR], cli = trained(
        arguments, "pbasr", anchor, f"--model.init_args.compare={json.dumps(compare)}"
    )
    scores = collected(tables)
    rows = [
        Row(
            method,
            group,
            {
                k: float(v)
                for k, v in one.items()
                if v is not None and split_region(k)[0] in REGIONS
            },
        )
        for method, by_group in scores.items()
        for group, one in by_group.items()
        if group != "mean"
    ]
    title = "PBaSR on held-out scenes, after the last step of each training"
    console.print(as_table(rows, title, width=console.width))
    blurred = next(b for b in cli.datamodule.test_dataloader() if b["group"][0].startswith("blur"))
    draw_restorations(
        arguments.out / "pbasr.png", cli.model.eval(), blurred, ("bicubic", UNIFIED, PBASR)
    )
    write_scores(arguments, {"pbasr": scores})
    console.print(f"scores:  {arguments.out / 'scores.json'}")
    console.print(f"picture: {arguments.out / 'pbasr.png'}")
    return 0


def callbacks_without_mixing(path: Path) -> list[dict[str, Any]]:
    """The callbacks of the configuration but for WeightInterpolation."""
    import yaml

    every = yaml.safe_load(path.read_text(encoding="utf-8"))["trainer"]["callbacks"]
    kept = [one for one in every if not one["class_path"].endswith(MIXING)]
    if len(kept) == len(every):
        raise ConfigError(path, found=f"no {MIXING}", expected="it among trainer.callbacks")
    return kept


def train_anchor(arguments: argparse.Namespace) -> Path:
    """Train the anchor and write it as a file of its own dialect."""
    from blindsr.weights.anchors.pbasr import read_pbasr
    from blindsr.weights.writing import write_pth

    fit(arguments, ANCHOR, "anchor")
    file = arguments.out / "anchor.pth"
    write_pth(file, read_pbasr(last_of(arguments.out / "anchor")).in_dialect("average"))
    return file


def trained(arguments: argparse.Namespace, name: str, *more: str) -> tuple[dict[str, Any], Any]:
    """Train one arm in this process and test it after its last step: scores, and the run."""
    cli = fit(arguments, CONFIG, name, *more)
    checkpoint = str(last_of(arguments.out / name))
    cli.trainer.test(cli.model, cli.datamodule, ckpt_path=checkpoint, verbose=False)
    file = Path(cli.trainer.log_dir) / "scores.json"
    return json.loads(file.read_text(encoding="utf-8")), cli


def last_of(folder: Path) -> Path:
    """The last checkpoint of a run."""
    return best_of(folder).with_name("last.ckpt")


def collected(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by row and group, the rows in the order of the table."""
    apart, pbasr = tables[POSTER], tables[PBASR]
    rows = {name: pbasr["others"][name] for name in ("bicubic", ANCHOR_ROW, UNIFIED)}
    rows |= {row: apart["others"][name] for name, row in BRANCH_ROWS.items()}
    return {**rows, POSTER: apart["scores"], PBASR: pbasr["scores"]}
