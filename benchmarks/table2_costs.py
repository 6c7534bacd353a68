"""What the six methods of Table 2 cost for one picture, at the sizes of their papers.

    python benchmarks/table2_costs.py [--size 60 80] [-o benchmarks/results/table2_costs.md]

Weights are random: they decide neither time nor memory. KernelGAN learns from the picture: a few
steps are timed and multiplied.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable
from pathlib import Path

import torch
from hardware import processor
from torch import Tensor

from blindsr.cli.benchmark.costs import peak_bytes
from blindsr.inference.kernelgan.fitting import STEPS, fit_predict
from blindsr.networks import CMOS, DAN, DCLS, RRDBSFT, RRDBSFTPCA, BlindSR, KOALAnet, MANet
from blindsr.networks.kernelgan import KernelGANDiscriminator, KernelGANGenerator, ZSSRNet

TRIED, MORE = 2, 8


def networks() -> dict[str, torch.nn.Module]:
    """x4, sigma up to 5, as the papers have them."""
    torch.manual_seed(0)
    cmos = BlindSR(CMOS(40), RRDBSFT(40))
    return {
        "KOALAnet": KOALAnet(),
        "DCLS": DCLS(),
        "DAN (version 1)": DAN(version=1),
        "DAN (version 2)": DAN(version=2),
        "MANet + RRDB-SFT": BlindSR(MANet(), RRDBSFTPCA()),
        "CMOS + RRDB-SFT": cmos,
    }


def cost(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor time, the faster of two, and bytes."""
    best = float("inf")
    for _ in range(TRIED):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
    return best, peak_bytes(call, torch.device("cpu"))


def kernelgan(lr: Tensor) -> str:
    """Its line: time by a few steps, memory of one of each."""
    few, more = (cost_of_steps(lr, steps) for steps in (1, 1 + MORE))
    seconds = few + (more - few) / MORE * (STEPS - 1)
    memory = peak_bytes(lambda: fit_predict(lr, 4, steps=1), lr.device)
    parts = (KernelGANGenerator(), KernelGANDiscriminator(), ZSSRNet())
    name = f"KernelGAN + ZSSR, {STEPS} steps (from {MORE} timed ones)"
    return f"| {name} | {millions(*parts):.1f} | {seconds:.0f} | {memory / 2**20:.0f} |"


def cost_of_steps(lr: Tensor, steps: int) -> float:
    begin = time.process_time()
    fit_predict(lr, 4, steps=steps)
    return time.process_time() - begin


def millions(*networks: torch.nn.Module) -> float:
    return sum(p.numel() for network in networks for p in network.parameters()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(60, 80), help="rows, columns of LR")
    parser.add_argument("-o", "--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lr = torch.rand(1, 3, *arguments.size)
    lines = [
        "# What the methods of Table 2 cost for one picture",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, one thread, torch "
        f"{torch.__version__}, float32, LR {arguments.size[0]} x {arguments.size[1]}, x4, networks "
        "as large as in the papers: `python benchmarks/table2_costs.py`. Seconds of processor "
        "time; memory of tensors beside the weights.",
        "",
        "| | parameters [M] | seconds | memory [MiB] |",
        "|---|---|---|---|",
        kernelgan(lr),
    ]
    for name, network in networks().items():
        network.eval()
        restore = network if isinstance(network, BlindSR) else network.restore
        with torch.inference_mode():
            seconds, memory = cost(lambda restore=restore: restore(lr))
        lines.append(f"| {name} | {millions(network):.1f} | {seconds:.1f} | {memory / 2**20:.0f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
