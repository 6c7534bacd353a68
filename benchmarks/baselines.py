"""Time rivals of CMOS: the form of their released code against ours, in one run, at equal outputs.

    python benchmarks/baselines.py --repeats 5 -o benchmarks/results/baselines.md

MANet's code repeats the kernel of an LR pixel for all its HR pixels; KOALAnet's unfolds the patch
of every pixel before its filter. DAN has no such form: its code map is a view here as there. The
forms take turns within each repeat, so that a busy machine slows all of them; the table shows the
fastest repeat of each.
"""

import argparse
import contextlib
import datetime
import shlex
import sys
import time
from pathlib import Path
from unittest import mock

import torch
from hardware import processor
from torch.nn.functional import interpolate, pixel_shuffle, unfold

from blindsr.networks import KOALAnet, MANet, accelerate, koalanet


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


def patches(image, taps):
    """(N, C, taps, h, w): what every pixel sees."""
    side = round(taps**0.5)
    return unfold(image, side, padding=side // 2).view(*image.shape[:2], taps, *image.shape[-2:])


def unfolded_filter(feature, weights):
    """As ``local_filter``."""
    return (patches(feature, weights.shape[1]) * weights[:, None]).sum(dim=2)


def unfolded_enlargement(image, weights, scale):
    """As ``local_enlargement``."""
    by_tap = weights.unflatten(1, (-1, scale**2))[:, None]  # (N, 1, taps, s*s, h, w)
    seen = patches(image, by_tap.shape[2])[:, :, :, None]
    return pixel_shuffle((seen * by_tap).sum(dim=2).flatten(1, 2), scale)


def koalanet_forms():
    """Name -> a function of LR; equal SR and kernels."""
    torch.manual_seed(0)
    network = KOALAnet(down_kernel=21).eval().requires_grad_(False)

    def released(lr):
        with contextlib.ExitStack() as stack:
            for name in ("filter", "enlargement"):
                form = globals()[f"unfolded_{name}"]
                stack.enter_context(mock.patch.object(koalanet, f"local_{name}", form))
            return network(lr)

    found = {"released: every patch unfolded": released, "ours": network}
    first, own = (form(torch.rand(1, 3, 16, 20, generator=_seed())) for form in found.values())
    for one, other in zip(first, own, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    return found


def _seed():
    return torch.Generator().manual_seed(0)


def timed(found, lr, repeats):
    """Seconds of processor time of the fastest of some repeats, by name."""
    best = dict.fromkeys(found, float("inf"))
    for _ in range(repeats):
        for name, form in found.items():
            start = time.process_time()
            form(lr)
            best[name] = min(best[name], time.process_time() - start)
    return best


def table(title, best, size):
    first = next(iter(best.values()))
    lines = [f"| {title}, LR {size[0]} x {size[1]} | seconds | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {value:.2f} | {first / value:.2f} |" for name, value in best.items()]
    return [*lines, ""]


def about():
    command = shlex.join(["python", *sys.argv])
    text = f"{datetime.date.today()}, {processor()}, {torch.get_num_threads()} threads, torch "
    text += f"{torch.__version__}, float32, processor time: `{command}`"
    return ["# Rivals of CMOS: the released form against ours", "", text, ""]


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160), help="rows, columns of LR")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("-o", type=Path)
    args = parser.parse_args()
    found = forms()
    require_equal(found, torch.rand(1, 3, 24, 32))
    lr = torch.rand(1, 3, *args.size)
    lines = table("MANet, 21 x 21 kernels", timed(found, lr, args.repeats), args.size)
    lines += table("KOALAnet", timed(koalanet_forms(), lr, args.repeats), args.size)
    text = "\n".join([*about(), *lines])
    print(text)
    if args.o:
        args.o.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
