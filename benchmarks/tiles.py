"""Measure upscaling in tiles: time, memory by picture size, and what tiles change.

    python benchmarks/tiles.py --threads 2 -o benchmarks/results/tiles.md
    python benchmarks/tiles.py --model weights.safetensors --megapixels 0.25 0.5 1 2

Every size runs in a process of its own, whose peak of resident memory is read when it ends; the
first, empty one loads the model alone. The slope of memory between the smallest and the largest
tiled size predicts 12 megapixels (4000x3000). The difference is that of the tiled from the untiled
result, in steps of 8 bit. Without --model it is the full-size BlindSR with 40 classes and random,
seeded weights, every gate open, its output shifted and scaled to that of a picture.

Finished sizes are kept in --state and not run again, so that an interrupted benchmark goes on.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from hardware import processor

import blindsr
from blindsr.data.scenes.render import render_scene
from blindsr.imaging.files import read_rgb, to_uint8
from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.weights.export import save_safetensors
from blindsr.weights.network_file import NetworkFile

CLASSES = 40
PHOTO = 12.0  # megapixels
ASPECT = 4 / 3


def random_model(path):
    """Full-size weights: gates of GIA open, statistics of no special value, picture-like output."""
    torch.manual_seed(0)
    network = BlindSR(CMOS(CLASSES), RRDBSFT()).eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("running_mean", "running_var", "bn.weight", "bn.bias")):
                tensor.add_(0.1 * torch.rand_like(tensor))
            elif tensor.shape == (1,) and tensor.is_floating_point():
                tensor.fill_(0.5)
        sr, _ = network(torch.from_numpy(picture(48, 64)).permute(2, 0, 1)[None] / 255)
        last = network.restorer.upsampler[0]
        last.weight.mul_(0.15 / sr.std())
        last.bias.sub_(sr.mean()).mul_(0.15 / sr.std()).add_(0.5)
    settings = {"estimator": {"num_classes": CLASSES}, "restorer": {}}
    save_safetensors(path, NetworkFile(str(path), "blind", settings, network.state_dict()))


def picture(height, width, path=None):
    """(height, width, 3) uint8: a photograph, or an enlarged scene and a little grain."""
    if path:
        return cv2.resize(to_uint8(read_rgb(path)), (width, height), interpolation=cv2.INTER_AREA)
    scene = cv2.resize(
        render_scene(0, 1, (192, 256)).rgb, (width, height), interpolation=cv2.INTER_CUBIC
    )
    grain = np.random.default_rng(0).normal(0, 3, scene.shape)
    return np.clip(scene + grain, 0, 255).astype(np.uint8)


def size_of(megapixels):
    width = round((megapixels * 1e6 * ASPECT) ** 0.5)
    return round(width / ASPECT), width


def run_size(arguments, megapixels):
    """Restore one picture strip by strip, as the command line does; seconds and peak bytes."""
    model = blindsr.load(arguments.model, device="cpu")
    tile = "auto" if arguments.tile is None else arguments.tile
    start, tiles = time.perf_counter(), [0]
    if megapixels:
        image = picture(*size_of(megapixels))
        for _ in model.strips(image, tile=tile, on_progress=lambda _, total: tiles.append(total)):
            pass
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "bytes": peak, "tiles": tiles[-1]}


def run_difference(arguments):
    model = blindsr.load(arguments.model, device="cpu")
    image = picture(*arguments.difference, arguments.picture).astype(np.float32) / 255
    untiled = model.upscale(image, tile=0)
    tiled = model.upscale(image, tile=arguments.difference_tile)
    difference = 255 * np.abs(tiled - untiled)
    return {
        "mean": float(difference.mean()),
        "p99.9": float(np.quantile(difference, 0.999)),
        "max": float(difference.max()),
    }


def measured(arguments, key, options):
    """One result from the state, or from a process of its own."""
    state = json.loads(arguments.state.read_text()) if arguments.state.exists() else {}
    name = f"{arguments.model}, tile {arguments.tile}, {arguments.threads} threads: {key}"
    if name not in state:
        common = ["--model", str(arguments.model), "--threads", str(arguments.threads)]
        common += [] if arguments.tile is None else ["--tile", str(arguments.tile)]
        command = [sys.executable, __file__, *common, *options]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        state[name] = json.loads(done.stdout.splitlines()[-1])
        arguments.state.parent.mkdir(parents=True, exist_ok=True)
        arguments.state.write_text(json.dumps(state, indent=1))
    print(f"{key}: {json.dumps(state[name])}", file=sys.stderr, flush=True)
    return state[name]


def report(arguments):
    sizes = {mp: measured(arguments, f"{mp} MP", ["--one", str(mp)]) for mp in arguments.megapixels}
    empty = measured(arguments, "model alone", ["--one", "0"])
    lines = ["| megapixels | tiles | seconds | s per MP | peak GB |", "|---|---|---|---|---|"]
    lines.append(f"| model alone | 0 | | | {empty['bytes'] / 1e9:.2f} |")
    for mp, result in sizes.items():
        seconds = result["seconds"]
        lines.append(
            f"| {mp:g} | {result['tiles']} | {seconds:.0f} | {seconds / mp:.0f} "
            f"| {result['bytes'] / 1e9:.2f} |"
        )
    tiled = {mp: result for mp, result in sizes.items() if result["tiles"] > 2}
    if len(tiled) > 1:
        low, high = min(tiled), max(tiled)
        slope = (tiled[high]["bytes"] - tiled[low]["bytes"]) / (high - low)
        predicted = tiled[high]["bytes"] + max(slope, 0) * (PHOTO - high)
        hours = tiled[high]["seconds"] / high * PHOTO / 3600
        lines.append("")
        lines.append(
            f"Slope {slope / 1e9:.3f} GB per megapixel; prediction for {PHOTO:g} megapixels: "
            f"{predicted / 1e9:.2f} GB, {hours:.2f} hours."
        )
    if arguments.difference:
        rows, columns = arguments.difference
        shown = arguments.picture.stem if arguments.picture else "a scene"
        key = f"difference at {rows}x{columns}, {shown}, tile {arguments.difference_tile}"
        options = ["--difference", str(rows), str(columns), "--one", "-1"]
        options += ["--difference-tile", str(arguments.difference_tile)]
        options += ["--picture", str(arguments.picture)] if arguments.picture else []
        numbers = measured(arguments, key, options)
        shown = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
        lines += ["", f"Difference from untiled in 1/255 ({key.partition(' at ')[2]}): {shown}."]
    return "\n".join(lines)


def header(arguments, name):
    busy = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return "\n".join(
        [
            "## Upscaling in tiles",
            "",
            f"- date: {datetime.datetime.now(datetime.UTC).date().isoformat()}",
            f"- hardware: {processor()}; {arguments.threads} threads; load of the machine at the "
            f"start {busy}",
            f"- torch {torch.__version__}, Python {platform.python_version()}",
            f"- model: {name}",
            f"- command: `python {shlex.join(sys.argv)}`",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="weights; default: full-size, random")
    parser.add_argument("--megapixels", type=float, nargs="*", default=[0.25, 0.5, 1, 2])
    parser.add_argument("--tile", type=int, help="LR pixels; default: auto")
    parser.add_argument("--difference", type=int, nargs=2, metavar=("H", "W"))
    parser.add_argument("--picture", type=Path, help="for --difference; default: a scene")
    parser.add_argument("--difference-tile", type=int, default=240, help="LR pixels")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--state", type=Path, default=Path("tiles_state.json"))
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)  # the inner processes
    parser.add_argument("-o", "--output", type=Path, help="write the table to this Markdown file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.one is not None:
        inner = run_difference(arguments) if arguments.one < 0 else None
        print(json.dumps(inner or run_size(arguments, arguments.one)))
        return
    name = arguments.model.name if arguments.model else "full-size BlindSR, random weights"
    if arguments.model is None:
        arguments.model = arguments.state.with_name("tiles_random.safetensors")
        if not arguments.model.exists():
            random_model(arguments.model)
    text = f"{header(arguments, name)}\n\n{report(arguments)}\n"
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        partial = arguments.output.with_name(arguments.output.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(arguments.output)


if __name__ == "__main__":
    main()
