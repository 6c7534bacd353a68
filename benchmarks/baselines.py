"""Time rivals of CMOS: the form of their released code against ours, in one run, at equal outputs.

    python benchmarks/baselines.py --repeats 5 -o benchmarks/results/baselines.md

MANet's code repeats the kernel of an LR pixel for all its HR pixels. The forms take turns within
each repeat, so that a busy machine slows all of them; the table shows the fastest repeat of each.
"""

import argparse
import datetime
import shlex
import sys
import time
from pathlib import Path

import torch
from hardware import processor
from torch.nn.functional import interpolate

from blindsr.networks import MANet, accelerate


def released(network, lr):
    """(N, s*h * s*w, k, k): what the released forward gives."""
    kernels = interpolate(network(lr), scale_factor=network.scale, mode="nearest")
    side = network.kernel_size
    return kernels.flatten(2).transpose(1, 2).reshape(len(lr), -1, side, side).contiguous()


def forms():
    """Name -> a function of LR."""
    torch.manual_seed(0)
    network = MANet().eval().requires_grad_(False)
    fast = accelerate(network)
    return {
        "released: kernels at HR size": lambda lr: released(network, lr),
        "ours": network,
        "ours, as commands run it": fast,
    }


def require_equal(found, lr):
    """The kernels that the forms give for every LR pixel are the same numbers."""
    hr, own, fast = (form(lr) for form in found.values())
    scale, (height, width) = MANet().scale, lr.shape[-2:]
    at_lr = hr.view(1, scale * height, scale * width, -1)[:, ::scale, ::scale].permute(0, 3, 1, 2)
    torch.testing.assert_close(at_lr, own, rtol=0, atol=0)
    torch.testing.assert_close(fast, own, rtol=1e-4, atol=1e-7)


def timed(found, lr, repeats):
    """Seconds of the fastest of some repeats, by name."""
    best = dict.fromkeys(found, float("inf"))
    for _ in range(repeats):
        for name, form in found.items():
            start = time.perf_counter()
            form(lr)
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def table(best, size):
    first = next(iter(best.values()))
    lines = ["| MANet, 21 x 21 kernels | seconds | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {value:.2f} | {first / value:.2f} |" for name, value in best.items()]
    command = shlex.join(["python", *sys.argv])
    about = f"{datetime.date.today()}, {processor()}, {torch.get_num_threads()} threads, torch "
    about += f"{torch.__version__}, LR {size[0]} x {size[1]}, float32: `{command}`"
    return "\n".join(
        ["# Rivals of CMOS: the released form against ours", "", about, "", *lines, ""]
    )


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160), help="rows, columns of LR")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("-o", type=Path)
    args = parser.parse_args()
    found = forms()
    require_equal(found, torch.rand(1, 3, 24, 32))
    text = table(timed(found, torch.rand(1, 3, *args.size), args.repeats), args.size)
    print(text)
    if args.o:
        args.o.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
