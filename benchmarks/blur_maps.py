"""How well blur is seen, by the model in the box and by what it must beat.

    python benchmarks/blur_maps.py FOLDER [--model NAME=FILE ...] [--rival NAME=FILE.py ...]
        [--reference NAME=FILE.py] [-o REPORT.md]

FOLDER holds ``rgbd/`` (pictures with depth) and ``defocus/`` (photographs with ``*_map.png``); a
part that is missing is left out. Embedded scenes are always scored. Sigma is in pixels of the
picture given. Targets stand beside the results; the exit status is 1 where the last model misses
one. A rival is a Python file with ``estimate(rgb)``: (H, W, 3) float32 in [0, 1] to sigma (H, W).
The maps of the photographs come from a classical method; a reference is a rival of that kind, and
what it says of the RGB-D pictures tells what agreement with such maps is worth.
"""

from __future__ import annotations

import argparse
import datetime
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from blur_maps_classical import reblur_ratio, smoothness
from blur_maps_pictures import (
    Case,
    compressed,
    contrast,
    defocused,
    even,
    hue_turned,
    noisy,
)
from blur_maps_reference import Method, given_agreement, known_agreement
from blur_maps_scores import BINS, agreement, by_part, rank_correlation
from hardware import processor

import blindsr
from blindsr.data.scenes.leaves.dataset import BlurredPictures
from blindsr.drawing.figures import reliability
from blindsr.imaging.files import atomic_path, read_array, read_rgb
from blindsr.metrics.edges import edge_distance
from blindsr.metrics.uncertainty import LEVELS, interval_coverage
from blindsr.networks.blur_unet import BlurUNet
from blindsr.weights.reading import read_state_dict

EVEN = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
_JUMP = 0.5  # pixels of sigma that make an edge


