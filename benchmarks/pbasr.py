"""PBaSR against its ablations on real photographs, with seeds (the paper's Table 2 and Fig. 8).

    python benchmarks/pbasr.py --photos FOLDER --rgbd CITYSCAPES_LAYOUT --work FOLDER

General stream: the photographs of ``--photos``. Blur stream: frames in Cityscapes' layout
(leftImg8bit, disparity) with intended defocus made by the library. The anchor is a small compact
network of Real-ESRGAN; every seed first trains one by L1 alone, and all arms of the seed start
from it, as the paper starts from released weights. Arms: unified training, two branches never
mixed, and PBaSR mixing after every iteration and after every 20. What is finished in ``--work`` is
not done again. Writes ``pbasr.md`` and ``pbasr.png`` (the curves) into ``-o``.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import shutil
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from hardware import processor

from blindsr.cli.training.command import main as lightning
from blindsr.data.scenes.intended_blur import intended_defocus
from blindsr.imaging.files import atomic_path, read_array, read_rgb, to_uint8, write_png
from blindsr.metrics.table import METRICS, split_region

BLURRED_PHOTOS = ("LadyBird", "YellowFlower", "TwoWings", "RainDrops", "FreshFlower", "cuhk")
"""Photographs with intended blur are no general ones."""
TRAIN_FRAMES, TEST_FRAMES = 100, 20
SIGMA_MAX, THRESHOLD = 5.0, 1.0
SHOWN = {"general": ("",), "blur": ("", "blurred")}
"""Regions whose scores the tables show: those of sharp regions stay in the files."""
ROWS = {
    "unified": "unified training",
    "apart/general branch": "general branch, never mixed",
    "apart/blur branch": "blur branch, never mixed",
    "apart": "average, never mixed",
    "k20": "PBaSR, k = 20",
    "k1": "PBaSR, k = 1",
}
LEARNED = "\n## What was learned"
ANCHOR = {"arch": "compact", "init_args": {"num_feat": 32, "num_conv": 8}}
ARMS = {"unified": None, "apart": (1, 1.0), "k20": (20, 0.99), "k1": (1, 0.99)}
"""Arm -> (k, lambda_0); lambda_0 = 1 never mixes but logs the distance."""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--rgbd", type=Path, required=True)
    parser.add_argument("--general-test", type=Path, required=True, help="folder of HR pictures")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--pretrain", type=int, default=2000)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmarks/results"))
    return parser.parse_args()


def make_data(arguments: argparse.Namespace) -> None:
    """Sharp photographs in ``general``; pictures with intended blur and masks in two folders."""
    done = arguments.work / "data.json"
    if done.exists():
        return
    sharp = [
        path
        for path in sorted(arguments.photos.iterdir())
        if path.suffix in (".jpg", ".png") and not any(word in path.name for word in BLURRED_PHOTOS)
    ]
    names = [path.name for path in sharp]
    for name in names:
        picture = to_uint8(read_rgb(arguments.photos / name))
        write_png(arguments.work / "general" / f"{Path(name).stem}.png", picture)
    for split, count, folder in (
        ("train", TRAIN_FRAMES, "blur"),
        ("test", TEST_FRAMES, "blur_test"),
    ):
        frames = sorted((arguments.rgbd / "leftImg8bit" / split).rglob("*_leftImg8bit.png"))
        for number, path in enumerate(frames[:: max(len(frames) // count, 1)][:count]):
            make_blurred(arguments, path, np.random.default_rng([number, split == "test"]), folder)
    done.write_text(json.dumps({"general": names}))


def make_blurred(arguments, path: Path, rng: np.random.Generator, folder: str) -> None:
    stem = path.name.removesuffix("_leftImg8bit.png")
    relative = path.relative_to(arguments.rgbd / "leftImg8bit").parent
    disparity = read_array(
        arguments.rgbd / "disparity" / relative / f"{stem}_disparity.png"
    ).astype(np.float32)
    depth = 1 / np.maximum(disparity - 1, 1)  # sigma depends on ratios of depth alone
    made = intended_defocus(
        to_uint8(read_rgb(path)), depth, rng, sigma_max=SIGMA_MAX, threshold=THRESHOLD
    )
    write_png(arguments.work / folder / "HR" / f"{stem}.png", made.hr)
    write_png(arguments.work / folder / "mask" / f"{stem}.png", made.mask.astype(np.uint8) * 255)


def words(arguments: argparse.Namespace, seed: int, name: str, callbacks: list) -> list[str]:
    """What all trainings share, as words of ``lightning fit``."""
    work = arguments.work
    logger = {"save_dir": str(work / f"seed{seed}"), "name": name, "version": ""}
    model = {
        "recipe": "esrgan",
        "discriminator_features": 8,
        "discriminator_learning_rate": 1e-4,
        "score_branches": False,
        "crop_border": 4,
    }
    data = {
        "root": str(work / "blur"),
        "general": [str(work / "general")],
        "general_test": {"photos": str(arguments.general_test)},
        "blur_test": {"camvid": str(work / "blur_test")},
        "cache": str(work / "cache"),
        "holdout": 2,
        "crop": 96,
        "val_crop": 192,
        "batch_size": 4,
        "num_workers": 0,
        "degradation": "bsrgan",
        "seed": seed,
    }
    pairs = [f"--model.{key}={word(value)}" for key, value in model.items()]
    pairs += [f"--data.{key}={word(value)}" for key, value in data.items()]
    last = {
        "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
        "init_args": {"filename": "last", "enable_version_counter": False},
    }
    loggers = [{"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": logger}]
    return [
        f"--seed_everything={seed}",
        "--trainer.accelerator=cpu",
        "--trainer.devices=1",
        "--trainer.num_sanity_val_steps=0",
        "--trainer.limit_val_batches=0",
        "--trainer.enable_model_summary=false",
        "--trainer.log_every_n_steps=1",
        f"--trainer.logger={json.dumps(loggers)}",
        f"--trainer.callbacks={json.dumps([*callbacks, last])}",
        "--model=blindsr.tasks.PBaSRTask",
        "--data=blindsr.data.ReBlurSR",
        *pairs,
    ]


def word(value: object) -> str:
    """As the command line reads it back; a text stays as it is."""
    return value if isinstance(value, str) else json.dumps(value)


def run(command: str, *more: str) -> None:
    status = lightning([command, *more])
    if status:
        sys.exit(status)


def pretrained(arguments: argparse.Namespace, seed: int) -> Path:
    """An anchor trained by L1 on both streams, in the anchor's own dialect."""
    from blindsr.cli.app import main as blindsr

    file = arguments.work / f"seed{seed}" / "anchor.pth"
    if not file.exists():
        shutil.rmtree(file.with_name("anchor"), ignore_errors=True)
        run(
            "fit",
            *words(arguments, seed, "anchor", []),
            f"--model.anchor={json.dumps(ANCHOR)}",
            "--model.branches=unified",
            '--model.losses={"perceptual": 0.0, "gan": 0.0}',
            "--model.learning_rate=1e-3",
            f"--model.max_iterations={arguments.pretrain}",
            f"--data.steps_per_epoch={arguments.pretrain}",
            "--trainer.max_epochs=1",
        )
        checkpoint = arguments.work / f"seed{seed}" / "anchor" / "checkpoints" / "last.ckpt"
        if blindsr(["convert", "average", str(checkpoint), "-o", str(file)]):
            sys.exit(1)
    return file


