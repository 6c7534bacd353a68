"""``blindsr demo``: a method, small, on embedded scenes; tables and pictures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsr.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .background import Background

STAGES = ("cmos_demo", "rrdb_sft_demo", "blind_demo")
WITHOUT_MAPS = "no maps"
SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "-c",
        "--configs",
        type=Path,
        default=Path("experiments"),
        help=f"folder of {', '.join(f'{name}.yaml' for name in STAGES)} (default: %(default)s)",
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
        "--stage",
        choices=("1", "all"),
        default="all",
        help="of CMOS: 1 trains the estimator alone (default: %(default)s)",
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

    from .background import Background
    from .demo_pbasr import run_pbasr
    from .main import quiet

    quiet()
    # networks this small are slower on two threads, and the other core has the loader or restorers
    torch.set_num_threads(1)
    if arguments.method == "pbasr":
        return run_pbasr(arguments)
    require(arguments.configs, STAGES[:1] if arguments.stage == "1" else STAGES)
    console = Console(highlight=False, soft_wrap=True)
    if arguments.stage == "1":
        train_estimator(arguments, console)
        return 0
    restorers = Background(list(restorer_commands(arguments)), arguments.out / "restorers.log")
    with restorers:
        console.print("stage 1: CMOS, the estimator; stage 2, the restorers, beside it")
        estimator, estimate_scores = train_estimator(arguments, console)
        wait(restorers, console)
    restorer, no_maps = (best_of(arguments.out / name) for name in ("rrdb_sft", "no_maps"))
    console.print("stage 3: the restorer learns to live with the estimate")
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
    draw_restoration(arguments.out / "restoration.png", blind.model.eval(), blind.datamodule)
    write_scores(arguments, {"estimate": estimate_scores, "restoration": rows})
    console.print(f"checkpoint: {checkpoint}")
    console.print(f"pictures:   {arguments.out / 'blur_maps.png'}, restoration.png")
    return 0


def require(folder: Path, names: Sequence[str]) -> None:
    """Refuse to begin without one of the configurations."""
    for name in names:
        if not (folder / f"{name}.yaml").is_file():
            raise ConfigError(
                folder / f"{name}.yaml",
                found="no such file",
                expected="a training configuration",
                fix="Run this in the repository's folder, or name theirs with -c.",
            )


def words(arguments: argparse.Namespace, config: str, name: str) -> list[str]:
    """Words of ``lightning fit`` for a stage whose run is ``<out>/<name>``."""
    seed = [f"--seed_everything={arguments.seed}", f"--data.init_args.seed={arguments.seed}"]
    logger = (
        '[{"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": '
        f'{{"save_dir": "{arguments.out}", "name": "{name}", "version": ""}}}}]'
    )
    path = arguments.configs / f"{config}.yaml"
    return ["fit", "-c", str(path), *seed, f"--trainer.logger={logger}", *arguments.overrides]


def fit(arguments: argparse.Namespace, config: str, name: str, *more: str) -> Any:
    """Train a stage in this process."""
    from .main import BlindSRCLI

    clear(arguments.out / name)
    return BlindSRCLI([*words(arguments, config, name), *more])


def script(arguments: argparse.Namespace, config: str, name: str, *more: str) -> list[str]:
    """The command that trains a stage in a process of its own."""
    command = [*words(arguments, config, name), *more]
    return [sys.executable, "-m", "blindsr.cli.lightning_script", *command]


def clear(folder: Path) -> None:
    """Remove the run of an earlier demonstration."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def best_of(folder: Path) -> Path:
    """The best checkpoint of a run."""
    return folder / "checkpoints" / "best.ckpt"


def restorer_commands(arguments: argparse.Namespace) -> Iterator[list[str]]:
    """Commands that train the restorer on true maps, and one of the same size without maps."""
    switches = {"rrdb_sft": [], "no_maps": ["use_blur=false", "use_semantics=false"]}
    for name, off in switches.items():
        clear(arguments.out / name)
        options = [f"--model.init_args.{option}" for option in off]
        yield script(arguments, "rrdb_sft_demo", name, *options)


def wait(background: Background, console: Any) -> None:
    """Wait for what runs beside this process; say what it is at."""
    import time

    with console.status("waiting for the other process") as status:
        while background.running():
            line = background.last_line()
            status.update(f"waiting for the other process: {line}" if line else "waiting")
            time.sleep(1)
    background.check()


def train_estimator(arguments: argparse.Namespace, console: Any) -> tuple[Path, dict[str, float]]:
    """Stage 1 and what it reached."""
    from blindsr.imaging.plot import save_blur_strips

    from .demo_estimate import as_table, score

    cli = fit(arguments, "cmos_demo", "cmos")
    best = best_of(arguments.out / "cmos")
    model = type(cli.model).load_from_checkpoint(best, map_location="cpu")
    scores, pictures = score(model.eval(), cli.datamodule)
    console.print(as_table(scores))
    save_blur_strips(
        arguments.out / "blur_maps.png",
        pictures,
        sigma_max=float(cli.datamodule.sigma_max),
        class_names=cli.datamodule.class_names,
        title="Held-out scenes",
    )
    write_scores(arguments, {"estimate": scores})
    if arguments.stage == "1":
        console.print(f"checkpoint: {best}")
        console.print(f"picture:    {arguments.out / 'blur_maps.png'}")
    return best, scores


def draw_restoration(path: Path, model: Any, datamodule: Any) -> None:
    """Draw the first test scenes, restored in all ways of the table, with zoomed crops."""
    import torch

    batch = next(iter(datamodule.test_dataloader()))
    with torch.inference_mode():
        sr, estimate = model.restore(batch)
        results = {**model.rivals(batch), model.title: sr}
    draw_sheet(path, batch, results, datamodule, estimate=estimate)


def draw_sheet(
    path: Path, batch: Any, results: dict[str, Any], datamodule: Any, estimate: Any = None
) -> None:
    """Draw the first samples of a batch as every method restored them."""
    from blindsr.callbacks.restoration_samples import sheet_sample
    from blindsr.imaging.plot_restoration import save_restoration_sheet

    where = {"scale": datamodule.scale, "phase": datamodule.phase}
    samples = [
        sheet_sample(batch, results, index, estimate=estimate, **where)
        for index in range(min(SHOWN, len(batch["lr"])))
    ]
    sigma_max = float(datamodule.sigma_max) if estimate is not None else 0.0
    save_restoration_sheet(path, samples, methods=list(results), sigma_max=sigma_max)


def write_scores(arguments: argparse.Namespace, content: dict[str, Any]) -> None:
    """Write ``scores.json`` with the seed and the command."""
    from blindsr.imaging.io import atomic_path

    with atomic_path(arguments.out / "scores.json") as temporary:
        report = {"command": " ".join(sys.argv), "seed": arguments.seed, **content}
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
