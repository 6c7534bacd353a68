"""How far the maps of a classical method can be trusted as a reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from blur_maps_pictures import Case
from blur_maps_scores import rank_correlation

from blindsr.imaging.files import read_array, read_rgb

Method = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
"""(H, W, 3) -> sigma (H, W) in pixels, and its Laplace scale where the method has one."""


def known_agreement(classical: Method, model: Method, cases: list[Case]) -> list[list[str]]:
    """Rank correlations of truth and classical map, model and classical map, truth and model."""
    scores = []
    for case in cases:
        known, found = classical(case.blurred)[0], model(case.blurred)[0]
        pairs = ((case.blur, known), (found, known), (case.blur, found))
        scores.append([rank_correlation(*pair) for pair in pairs])
    names = [*(case.name for case in cases), "mean"]
    return [
        [name, *(f"{x:.2f}" for x in row)]
        for name, row in zip(names, [*scores, np.mean(scores, axis=0)], strict=True)
    ]


def given_agreement(classical: Method, folder: Path) -> list[str]:
    """Name of each photograph and rank correlation of the method with the map that it came with."""
    found = []
    for path in sorted(folder.glob("*.jpg")):
        given = path.with_name(f"{path.stem}_map.png")
        if given.exists():
            agreement = rank_correlation(
                classical(read_rgb(path))[0], np.asarray(read_array(given))
            )
            found.append(f"{path.stem} {agreement:.2f}")
    return found