def train(arguments: argparse.Namespace, seed: int, arm: str) -> dict:
    """Train and test one arm; its scores by row and group."""
    folder = arguments.work / f"seed{seed}" / arm
    if not (folder / "test" / "scores.json").exists():
        anchor = pretrained(arguments, seed)
        options = [
            f'--model.anchor={{"weights": "{anchor}"}}',
            f"--model.branches={'two' if ARMS[arm] else 'unified'}",
            '--model.losses={"perceptual": 0.0, "gan": 0.02}',
            "--model.learning_rate=2e-4",
            f"--model.max_iterations={arguments.iterations}",
            f"--data.steps_per_epoch={arguments.iterations}",
            "--trainer.max_epochs=1",
        ]
        checkpoint = folder / "checkpoints" / "last.ckpt"  # written at the very end
        if not checkpoint.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was stopped
            run("fit", *words(arguments, seed, arm, mixing(arm)), *options)
        shutil.rmtree(folder / "test", ignore_errors=True)
        run(
            "test",
            *words(arguments, seed, f"{arm}/test", []),
            *options,
            f'--model.compare={{"anchor": "{anchor}"}}',
            f"--ckpt_path={checkpoint}",
        )
    content = json.loads((folder / "test" / "scores.json").read_text())
    return {arm: content["scores"]} | {
        f"{arm}/{row}": scores for row, scores in content["others"].items()
    }


def mixing(arm: str) -> list[dict]:
    """The callback that mixes the branches of an arm."""
    if not ARMS[arm]:
        return []
    every, lambda0 = ARMS[arm]
    form = "constant" if lambda0 == 1 else "paper"
    options = {"every": every, "lambda0": lambda0, "form": form}
    return [{"class_path": "blindsr.callbacks.WeightInterpolation", "init_args": options}]


def tables(results: list[dict], group: str) -> list[str]:
    """The scores, and their differences from what PBaSR must beat."""
    lines = table(results, group)
    for arm in ("unified", "apart"):
        title = f"Less those of the row *{ROWS[arm]}* of the same seed:"
        lines += ["", title, "", *table(results, group, minus=arm)]
    return lines


