"""A BSR folder in the making: its plan, its settings, its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

from blindsr import __version__
from blindsr.data.augment.blur_draw import BlurDraw, Split, plan_blur
from blindsr.data.files.disk import disk_errors, remove_temporary
from blindsr.data.files.manifest import FORMAT_VERSION, MANIFEST, PARTIAL, write_json
from blindsr.data.files.source_values import LARGEST_SCALE, LARGEST_SIGMA, MOST_WORKERS
from blindsr.data.loading.checked_options import (
    LARGEST_SEED,
    check_choice,
    check_number,
    check_whole,
)
from blindsr.data.prepare.claim import claim_folder
from blindsr.data.prepare.frame import FrameJob, FrameReader, Recipe
from blindsr.data.prepare.processes import Progress, make_frames
from blindsr.data.prepare.shard import Shard, remove_leftovers, unfinished
from blindsr.degradation.kernels import window_size
from blindsr.degradation.paired import Operator
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import DOWNSAMPLERS, Downsampler, phase

TEST_GROUPS = 5


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """What every preparation takes, checked when it is given.

    Attributes:
        downsampler: how LR is taken from the blurred HR; "sfold" keeps every ``scale``-th pixel.
        scale: HR is ``scale`` times LR.
        sigma_max: largest nominal sigma in HR pixels.
        seed: of focus, sigma, and which frames are blurred invariantly.
        operator: "layered" (with occlusion, as the data sets hold; seconds a picture and core) or
            "gather" (one kernel per pixel; tenths of a second), see ``degradation.paired.degrade``.
        keep_depth: also write ``depth``, from which the blur can be drawn anew while training.
        overwrite: replace what another preparation left in the folder.
        workers: processes; 0 works in this one.
        shard: ``2/8`` makes every eighth frame; eight such runs, at the same time or not and on any
            machines that share the folder, make what one run makes. The last writes the manifest.
        progress: called with the number of finished frames.

    Raises:
        ConfigError: an option has no meaning.
    """

    downsampler: Downsampler = "sfold"
    scale: int = 4
    sigma_max: float = 5.0
    seed: int = 0
    operator: Operator = "layered"
    keep_depth: bool = True
    overwrite: bool = False
    workers: int = 0
    shard: str = "1/1"
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_choice("downsampler", self.downsampler, DOWNSAMPLERS)
        check_choice("operator", self.operator, get_args(Operator))
        check_whole("scale", self.scale, least=2, most=LARGEST_SCALE)
        check_number("sigma_max", self.sigma_max, most=LARGEST_SIGMA, above=True)
        check_whole("seed", self.seed, least=0, most=LARGEST_SEED)
        check_whole("workers", self.workers, least=0, most=MOST_WORKERS)
        if self.overwrite and not self.part.whole:
            raise ConfigError(
                "overwrite",
                found=f"overwrite with shard {self.shard}",
                expected="one of them",
                fix="Remove the folder first: a shard must not remove what others have made",
            )

    @property
    def part(self) -> Shard:
        """What of the frames is made."""
        return Shard.read(self.shard)

    @property
    def recipe(self) -> Recipe:
        """How LR comes from HR."""
        return Recipe(self.scale, self.sigma_max, self.downsampler, self.operator)


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
        settings: what decides the files beside ``options``: equal settings make equal folders.
        depth_step: metres of one step of the stored depth.
        options: those of every preparation.
    """

    parts: Sequence[Part]
    settings: Mapping[str, Any]
    depth_step: float
    options: PrepareOptions

    def write(self, out: Path) -> dict[str, Any]:
        """Make the folder, or this shard of it, and return its manifest.

        The manifest is written once all frames are finished, those of other shards too.

        Raises:
            FileError: a source is damaged, or the disk is full.
            DataError: a source does not hold what it should, or ``out`` holds something else.
        """
        options = self.options
        plans = {
            part.folder: planned(part, seed=options.seed, sigma_max=options.sigma_max)
            for part in self.parts
        }
        manifest = {"settings": self._all_settings(), **_contents(plans)}
        jobs = self._jobs(out, plans)
        own = options.part.of(jobs)
        with disk_errors(out):
            claim_folder(
                out,
                {**manifest, "shards": options.part.total},
                finished=lambda: not unfinished(own),
                overwrite=options.overwrite,
                alone=options.part.whole,
            )
            make_frames(own, options.workers, options.progress or (lambda _done, _total: None))
            if not unfinished(jobs, fresh=not options.part.whole):
                _complete(out, manifest)
        return manifest

    def _all_settings(self) -> dict[str, Any]:
        options = self.options
        return {
            **self.settings,
            "version": FORMAT_VERSION,
            "seed": options.seed,
            "downsampler": options.downsampler,
            "phase": phase(options.downsampler, options.scale),
            "scale": options.scale,
            "sigma_max": options.sigma_max,
            "window": window_size(options.sigma_max),
            "operator": options.operator,
            "keep_depth": options.keep_depth,
        }

    def _jobs(self, out: Path, plans: Plans) -> list[FrameJob]:
        return [
            FrameJob(
                reader=reader,
                out=out,
                recipe=self.options.recipe,
                depth_step=self.depth_step if self.options.keep_depth else None,
                split=part.folder,
                blurs=tuple(
                    (group, plan[reader.name]) for group, plan in plans[part.folder].items()
                ),
            )
            for part in self.parts
            for reader in part.frames.values()
        ]


def _complete(out: Path, manifest: dict[str, Any]) -> None:
    """Say that the folder is complete; several shards that find so write the same."""
    remove_temporary(out)
    remove_leftovers(out)
    write_json(out / MANIFEST, manifest)
    (out / PARTIAL).unlink(missing_ok=True)


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
