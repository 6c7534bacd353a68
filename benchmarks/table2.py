"""What the small Table 2 teaches: its table, where maps are right, time and memory, one picture.

    blindsr benchmark tables/table2_demo.yaml -o FOLDER
    python benchmarks/table2.py FOLDER [-o benchmarks/results/table2_demo.md]

FOLDER holds the finished runs. The networks of all seeds estimate sigma of every test picture;
errors are compared, by region, with what one number for all pictures would have. Intervals are
paired bootstraps over pictures and seeds. KernelGAN learns from its few pictures anew.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from hardware import processor
from table2_maps import REGIONS, Found, Picture, compared, errors
from table2_picture import Column, draw
from torch import Tensor

from blindsr.cli.benchmark.costs import peak_bytes
from blindsr.cli.benchmark.jobs import Job, jobs_of
from blindsr.cli.benchmark.plan import Plan
from blindsr.cli.benchmark.plan_file import read_plan
from blindsr.cli.benchmark.report import make_report
from blindsr.cli.benchmark.runs import finished
from blindsr.cli.benchmark.tables import as_markdown
from blindsr.data import Scenes
from blindsr.imaging.files import atomic_path
from blindsr.inference.kernelgan.fitting import fit_predict
from blindsr.metrics.quality import psnr_y
from blindsr.networks import BlindSR
from blindsr.types import Estimate
from blindsr.weights.checkpoint import read_network

TABLE = "tables/table2_demo.yaml"
METHODS = ("KernelGAN + ZSSR", "KOALAnet", "DCLS", "DAN", "MANet + RRDB-SFT", "CMOS + RRDB-SFT")
LEARNT = METHODS[0]
CONSTANT, MEAN = "one number for all pictures", "true mean of each picture"
Restore = Callable[[Tensor], tuple[Tensor, Estimate]]
Samples = list[tuple[Picture, Any]]


class Costs(NamedTuple):
    """Of one LR picture on one core."""

    seconds: float
    memory: float


def data_of(plan: Plan) -> Samples:
    """The test pictures of the table, with depth."""
    row = plan.row(METHODS[1])
    prefix = "data.init_args."
    own = {k.removeprefix(prefix): v for k, v in row.overrides.items() if k.startswith(prefix)}
    chosen = ("downsampler", "test_count", "test_groups")
    data = Scenes(
        **{name: own[name] for name in chosen},
        size=[96, 128],
        scale=2,
        sigma_max=5.0,
        deliver=["depth"],
        num_workers=0,
    )
    data.setup("test")
    return [
        (picture_of(one), one)
        for part in data.test_sets
        for one in map(part.__getitem__, range(len(part)))
    ]


def picture_of(sample: Any) -> Picture:
    luma = sample["hr"].mean(dim=0).numpy()
    maps = (sample[name][0].numpy() for name in ("depth", "blur"))
    return Picture(sample["name"], sample["group"], luma, *maps)


def restorer_of(job: Job) -> Restore:
    """How a finished job restores an LR picture."""
    if job.row.name == LEARNT:
        steps = job.row.overrides["model.init_args.steps"]
        return lambda lr: fit_predict(lr, 2, phase=0.0, steps=steps)
    network = read_network(str(job.weights("last"))).network().eval()
    found = network if isinstance(network, BlindSR) else network.restore

    @torch.no_grad()
    def restore(lr: Tensor) -> tuple[Tensor, Estimate]:
        return found(lr)

    return restore


def pictures_of(job: Job, samples: Samples) -> Samples:
    """Those that the row was tested on."""
    most = job.row.test_overrides.get("data.init_args.test_count")
    names = sorted({picture.name for picture, _ in samples})[:most]
    return [one for one in samples if one[0].name in names]


def measure(job: Job, restore: Restore, lr: Tensor) -> Costs:
    once = restore
    if job.row.name == LEARNT:  # every step needs as much memory as the first
        once = partial(fit_predict, scale=2, phase=0.0, steps=1)
    once(lr)
    begin = time.process_time()
    restore(lr)
    return Costs(time.process_time() - begin, peak_bytes(lambda: once(lr), lr.device))


def evaluate(
    jobs: list[Job], samples: Samples, shown: tuple[str, str]
) -> tuple[Found, Costs, Column]:
    """Errors by seed, costs, and what the first seed made of one picture (group, name)."""
    by_seed = {}
    costs, column = Costs(np.nan, np.nan), None
    for job in jobs:
        restore, found = restorer_of(job), {}
        for picture, sample in pictures_of(job, samples):
            sr, estimate = restore(sample["lr"][None])
            assert estimate.blur is not None
            sigma = estimate.blur[0, 0].numpy()
            found[picture.group, picture.name] = errors(picture, sigma)
            if column is None and (picture.group, picture.name) == shown:
                score = float(psnr_y(sr, sample["hr"][None]))
                column = Column(job.row.name, sr[0].numpy(), sigma, score)
        by_seed[job.seed] = found
        if job is jobs[0]:
            costs = measure(job, restore, samples[0][1]["lr"][None])
    assert column is not None
    return Found(by_seed), costs, column


def guesses(pictures: list[Picture], seeds: list[int]) -> dict[str, Found]:
    """Maps that need no network: the mean over all pictures, and the true mean of each."""
    overall = float(np.mean([p.sigma.mean() for p in pictures]))
    values = {CONSTANT: lambda _: overall, MEAN: lambda p: float(p.sigma.mean())}
    found = {}
    for name, of in values.items():
        own = {(p.group, p.name): errors(p, np.full_like(p.sigma, of(p))) for p in pictures}
        found[name] = Found(dict.fromkeys(seeds, own))
    return found


def map_tables(found: dict[str, Found], samples: Samples) -> Iterator[str]:
    """One table for uniform and one for varying blur."""
    for title, uniform in (("Blur that varies", False), ("One blur everywhere", True)):
        chosen = {(p.group, p.name) for p, _ in samples if p.uniform == uniform}
        yield from ("", f"### {title}: {len(chosen)} test pictures", "")
        yield f"| | all | {' | '.join(REGIONS)} |"
        yield f"|---|{'---|' * (1 + len(REGIONS))}"
        for name, one in found.items():
            keys = set.intersection(*(set(pictures) for pictures in one.by_seed.values()))
            keep = chosen & keys
            cells = [cell(one, found[CONSTANT], keep, r) for r in ("all", *REGIONS)]
            few = f" ({len(keep)} of them)" if keep < chosen else ""
            yield f"| {name}{few} | {' | '.join(cells)} |"


def cell(own: Found, base: Found, keep: set[tuple[str, str]], region: str) -> str:
    if not keep:
        return "–"
    absolute, signed, apart = compared(own, base, keep, region)
    text = f"{absolute:.2f} ({signed:+.2f})"
    if own is base:
        return text
    if np.isnan(apart.low):
        return f"{text}<br>{apart.mean:+.2f}, too few pictures"
    word = "no difference seen"
    if apart.sure:
        word = "better" if apart.mean < 0 else "worse"
    return f"{text}<br>{apart.mean:+.2f} ({apart.low:+.2f} to {apart.high:+.2f})<br>{word}"


def report_of(plan: Plan, picture: Path) -> tuple[str, list[str]]:
    """All of the file, and the methods that have not been run."""
    jobs = jobs_of(plan)
    table = as_markdown(make_report(plan, jobs))
    samples = data_of(plan)
    seeds = sorted({job.seed for job in jobs})
    found = guesses([picture for picture, _ in samples], seeds)
    first = min(picture.name for picture, _ in samples)  # which every method has seen
    options = [one for one in samples if one[0].name == first]
    shown, sample = max(options, key=lambda one: float(np.ptp(one[0].sigma)))
    costs, columns, missing = {}, [], []
    for name in METHODS:
        done = [job for job in jobs if job.row.name == name and finished(job)]
        if not done:
            missing.append(name)
            continue
        found[name], costs[name], column = evaluate(done, samples, (shown.group, shown.name))
        columns.append(column)
    draw(sample, columns, picture)
    lines = [
        table.rstrip(),
        "",
        "## Where the maps are right",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, one thread, torch "
        f"{torch.__version__}; `python benchmarks/table2.py`.",
        "",
        "Mean absolute error of sigma in HR pixels (mean signed error in brackets), and the "
        f"difference of the first to {CONSTANT!r}, the mean of their sigma, with its 95 % "
        "interval.",
        *map_tables(found, samples),
        "",
        "## Time and memory of one picture",
        "",
        "LR 48 x 64, one core, seconds of processor time and the most memory of tensors.",
        "",
        "| | ms | MiB |",
        "|---|---|---|",
    ]
    for name, one in costs.items():
        memory = "–" if np.isnan(one.memory) else f"{one.memory / 2**20:.1f}"
        lines.append(f"| {name} | {1e3 * one.seconds:.0f} | {memory} |")
    lines += ["", f"![LR, map and restoration of every method]({picture.name})"]
    return "\n".join(lines) + "\n", missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", default=TABLE)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmarks/results/table2_demo.md"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan = read_plan(arguments.table, arguments.folder)
    text, missing = report_of(plan, arguments.out.with_suffix(".png"))
    if missing:
        text += f"\nNot run yet: {', '.join(missing)}.\n"
    with atomic_path(arguments.out) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