def table(results: list[dict], group: str, minus: str | None = None) -> list[str]:
    """Markdown rows: mean and spread over the seeds; of the difference from a row, seed by seed."""
    names = scored(results, group)
    lines = [f"| | {' | '.join(title_of(name) for name in names)} |", f"|---|{'---|' * len(names)}"]
    rows = {"apart/bicubic": "bicubic", "apart/anchor": "the anchor", **ROWS}
    for key, title in rows.items():
        if key == minus:
            continue
        cells = []
        for name in names:
            values = column(results, key, group, name)
            if minus:
                less = column(results, minus, group, name)
                values = [a - b for a, b in zip(values, less, strict=True)]
            cells.append(cell(name, values, signed=bool(minus)))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def scored(results: list[dict], group: str) -> list[str]:
    """Names of the scores of the table of a group, whole images first."""
    found = results[0]["apart"][by_group(results[0]["apart"], group)]
    regions = {name: split_region(name) for name in found}
    return [
        name
        for region in SHOWN[group]
        for metric in METRICS
        for name in found
        if regions[name] == (region, metric)
    ]


def title_of(name: str) -> str:
    region, metric = split_region(name)
    return METRICS[metric].title + (f" {region}" if region and region in name else "")


def column(results: list[dict], key: str, group: str, name: str) -> list[float]:
    """One score of a row, seed by seed."""
    return [float(scores[key][by_group(scores[key], group)][name]) for scores in results]


def by_group(scores: dict, stream: str) -> str:
    return next(name for name in scores if name.partition("-")[0] == stream)


def cell(name: str, values: list[float], *, signed: bool) -> str:
    decimals = METRICS[split_region(name)[1]].decimals
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):{'+' if signed else ''}.{decimals}f} ± {spread:.{decimals}f}"


def curves(arguments: argparse.Namespace, path: Path) -> dict[str, float]:
    """Draw 1 - cosine and the distance of the branches over the iterations of the last seed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    ends = {}
    titles = {"distance": "distance of the branches", "one_minus_cosine": "1 - cosine"}
    for axes, (name, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        for arm, label in ROWS.items():
            if arm not in ARMS or not ARMS[arm]:
                continue
            file = arguments.work / f"seed{arguments.seeds[-1]}" / arm / "metrics.csv"
            key = f"interpolation/{name}"
            with file.open() as stream:
                rows = [row for row in csv.DictReader(stream) if row.get(key)]
            values = [float(row[key]) for row in rows]
            axes.plot([float(row["iterations"]) for row in rows], values, label=label)
            ends[f"{title}, {label}"] = values[-1]
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("iteration", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)
    return ends


def main() -> None:
    arguments = parse()
    torch.set_num_threads(1)
    make_data(arguments)
    results = []
    for seed in arguments.seeds:
        scores: dict = {}
        for arm in ARMS:
            scores |= train(arguments, seed, arm)
        results.append(scores)
    ends = curves(arguments, arguments.out / "pbasr.png")
    photos = json.loads((arguments.work / "data.json").read_text())["general"]
    report = [
        "# PBaSR against its ablations, small",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, one thread, torch "
        f"{torch.__version__}; `python benchmarks/pbasr.py --photos … --rgbd … "
        "--general-test … --work …`",
        "",
        f"Real-ESRGAN's compact network, 32 features, 8 convolutions; {arguments.pretrain} "
        f"iterations of L1, then {arguments.iterations} iterations of each arm (L1 + 0.02 GAN, "
        "hinge, Adam 2e-4, 4 + 4 patches of 96, BSRGAN degradation). Mean ± standard deviation "
        f"over the seeds {', '.join(map(str, arguments.seeds))}, after the last step: no score "
        "chose anything.",
        f"General: {len(photos)} photographs for training, Set5 for testing. Blur: "
        f"{TRAIN_FRAMES} and {TEST_FRAMES} frames of CamVid with intended defocus up to sigma "
        f"{SIGMA_MAX:g}, made from synthetic disparity (derived from labels). Texture: Laplacian "
        "energy of SR over HR in blurred regions, 1 is right. Every seed degrades the test "
        "pictures in its own way, which the differences seed by seed are free of.",
        "",
        "## Pictures with intended blur",
        "",
        *tables(results, "blur"),
        "",
        "## General pictures",
        "",
        *tables(results, "general"),
        "",
        "## Curves (seed " + str(arguments.seeds[-1]) + ")",
        "",
        "![distance of the branches and 1 - cosine](pbasr.png)",
        "",
        "| at the end | value |",
        "|---|---|",
        *[f"| {name} | {value:.3g} |" for name, value in ends.items()],
    ]
    out = arguments.out / "pbasr.md"
    if out.exists():  # what a person wrote below stays
        report += ["".join(out.read_text(encoding="utf-8").partition(LEARNED)[1:]).rstrip()]
    with atomic_path(out) as temporary:
        temporary.write_text("\n".join(report).rstrip() + "\n", encoding="utf-8")
    print("\n".join(report))


if __name__ == "__main__":
    main()
