"""How far networks and training steps are from what this processor could do at best.

    python benchmarks/floors.py [-o benchmarks/results/floors.md]

The floor of a run is the sum over its operations: multiplications of convolutions and matrix
products over the measured rate of a large convolution, of all others the bytes that they read and
write over the measured bandwidth of a copy. It holds for operations one after the other: fusing
them, or pictures small enough for the caches, may go below its second part.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from hardware import idle_machine, require_idle, write_report
from torch.nn.functional import conv2d
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from blindsr.losses import blur_semantic_losses
from blindsr.networks import CMOS, RRDBSFT, BlurUNet, accelerate
from blindsr.networks.blur_sr import BlurSR
from blindsr.tasks.adam import adam

LAST = torch.channels_last


class Rates(NamedTuple):
    """What one thread reaches at best."""

    operations: float
    """A multiplication and its addition are two; per second."""
    bytes: float
    """Read and written, per second."""


class _Bytes(TorchDispatchMode):
    """Adds up what operations read and write, but for those that the counter of FLOPs knows."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry or func.is_view:
            return out
        given = [t for t in tree_leaves((args, kwargs)) if torch.is_tensor(t)]
        made = [t for t in tree_leaves(out) if torch.is_tensor(t)]
        self.total += sum(t.numel() * t.element_size() for t in (*given, *made))
        return out


def fastest(run: Callable[[], object], repeats: int) -> float:
    """Seconds, of the fastest of some runs after one that warms up."""
    run()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def rates(dtype: torch.dtype) -> Rates:
    """Of a 3x3 convolution of 128 channels, and of a copy of 256 MB."""
    x = torch.randn(1, 128, 96, 96).to(dtype).contiguous(memory_format=LAST)
    weight = torch.randn(128, 128, 3, 3).to(dtype).contiguous(memory_format=LAST)
    large = torch.zeros(2**26)
    other = torch.zeros_like(large)
    with torch.no_grad():
        operations = 2 * 96 * 96 * 128 * 128 * 9
        rate = operations / fastest(lambda: conv2d(x, weight, padding=1), 20)
    return Rates(rate, 2 * large.nbytes / fastest(lambda: other.copy_(large), 10))


def count(run: Callable[[], object]) -> tuple[int, int]:
    """Operations of convolutions and products, and bytes of all else."""
    counter, traffic = FlopCounterMode(display=False), _Bytes()
    with counter:
        run()
    with traffic:
        run()
    return counter.get_total_flops(), traffic.total


def forward(network: torch.nn.Module, *inputs: torch.Tensor, half: bool) -> Callable[[], object]:
    """A run of a network as it is used for inference."""
    network = accelerate(network.eval())
    given = [x.contiguous(memory_format=LAST) if x.ndim == 4 else x for x in inputs]

    def run() -> None:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            network(*given)

    return run


def training(half: bool, batch: int, size: tuple[int, int]) -> Callable[[], object]:
    """A training step of CMOS as its task takes it."""
    network = CMOS(40).train().to(memory_format=LAST)
    optimizer = adam(network.parameters(), lr=1e-4)
    large = [4 * side for side in size]
    lr = torch.rand(batch, 3, *size).contiguous(memory_format=LAST)
    blur, seg = 5 * torch.rand(batch, 1, *large), torch.randint(40, (batch, *large))

    def run() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found = network(lr, enlarge_classes=False)
        sum(blur_semantic_losses(found, blur, seg).values()).backward()
        optimizer.step()

    return run


def runs(half: bool) -> dict[str, Callable[[], object]]:
    """All rows, of one precision."""
    torch.manual_seed(0)
    lr = torch.rand(2, 3, 64, 96)
    blur, seg = 5 * torch.rand(2, 1, 256, 384), torch.randint(40, (2, 256, 384))
    picture = torch.rand(1, 3, 256, 256)
    sigma, error = torch.rand(1, 1, 1024, 1024), torch.rand(1, 1, 1024, 1024)
    return {
        "CMOS, forward, 2 x 64x96": forward(CMOS(40), lr, half=half),
        "RRDB-SFT, forward, 2 x 64x96": forward(RRDBSFT(), lr, blur, seg, half=half),
        "BlurUNet of the box, 256x256": forward(BlurUNet(), picture, half=half),
        "BlurSR of the box, 256x256": forward(
            BlurSR(features=48, blocks=7, data_step=True), picture, sigma, error, half=half
        ),
        "CMOS, training step, 2 x 64x96": training(half, 2, (64, 96)),
        "CMOS, training step, 8 x 120x160": training(half, 8, (120, 160)),  # as released
    }


def table(title: str, half: bool, repeats: int) -> list[str]:
    """Rows of one precision."""
    rate = rates(torch.bfloat16 if half else torch.float32)
    lines = [
        f"### {title}: {rate.operations / 1e9:.0f} GFLOP/s, {rate.bytes / 1e9:.1f} GB/s",
        "",
        "| run | GFLOP | ms at best | GB | ms at best | floor | measured | times the floor |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, run in runs(half).items():
        operations, moved = count(run)
        parts = operations / rate.operations, moved / rate.bytes
        floor, took = sum(parts), fastest(run, repeats)
        cells = [f"{operations / 1e9:.1f}", f"{1e3 * parts[0]:.0f}", f"{moved / 1e9:.2f}"]
        cells += [f"{1e3 * one:.0f}" for one in (parts[1], floor, took)]
        lines.append(f"| {name} | {' | '.join(cells)} | {took / floor:.1f} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, help="write the tables to this Markdown file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loads = [require_idle()]
    parts = []
    for title, half in (("float32", False), ("bfloat16", True)):
        parts += table(title, half, arguments.repeats)
        loads.append(require_idle())
    lines = [
        "# Floors",
        "",
        f"{idle_machine(loads)}, {torch.backends.cpu.get_cpu_capability()}, one thread; "
        f"`python {shlex.join(sys.argv)}`",
        "",
        "Floor: operations of convolutions and products over the rate of a 3x3 convolution of 128 "
        "channels, and bytes that all other operations read and write, one after the other, over "
        "the bandwidth of a copy of 256 MB.",
        "",
    ]
    write_report(arguments.output, [*lines, *parts])


if __name__ == "__main__":
    main()
