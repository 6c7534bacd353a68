"""Sharp originals, clean, compressed and noisy: the model beside what a user has without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from small_model_cases import DAMAGES, Case
from small_model_rows import Row, best_unsharp, bicubic, lanczos, peers

from blindsr.metrics import METRICS
from blindsr.metrics.bootstrap import mean_interval

CROP = 4  # HR pixels
MODEL = "model"


def quality(metric: str, result: Any, right: np.ndarray) -> float:
    """PSNR in dB or SSIM of luma, without the pixels at the border."""
    batches = (
        torch.from_numpy(np.ascontiguousarray(one.transpose(2, 0, 1)))[None]
        for one in (result, right)
    )
    return float(METRICS[metric].score(*batches, crop=CROP))


def compared(originals: dict[str, list[Case]], model: Any, ncnn: Path | None) -> list[str]:
    """Lines of a table: every kind of blur and damage, every rival."""
    rivals = peers(ncnn)
    names = [rival.name for rival in rivals]
    head = ["", "bicubic", "Lanczos", "unsharp mask at its best", *names, MODEL, "95 %", "least"]
    ssim_head = [f"SSIM: {name}" for name in ("bicubic", *names, MODEL)]
    lines = [
        "",
        f"## The {len(next(iter(originals.values())))} sharp originals: gain over bicubic",
        "",
        "PSNR in dB. The radius and the amount of the mask are those that are best on the very "
        "pictures of the line. Everything that is seen is removed (`keep_blur=0`).",
        "",
        f"| {' | '.join([*head, *ssim_head])} |",
        f"|{'---|' * len(head + ssim_head)}",
    ]
    own = Row(MODEL, "", lambda lr: model.upscale(lr, keep_blur=0))
    for kind, given in originals.items():
        for damage, change in DAMAGES.items():
            seen = [case._replace(lr=change(case.lr)) for case in given]
            lines.append(f"| {kind}, {damage} | {' | '.join(cells(seen, rivals, own))} |")
    return lines


def cells(seen: list[Case], rivals: list[Row], own: Row) -> list[str]:
    """One line of the table."""
    mask = best_unsharp(seen, lambda sr, hr: quality("psnr", sr, hr))
    cubic = Row("bicubic", "", bicubic)
    rows = [cubic, Row("Lanczos", "", lanczos), mask, *rivals, own]
    results = {row.name: [row.run(case.lr) for case in seen] for row in rows}

    def scores(row: Row, metric: str) -> np.ndarray:
        found = zip(results[row.name], seen, strict=True)
        return np.array([quality(metric, sr, case.hr) for sr, case in found])

    start = scores(cubic, "psnr")
    gains = [scores(row, "psnr") - start for row in rows[1:]]
    _, low, high = mean_interval(gains[-1])
    least = int(gains[-1].argmin())
    return [
        f"{start.mean():.2f}",
        *(f"{gain.mean():+.2f}" for gain in gains),
        f"{low:+.2f} to {high:+.2f}",
        f"{gains[-1][least]:+.2f}, {seen[least].name}",
        *(f"{scores(row, 'ssim').mean():.3f}" for row in (cubic, *rivals, own)),
    ]
