"""Time CMOS: forward and training step, the straightforward form against ours, in one run.

    python benchmarks/cmos.py --device cpu --repeats 5 -o benchmarks/results/cmos.md

The straightforward form builds the window affinity of GIA as the paper writes it and runs eagerly
in float32 with contiguous tensors. The variants take turns within each repeat, so that a busy
machine slows all of them; the table shows the fastest repeat of each and the ratio to the first.
"""

import argparse
import contextlib
import datetime
import os
import platform
import shlex
import sys
import time
from pathlib import Path

import torch
from hardware import processor
from torch.nn.functional import conv2d, cross_entropy, l1_loss

from blindsr.networks import CMOS, fold_batchnorm
from blindsr.networks.blocks.gia import spatial

CLASSES, SCALE = 40, 4
# name: (quadratic affinity, channels last, bfloat16, folded batch norm; the last for forward only)
VARIANTS = {
    "straightforward float32": (True, False, False, False),
    "float32": (False, False, False, False),
    "float32 channels last": (False, True, False, False),
    "float32 channels last, folded": (False, True, False, True),
    "bfloat16 autocast": (False, False, True, False),
    "bfloat16 autocast channels last": (False, True, True, False),
    "bfloat16 autocast channels last, folded": (False, True, True, True),
}


def quadratic_affinity_sum(own, other, reduce):
    """Build the P x P affinity of every window, then reduce it with the learned vector."""
    affinity = own.flatten(2).transpose(1, 2) @ other.flatten(2)
    return conv2d(affinity.transpose(1, 2).unflatten(2, own.shape[2:]), reduce.weight, reduce.bias)


@contextlib.contextmanager
def affinity(quadratic):
    ours = spatial.affinity_sum
    if quadratic:
        spatial.affinity_sum = quadratic_affinity_sum
    try:
        yield
    finally:
        spatial.affinity_sum = ours


class Run:
    """One variant of the network and its two workloads."""

    def __init__(self, options, batch, size, device):
        self.quadratic, channels_last, self.half, self.folded = options
        torch.manual_seed(0)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = CMOS(CLASSES, SCALE).to(device, memory_format=layout)
        self.inference = self.network
        if self.folded:
            self.inference = fold_batchnorm(self.network.eval())
        self.optimizer = torch.optim.Adam(self.network.parameters(), 1e-4)
        self.device = device
        self.lr = torch.rand(batch, 3, *size, device=device).contiguous(memory_format=layout)
        hr = [SCALE * side for side in size]
        self.blur = 5 * torch.rand(batch, 1, *hr, device=device)
        self.seg = torch.randint(0, CLASSES, (batch, *hr), device=device)

    def __call__(self, workload):
        """Run ``forward`` or ``training`` once."""
        autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)
        with affinity(self.quadratic):
            if workload == "forward":
                self.inference.eval()
                with torch.no_grad(), autocast:
                    self.inference(self.lr)
                return
            self.network.train()
            with autocast:
                estimate = self.network(self.lr)
                loss = sum(
                    weight * (l1_loss(blur, self.blur) + cross_entropy(logits, self.seg))
                    for weight, blur, logits in (
                        (1.0, estimate.blur, estimate.seg_logits),
                        (0.5, estimate.aux_blur, estimate.aux_seg_logits),
                    )
                )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


def measure(runs, workload, repeats, device):
    """Fastest time in seconds and peak memory in bytes (CUDA only) of each variant."""
    seconds = {name: [] for name in runs}
    memory = {}
    for repeat in range(repeats + 1):  # the first warms up
        for name, run in runs.items():
            if device.type == "cuda":
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            start = time.perf_counter()
            run(workload)
            if device.type == "cuda":
                torch.cuda.synchronize()
                memory[name] = torch.cuda.max_memory_allocated()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    return {name: min(times) for name, times in seconds.items()}, memory


def table(title, times, memory):
    first = next(iter(times.values()))
    lines = [f"### {title}", "", "| variant | ms | times faster | peak GB |", "|---|---|---|---|"]
    for name, seconds in times.items():
        peak = f"{memory[name] / 1e9:.2f}" if name in memory else "-"
        lines.append(f"| {name} | {1000 * seconds:.1f} | {first / seconds:.2f} | {peak} |")
    return "\n".join(lines)


def header(arguments, device):
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else processor()
    busy = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    rows, columns = arguments.size
    return "\n".join(
        [
            "## CMOS, forward and training step",
            "",
            f"- date: {datetime.datetime.now(datetime.UTC).date().isoformat()}",
            f"- hardware: {hardware}, {torch.backends.cpu.get_cpu_capability()}; "
            f"{torch.get_num_threads()} threads; load of the machine at the start {busy}",
            f"- torch {torch.__version__}, Python {platform.python_version()}",
            f"- LR {rows}x{columns}, batch {arguments.batch}, {CLASSES} classes, best of "
            f"{arguments.repeats} interleaved repeats",
            f"- command: `python {shlex.join(sys.argv)}`",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160), metavar=("H", "W"))
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="+", choices=("forward", "training"))
    parser.add_argument(
        "--no-bfloat16",
        action="store_true",
        help="leave out bfloat16, which a CPU without instructions for it emulates very slowly",
    )
    parser.add_argument("-o", "--output", type=Path, help="write the tables to this Markdown file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)

    parts = [header(arguments, device)]
    for workload in arguments.only or ("forward", "training"):
        runs = {
            name: Run(options, arguments.batch, arguments.size, device)
            for name, options in VARIANTS.items()
            if (workload == "forward" or not options[-1])
            and not (arguments.no_bfloat16 and options[2])
        }
        parts.append(table(workload, *measure(runs, workload, arguments.repeats, device)))
    report = "\n\n".join(parts) + "\n"
    print(report)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        partial = arguments.output.with_name(arguments.output.name + ".partial")
        partial.write_text(report, encoding="utf-8")
        partial.replace(arguments.output)


if __name__ == "__main__":
    main()
