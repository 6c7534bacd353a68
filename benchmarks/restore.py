"""Time RRDB-SFT: the plain form against the fast ones, at inference, in one run.

    python benchmarks/restore.py --device cpu --repeats 3 -o benchmarks/results/restore.md

The variants take turns within each repeat, so that a busy machine slows all of them; the table
shows the fastest repeat of each and the ratio to the first, which is plain float32. Memory is what
tensors held at most beyond weights and inputs, counted in an extra run. The error is the largest
difference from plain float32 in standard deviations of its output. Weights and running statistics
are random. The last two variants are other networks: their time is no saving of the first.
"""

import argparse
import datetime
import os
import platform
import shlex
import sys
import time
from pathlib import Path

import torch
from hardware import processor
from torch.profiler import ProfilerActivity, profile

from blindsr.networks import RRDBSFT, accelerate

CLASSES, SCALE = 40, 4
PLAIN, FAST = "plain", "fast"
# name: (options of the network, form, autocast to bfloat16)
VARIANTS = {
    "plain float32": ({}, PLAIN, False),
    "fast float32": ({}, FAST, False),
    "plain bfloat16 autocast": ({}, PLAIN, True),
    "fast bfloat16 autocast": ({}, FAST, True),
    "fast float32, condition at LR": ({"condition": "lr"}, FAST, False),
    "fast float32, no maps": ({"use_blur": False, "use_semantics": False}, FAST, False),
}


class Run:
    """One variant of the network with its input."""

    def __init__(self, options, form, half, batch, size, device):
        torch.manual_seed(0)
        network = RRDBSFT(scale=SCALE, **options)
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                if name.endswith(("running_mean", "running_var", "bn.weight", "bn.bias")):
                    tensor.add_(0.1 * torch.rand_like(tensor))
                elif tensor.shape == (1,):  # gates of GIA, which start closed
                    tensor.fill_(0.5)
        network = network.eval().to(device)
        self.network = accelerate(network) if form == FAST else network
        self.comparable, self.half, self.device = not options, half, device
        hr = [SCALE * side for side in size]
        generator = torch.Generator().manual_seed(1)
        self.inputs = [
            torch.rand(batch, 3, *size, generator=generator).to(device),
            5 * torch.rand(batch, 1, *hr, generator=generator).to(device),
            torch.randint(0, CLASSES, (batch, *hr), generator=generator).to(device),
        ]

    @torch.no_grad()
    def __call__(self):
        """Restore once; returns when the device is done."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            sr = self.network(*self.inputs)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return sr

    def peak(self):
        """Bytes that tensors held at most beyond those that live before the call."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            self()
            return torch.cuda.max_memory_allocated() - before
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            self()
        held = most = 0
        events = profiler.profiler.kineto_results.events()
        for event in sorted(events, key=lambda event: event.start_ns()):
            if event.name() == "[memory]":
                held += event.nbytes()
                most = max(most, held)
        return most


def measure(runs, repeats):
    """Fastest time in seconds, largest number of bytes and output of each variant."""
    seconds = {name: [] for name in runs}
    outputs = {}
    for repeat in range(repeats + 1):  # the first warms up
        for name, run in runs.items():
            start = time.perf_counter()
            outputs[name] = run().float()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    memory = {name: run.peak() for name, run in runs.items()}
    return {name: min(times) for name, times in seconds.items()}, memory, outputs


def table(runs, times, memory, outputs):
    first = next(iter(times))
    plain = outputs[first]
    lines = [
        "| variant | ms | times faster | peak MB | error |",
        "|---|---|---|---|---|",
    ]
    for name, seconds in times.items():
        error = ((outputs[name] - plain).abs().max() / plain.std()).item()
        shown = f"{error:.1e}" if runs[name].comparable else "-"
        lines.append(
            f"| {name} | {1000 * seconds:.0f} | {times[first] / seconds:.2f} "
            f"| {memory[name] / 1e6:.0f} | {shown} |"
        )
    return "\n".join(lines)


def header(arguments, device):
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else processor()
    busy = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    rows, columns = arguments.size
    emulated = device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"
    note = "- bfloat16 is emulated: this processor has no instructions for it"
    return "\n".join(
        [
            "## RRDB-SFT at inference",
            "",
            f"- date: {datetime.datetime.now(datetime.UTC).date().isoformat()}",
            f"- hardware: {hardware}, {torch.backends.cpu.get_cpu_capability()}; "
            f"{torch.get_num_threads()} threads; load of the machine at the start {busy}",
            f"- torch {torch.__version__}, Python {platform.python_version()}",
            f"- LR {rows}x{columns}, x{SCALE}, batch {arguments.batch}, best of "
            f"{arguments.repeats} interleaved repeats",
            f"- command: `python {shlex.join(sys.argv)}`",
            *([note] if emulated and not arguments.no_bfloat16 else []),
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160), metavar=("H", "W"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--no-bfloat16",
        action="store_true",
        help="leave out bfloat16, which a CPU without instructions for it emulates slowly",
    )
    parser.add_argument("-o", "--output", type=Path, help="write the table to this Markdown file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)

    top = header(arguments, device)
    runs = {
        name: Run(*options, arguments.batch, arguments.size, device)
        for name, options in VARIANTS.items()
        if not (arguments.no_bfloat16 and options[-1])
    }
    report = f"{top}\n\n{table(runs, *measure(runs, arguments.repeats))}\n"
    print(report)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        partial = arguments.output.with_name(arguments.output.name + ".partial")
        partial.write_text(report, encoding="utf-8")
        partial.replace(arguments.output)


if __name__ == "__main__":
    main()
