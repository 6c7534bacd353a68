"""A BSR folder in the making: its plan, its settings, its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

from blindsr import __version__
from blindsr.data.augment.blur_draw import BlurDraw, Split, plan_blur
from blindsr.data.files.disk import disk_errors, remove_temporary
from blindsr.data.files.manifest import FORMAT_VERSION, MANIFEST, PARTIAL, claim_folder, write_json
from blindsr.data.files.source_values import LARGEST_SCALE, LARGEST_SIGMA, MOST_WORKERS
from blindsr.data.loading.checked_options import (
    LARGEST_SEED,
    check_choice,
    check_number,
    check_whole,
)
from blindsr.data.prepare.frame import FrameJob, FrameReader, Recipe
from blindsr.data.prepare.processes import Progress, make_frames
from blindsr.degradation.kernels import window_size
from blindsr.degradation.paired import Operator
from blindsr.errors import DataError
from blindsr.imaging.resize import DOWNSAMPLERS, phase

TEST_GROUPS = 5


class Part(NamedTuple):
    """The frames of one split."""

    folder: str
    """``train``, ``val`` or ``test``: where its files go."""
    draws: Split
    """Which of the three random streams its blur comes from."""
    groups: int
    """Test groups that share HR; 0 for none."""
    frames: Mapping[int, FrameReader]
    """By the number that seeds the blur of each."""


@dataclass(frozen=True)
class Preparation:
    """Everything that decides the files of a folder, and how they are made.

    Args:
        parts: the splits.
        recipe: how LR comes from HR.
        seed: of focus, sigma, and which frames are blurred invariantly.
        settings: what else decides the files: equal settings make equal folders.
        depth_step: metres of one step of the stored depth; ``None`` stores none.
    """

    parts: Sequence[Part]
    recipe: Recipe
    seed: int
    settings: Mapping[str, Any]
    depth_step: float | None

    def write(
        self, out: Path, *, overwrite: bool, workers: int, progress: Progress | None
    ) -> dict[str, Any]:
        """Make the folder and return its manifest.

        Raises:
            FileError: a source is damaged, or the disk is full.
            DataError: a source does not hold what it should, or ``out`` holds something else.
        """
        plans = {
            part.folder: planned(part, seed=self.seed, sigma_max=self.recipe.sigma_max)
            for part in self.parts
        }
        settings = self._all_settings()
        with disk_errors(out):
            claim_folder(out, settings, overwrite=overwrite)
            make_frames(self._jobs(out, plans), workers, progress or (lambda _done, _total: None))
            remove_temporary(out)
            manifest = {"settings": settings, **_contents(plans)}
            write_json(out / MANIFEST, manifest)
            (out / PARTIAL).unlink(missing_ok=True)
        return manifest

    def _all_settings(self) -> dict[str, Any]:
        recipe = self.recipe
        return {
            **self.settings,
            "version": FORMAT_VERSION,
            "seed": self.seed,
            "downsampler": recipe.downsampler,
            "phase": phase(recipe.downsampler, recipe.scale),
            "scale": recipe.scale,
            "sigma_max": recipe.sigma_max,
            "window": window_size(recipe.sigma_max),
            "operator": recipe.operator,
            "keep_depth": self.depth_step is not None,
        }

    def _jobs(self, out: Path, plans: Plans) -> list[FrameJob]:
        return [
            FrameJob(
                reader=reader,
                out=out,
                recipe=self.recipe,
                depth_step=self.depth_step,
                split=part.folder,
                blurs=tuple(
                    (group, plan[reader.name]) for group, plan in plans[part.folder].items()
                ),
            )
            for part in self.parts
            for reader in part.frames.values()
        ]


Plans = dict[str, dict[str, dict[str, BlurDraw]]]
"""Split -> group ("" for none) -> name -> draw."""


def planned(part: Part, *, seed: int, sigma_max: float) -> dict[str, dict[str, BlurDraw]]:
    """Draw the blur of every frame of a split: group ("" for none) -> name -> draw."""
    groups = [f"Group{g + 1}" for g in range(part.groups)] or [""]
    plans = {}
    for g, group in enumerate(groups):
        draws = plan_blur(
            list(part.frames), seed=seed, split=part.draws, group=g, sigma_max=sigma_max
        )
        plans[group] = {part.frames[number].name: draw for number, draw in draws.items()}
    return plans


def _contents(plans: Plans) -> dict[str, Any]:
    """Counts and the blur of every image for the manifest."""
    content: dict[str, Any] = {"blindsr": __version__, "counts": counts(plans)}
    for split, groups in plans.items():
        listed = {
            group: {name: draw.record() for name, draw in plan.items()}
            for group, plan in groups.items()
        }
        content[split] = listed.get("", listed)
    return content


def counts(plans: Plans) -> dict[str, dict[str, int]]:
    """``train`` or ``test/Group1`` -> number of VA and IVA images."""
    found = {}
    for split, groups in plans.items():
        for group, plan in groups.items():
            invariant = sum(draw.kind == "IVA" for draw in plan.values())
            part = f"{split}/{group}" if group else split
            found[part] = {"VA": len(plan) - invariant, "IVA": invariant}
    return found


def check_options(recipe: Recipe, seed: int, workers: int) -> None:
    """Check what every preparation is given.

    Raises:
        ConfigError: an option has no meaning.
    """
    check_choice("downsampler", recipe.downsampler, DOWNSAMPLERS)
    check_choice("operator", recipe.operator, get_args(Operator))
    check_whole("scale", recipe.scale, least=2, most=LARGEST_SCALE)
    check_number("sigma_max", recipe.sigma_max, most=LARGEST_SIGMA, above=True)
    check_whole("seed", seed, least=0, most=LARGEST_SEED)
    check_whole("workers", workers, least=0, most=MOST_WORKERS)


def check_size(where: str | Path, size: tuple[int, int], scale: int) -> None:
    """Refuse frames whose sides ``scale`` does not divide.

    Raises:
        DataError: they are such.
    """
    if any(length % scale for length in size):
        raise DataError(
            where,
            found=f"frames of size {size}",
            expected=f"n * {scale}",
            fix="Choose a scale that divides both sides",
        )
