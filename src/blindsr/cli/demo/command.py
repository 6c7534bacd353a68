"""``blindsr demo``: a method, small, on embedded scenes; tables and pictures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .runs import best_of, clear, draw_restorations, fit, require, script, wait, write_scores

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = ("cmos_demo", "rrdb_sft_demo", "blind_demo")
WITHOUT_MAPS = "no maps"
ANNOUNCED = {
    "1": "Takes about 3 minutes on two quiet cores.",
    "all": "Takes 10 to 20 minutes on two quiet cores.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "-c",
        "--configs",
        type=Path,
        help=f"folder of {', '.join(f'{name}.yaml' for name in STAGES)} (those that "
        "`lightning fit -c` finds by these names)",
    )
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("demo"), help="folder to write into (%(default)s)"
    )
    parser.add_argument(
        "--method",
        choices=("cmos", "pbasr"),
        default="cmos",
        help="CMOS with RRDB-SFT, or PBaSR (pbasr_demo*.yaml) (default: %(default)s)",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="train all three stages of CMOS and RRDB-SFT; without, a first look of minutes: the "
        "model in the box, and CMOS from scratch",
    )
    parser.add_argument(
        "--stage",
        choices=("1", "all"),
        default="all",
        help="of --full: 1 trains the estimator alone (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of weights, scenes and draws (default: %(default)s)"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="--KEY=VALUE",
        help="after `--`: changes of all stages, as in `lightning fit`",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, score on held-out scenes, print tables and write the pictures."""
    import torch
    from rich.console import Console

    from blindsr.cli.training.command import quiet

    from .first_look import first_look
    from .pbasr import run_pbasr
    from .runs import Background

    quiet()
    # networks this small are slower on two threads, and the other core has the loader or restorers
    torch.set_num_threads(1)
    if arguments.method == "pbasr":
        return run_pbasr(arguments)
    console = Console(highlight=False, soft_wrap=True)
    if not (arguments.full or arguments.stage == "1"):
        return first_look(arguments, console)
    require(arguments, STAGES[:1] if arguments.stage == "1" else STAGES)
    console.print(ANNOUNCED[arguments.stage])
    if arguments.stage == "1":
        train_estimator(arguments, console)
        return 0
    restorers = Background(list(restorer_commands(arguments)), arguments.out / "restorers.log")
    with restorers:
        console.print("stage 1: CMOS, the estimator; stage 2, the restorers, beside it")
        estimator, estimate_scores = train_estimator(arguments, console)
        wait(restorers, console)
    restorer, no_maps = (best_of(arguments.out / name) for name in ("rrdb_sft", "no_maps"))
    console.print("stage 3: the restorer is trained with estimated maps")
    blind = fit(
        arguments,
        "blind_demo",
        "blind",
        f"--model.init_args.weights.estimator={estimator}",
        f"--model.init_args.weights.restorer={restorer}",
        f'--model.init_args.compare={{"{WITHOUT_MAPS}": "{no_maps}"}}',
    )
    checkpoint = best_of(arguments.out / "blind")
    blind.trainer.test(blind.model, blind.datamodule, ckpt_path=str(checkpoint), verbose=False)
    rows = json.loads((Path(blind.trainer.log_dir) / "scores.json").read_text(encoding="utf-8"))
    batch = next(iter(blind.datamodule.test_dataloader()))
    draw_restorations(arguments.out / "restoration.png", blind.model.eval(), batch)
    write_scores(arguments, {"estimate": estimate_scores, "restoration": rows})
    console.print(f"checkpoint: {checkpoint}")
    console.print(f"pictures:   {arguments.out / 'blur_maps.png'}, restoration.png")
    return 0


def restorer_commands(arguments: argparse.Namespace) -> Iterator[list[str]]:
    """Commands that train the restorer on true maps, and one of the same size without maps."""
    switches = {"rrdb_sft": [], "no_maps": ["use_blur=false", "use_semantics=false"]}
    for name, off in switches.items():
        clear(arguments.out / name)
        options = [f"--model.init_args.{option}" for option in off]
        yield script(arguments, "rrdb_sft_demo", name, *options)


def train_estimator(arguments: argparse.Namespace, console: Any) -> tuple[Path, dict[str, float]]:
    """Stage 1 and what it reached."""
    from blindsr.drawing.samples import save_samples

    from .estimate import as_table, score

    cli = fit(arguments, "cmos_demo", "cmos")
    best = best_of(arguments.out / "cmos")
    model = type(cli.model).load_from_checkpoint(best, map_location="cpu")
    scores, pictures = score(model.eval(), cli.datamodule)
    console.print(as_table(scores))
    save_samples(arguments.out / "blur_maps.png", pictures, title="Held-out scenes")
    write_scores(arguments, {"estimate": scores})
    if arguments.stage == "1":
        console.print(f"checkpoint: {best}")
        console.print(f"picture:    {arguments.out / 'blur_maps.png'}")
    return best, scores