def network_method(path: str | None) -> Method:
    """A file of :class:`BlurUNet`, or any model that ``blindsr.load`` takes (None: in the box)."""
    weights = None if path is None else read_state_dict(Path(path))[0]
    if weights is None or "stem.weight" not in weights:
        return loaded_method(blindsr.load(path, device="cpu", precision="float32"))
    network = BlurUNet(scale=1, width=len(weights["stem.weight"]))
    network.load_state_dict(weights)
    network.eval()

    def estimate(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        lr = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
        with torch.inference_mode():
            found = network(lr)
        return found.blur[0, 0].numpy(), found.blur_scale[0, 0].numpy()

    return estimate


def loaded_method(model: blindsr.Restorer) -> Method:
    """What it estimates of a picture, at the size of the picture."""

    def estimate(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        found, size = model.estimate(rgb, tile=0), rgb.shape[1::-1]
        assert found.blur is not None
        return at_size(found.blur, size), at_size(found.blur_scale, size)

    def at_size(map_: np.ndarray | None, size: tuple[int, int]) -> np.ndarray | None:
        if map_ is None:
            return None
        return cv2.resize(map_ / model.scale, size, interpolation=cv2.INTER_AREA)

    return estimate


def rival_method(path: str) -> Method:
    """The function ``estimate`` of a Python file."""
    estimate = runpy.run_path(path)["estimate"]
    return lambda rgb: (np.asarray(estimate(rgb), np.float32), None)


def scenes(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Held-out scenes (picture, sigma): they chose the constants of the simple rows."""
    data = BlurredPictures(seed=1, count=count, size=192, scenes=count, held_out=True)
    return [
        (np.ascontiguousarray(s["lr"].numpy().transpose(1, 2, 0)), s["blur"][0].numpy())
        for s in (data[i] for i in range(count))
    ]


def simple_methods(held_out: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Method]:
    """Rows without learning; the constant and the line of the second are fitted on scenes."""
    truth = np.concatenate([sigma.ravel() for _, sigma in held_out])
    value = np.concatenate([smoothness(rgb).ravel() for rgb, _ in held_out])
    slope, start = np.polyfit(value.astype(np.float64), truth, 1)
    constant = np.float32(np.median(truth))
    return {
        "best constant": lambda rgb: (np.full(rgb.shape[:2], constant), None),
        "local variance": lambda rgb: (start + slope * smoothness(rgb), None),
        "re-blur ratio": lambda rgb: (reblur_ratio(rgb), None),
    }


def joined(maps: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([one.ravel() for one in maps])


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def known_maps(methods: dict[str, Method], cases: list[Case], checks: dict[str, bool]) -> list[str]:
    """Pooled agreement on RGB-D pictures: clean, noisy, compressed."""
    truth = joined([case.blur for case in cases])
    rows, estimates = [], {}
    for name, method in methods.items():
        cells = [name]
        for change in (lambda x: x, noisy, compressed):
            maps = [method(change(case.blurred))[0] for case in cases]
            estimates.setdefault(name, maps)
            found = agreement(truth, joined(maps))
            cells += [f"{found.correlation:.3f}", f"{found.slope:.2f}", f"{found.error:.2f}"]
            if change is not noisy and change is not compressed:
                clean = found
        rows.append(cells)
    checks["RGB-D: pooled correlation >= 0.80"] = clean.correlation >= 0.80
    checks["RGB-D: slope 0.8 to 1.2"] = 0.8 <= clean.slope <= 1.2
    head = ["", "clean: r", "slope", "error", "noise 5: r", "slope", "error"]
    lines = [
        f"## RGB-D pictures, sigma 0 to 8 pixels, {len(cases)} maps",
        "",
        *table([*head, "JPEG 75: r", "slope", "error"], rows),
    ]
    last = list(estimates.values())[-1]
    each = [
        [case.name, *(f"{agreement(case.blur, m[i])[0]:.2f}" for m in estimates.values())]
        for i, case in enumerate(cases)
    ]
    return [
        *lines,
        "Correlation of each map:",
        "",
        *table(["map", *estimates], each),
        *parts(cases, last),
    ]


def parts(cases: list[Case], maps: list[np.ndarray]) -> list[str]:
    """The last model by true sigma, by texture, by distance to depth edges."""
    truth, said = joined([case.blur for case in cases]), joined(maps)
    kinds = (
        ("true sigma", truth, BINS),
        (
            "local contrast of the sharp picture",
            joined([contrast(c.sharp) for c in cases]),
            (0, 3, 8, 16, 256),
        ),
        (
            "pixels to a depth edge",
            joined([edge_distance(c.blur, _JUMP) for c in cases]),
            (0, 2, 5, 10, 20, 40, 1e6),
        ),
    )
    rows = []
    for title, value, limits in kinds:
        for i, (share, right, mean, error) in enumerate(by_part(truth, said, value, limits)):
            label = f"{title} {limits[i]:g} to {limits[i + 1]:g}"
            rows.append([label, f"{share:.0%}", f"{right:.2f}", f"{mean:.2f}", f"{error:.2f}"])
    head = ["last model: part", "share", "mean truth", "mean estimate", "mean error"]
    return table(head, rows)


def even_blur(methods: dict[str, Method], cases: list[Case], checks: dict[str, bool]) -> list[str]:
    """Mean answer to pictures with one blur everywhere."""
    sharp = {case.name.split()[0]: case.sharp for case in cases}
    rows = []
    for name, method in methods.items():
        means = [
            float(np.mean([method(even(picture, sigma))[0].mean() for picture in sharp.values()]))
            for sigma in EVEN
        ]
        rows.append([name, *(f"{mean:.2f}" for mean in means)])
    checks["even blur: strictly rising from 0.5 to 8"] = bool((np.diff(means[1:]) > 0).all())
    checks["even blur: within 25 % from 1 to 8"] = all(
        abs(mean / sigma - 1) <= 0.25 for mean, sigma in zip(means, EVEN, strict=True) if sigma >= 1
    )
    return ["## One blur everywhere: mean estimate", "", *table(["sigma", *map(str, EVEN)], rows)]


def photographs(methods: dict[str, Method], folder: Path, checks: dict[str, bool]) -> list[str]:
    """Rank correlation with the maps of real photographs, and under turned hue."""
    files = [p for p in sorted(folder.glob("*.jpg")) if p.with_name(f"{p.stem}_map.png").exists()]
    scores: dict[str, list[float]] = {name: [] for name in methods}
    hues: dict[str, list[float]] = {name: [] for name in methods}
    for path in files:
        rgb, truth = read_rgb(path), read_array(path.with_name(f"{path.stem}_map.png"))
        for name, method in methods.items():
            found = method(rgb)[0]
            scores[name].append(rank_correlation(found, np.asarray(truth)))
            hues[name].append(rank_correlation(found, method(hue_turned(rgb))[0]))
    rows = [
        [
            name,
            *(f"{x:.2f}" for x in scores[name]),
            f"{np.mean(scores[name]):.2f}",
            f"{min(hues[name]):.3f}",
        ]
        for name in methods
    ]
    last, bound = list(scores.values())[-1], scores["re-blur ratio"]
    checks["photographs: mean rank correlation >= 0.85"] = float(np.mean(last)) >= 0.85
    checks["photographs: none below 0.7"] = min(last) >= 0.7
    checks["photographs: none below the re-blur ratio"] = all(
        a >= b for a, b in zip(last, bound, strict=True)
    )
    checks["hue turned by 120 degrees: >= 0.97"] = min(list(hues.values())[-1]) >= 0.97
    head = ["rank correlation", *(p.stem for p in files), "mean", "least under turned hue"]
    return ["## Photographs with real defocus", "", *table(head, rows)]


def reference(
    name: str, classical: Method, methods: dict[str, Method], cases: list[Case], folder: Path
) -> list[str]:
    """What agreement with maps of a classical method is worth."""
    model_name, model = list(methods.items())[-1]
    rows = known_agreement(classical, model, cases)
    again = given_agreement(classical, folder)
    agrees = f" With the maps of the photographs {name} itself agrees: {', '.join(again)}."
    head = ["rank correlation", f"truth, {name}", f"{model_name}, {name}", f"truth, {model_name}"]
    return [
        "## What a classical map is worth as a reference",
        "",
        f"On the RGB-D pictures, clean, where the truth is known.{agrees if again else ''}",
        "",
        *table(head, rows),
    ]


def calibration(
    method: Method,
    held_out: list[tuple[np.ndarray, np.ndarray]],
    checks: dict[str, bool],
    plot: Path | None,
) -> list[str]:
    """Whether intervals hold what they promise, on held-out scenes."""
    found = [method(rgb) for rgb, _ in held_out]
    if found[0][1] is None:
        return []
    truth, said = joined([s for _, s in held_out]), joined([m for m, _ in found])
    shares = interval_coverage(truth, said, joined([b for _, b in found]))
    for level in (0.5, 0.9):
        checks[f"held-out scenes: {level:.0%} intervals within 5 points"] = (
            abs(shares[level] - level) <= 0.05
        )
    if plot:
        title = "Uncertainty of sigma, held-out scenes"
        reliability(shares, title).savefig(plot, dpi=110)
    r, slope, error = agreement(truth, said)
    head = ["interval", *(f"{level:.0%}" for level in LEVELS)]
    return [
        f"## Held-out scenes: r {r:.3f}, slope {slope:.2f}, mean error {error:.2f} pixels",
        "",
        *table(head, [["holds", *(f"{share:.1%}" for share in shares.values())]]),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--rival", action="append", default=[], metavar="NAME=FILE.py")
    parser.add_argument("--reference", metavar="NAME=FILE.py")
    parser.add_argument("--scenes", type=int, default=120, help="held-out scenes")
    parser.add_argument("--plot", type=Path, help="where the reliability plot goes")
    parser.add_argument("-o", "--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    held_out = scenes(arguments.scenes)
    methods = simple_methods(held_out)
    methods |= {
        name: rival_method(file) for name, file in (r.split("=", 1) for r in arguments.rival)
    }
    methods["model in the box"] = network_method(None)
    methods |= {
        name: network_method(file) for name, file in (m.split("=", 1) for m in arguments.model)
    }
    checks: dict[str, bool] = {}
    lines = [
        "# Blur maps",
        "",
        f"{datetime.date.today().isoformat()}, {processor()}, torch {torch.__version__}; "
        "`python benchmarks/blur_maps.py FOLDER`. Sigma and errors in pixels of the picture given.",
        "",
    ]
    if (arguments.folder / "rgbd").is_dir():
        cases = defocused(arguments.folder / "rgbd")
        lines += known_maps(methods, cases, checks) + even_blur(methods, cases, checks)
    if (arguments.folder / "defocus").is_dir():
        lines += photographs(methods, arguments.folder / "defocus", checks)
    if arguments.reference and (arguments.folder / "rgbd").is_dir():
        name, file = arguments.reference.split("=", 1)
        classical = rival_method(file)
        lines += reference(name, classical, methods, cases, arguments.folder / "defocus")
    lines += calibration(list(methods.values())[-1], held_out, checks, arguments.plot)
    lines += ["## Targets (last row)", ""]
    lines += [f"- {'holds' if held else '**missed**'}: {what}" for what, held in checks.items()]
    text = "\n".join(lines) + "\n"
    if arguments.out:
        with atomic_path(arguments.out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
