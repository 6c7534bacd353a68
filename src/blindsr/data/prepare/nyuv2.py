"""Prepares NYUv2-BSR from the official NYU Depth V2 files, in the layout of the CMOS authors.

``train/{GT,LRx4,blur,semseg}``, ``val/{GT,semseg}`` and ``val/Group1..5/{LRx4,blur}``, with
``manifest.json`` on top, and ``depth`` beside ``GT`` on request. "val" is the
official test split, as in the released data set.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, get_args

import cv2

from blindsr import __version__
from blindsr.data.augment.blur_draw import BlurDraw, plan_blur
from blindsr.data.files.disk import disk_errors, remove_temporary
from blindsr.data.files.manifest import FORMAT_VERSION, MANIFEST, PARTIAL, claim_folder, write_json
from blindsr.data.files.source_values import LARGEST_SCALE, LARGEST_SIGMA, MOST_WORKERS
from blindsr.data.loading.checked_options import (
    LARGEST_SEED,
    check_choice,
    check_number,
    check_whole,
)
from blindsr.data.prepare.frame import FrameJob, Recipe, prepare_frame
from blindsr.data.prepare.nyuv2_file import (
    NYUv2File,
    NYUv2Split,
    read_class_mapping,
    read_splits,
)
from blindsr.data.prepare.swapped_sources import refuse_swapped
from blindsr.degradation.kernels import window_size
from blindsr.degradation.paired import Operator
from blindsr.errors import DataError, FileError
from blindsr.imaging.resize import DOWNSAMPLERS, Downsampler, phase

TEST_GROUPS = 5

Progress = Callable[[int, int], None]
"""Called with (frames finished, frames in all) at the start and after every frame."""


def prepare_nyuv2(
    mat: str | Path,
    splits: str | Path,
    classes: str | Path,
    out: str | Path,
    *,
    downsampler: Downsampler = "sfold",
    scale: int = 4,
    sigma_max: float = 5.0,
    seed: int = 0,
    operator: Operator = "layered",
    keep_depth: bool = True,
    overwrite: bool = False,
    workers: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write NYUv2-BSR and return its manifest.

    The files are the same bit for bit whatever the number of workers. A run that was interrupted
    (or killed) goes on when started again with the same settings; finished frames are skipped.

    Args:
        mat: ``nyu_depth_v2_labeled.mat``.
        splits: ``splits.mat`` (frame numbers from 1).
        classes: ``classMapping40.mat`` (894 raw classes to 40).
        out: folder to write; new, empty, or one of the same settings unless ``overwrite``.
        downsampler: how LR is taken from the blurred HR; "sfold" keeps every ``scale``-th pixel.
        sigma_max: largest nominal sigma in HR pixels.
        operator: "layered" (with occlusion, as the data sets hold; 2 s a picture and core) or
            "gather" (one kernel per pixel; 0.15 s), see ``degradation.paired.degrade``.
        keep_depth: also write ``depth``, from which the blur can be drawn anew while training.
        overwrite: replace what another preparation left in ``out``.
        workers: processes; 0 works in this one.
        progress: called with the number of finished frames.

    Raises:
        FileError: a source file is missing or damaged, or the disk is full.
        DataError: a source does not hold what it should, or ``out`` holds something else.
        ConfigError: an option has no meaning.
    """
    recipe = Recipe(scale, sigma_max, downsampler, operator)
    _check_options(recipe, seed, workers)
    out = Path(out)
    refuse_swapped(mat, splits, classes)
    with NYUv2File(mat) as source:
        frames, size = len(source), source.size
    split = read_splits(splits, frames)
    mapping = read_class_mapping(classes)
    _check_size(mat, size, scale)
    plans = _plan(split, seed=seed, sigma_max=sigma_max)
    jobs = [
        FrameJob(
            mat=Path(mat),
            mapping=mapping,
            out=out,
            recipe=recipe,
            keep_depth=keep_depth,
            number=number,
            split=part,
            blurs=tuple((group, plan[number]) for group, plan in groups.items()),
        )
        for part, groups in plans.items()
        for number in (split.train if part == "train" else split.test)
    ]
    settings = _settings(recipe, seed, size, split) | {
        "keep_depth": keep_depth,
        "mat_bytes": Path(mat).stat().st_size,
        "classes_crc32": zlib.crc32(mapping.tobytes()),
    }
    manifest = {"settings": settings, **_contents(plans)}
    with disk_errors(out):
        claim_folder(out, settings, overwrite=overwrite)
        _run_jobs(jobs, workers, progress or (lambda _done, _total: None))
        remove_temporary(out)
        write_json(out / MANIFEST, manifest)
        (out / PARTIAL).unlink(missing_ok=True)
    return manifest


def _settings(
    recipe: Recipe, seed: int, size: tuple[int, int], split: NYUv2Split
) -> dict[str, Any]:
    """Return everything that decides the files: equal settings make equal folders."""
    return {
        "dataset": "nyuv2",
        "version": FORMAT_VERSION,
        "seed": seed,
        "downsampler": recipe.downsampler,
        "phase": phase(recipe.downsampler, recipe.scale),
        "scale": recipe.scale,
        "sigma_max": recipe.sigma_max,
        "window": window_size(recipe.sigma_max),
        "operator": recipe.operator,
        "hr_size": list(size),
        "train_frames": list(split.train),
        "val_frames": list(split.test),
    }


_Plans = dict[str, dict[str, dict[int, BlurDraw]]]


def _plan(split: NYUv2Split, *, seed: int, sigma_max: float) -> _Plans:
    """Return split -> group -> frame -> draw."""
    train = plan_blur(split.train, seed=seed, split="train", sigma_max=sigma_max)
    groups = {
        f"Group{g + 1}": plan_blur(
            split.test, seed=seed, split="test", group=g, sigma_max=sigma_max
        )
        for g in range(TEST_GROUPS)
    }
    return {"train": {"": train}, "val": groups}


def _contents(plans: _Plans) -> dict[str, Any]:
    """Return counts and the blur of every image for the manifest."""

    def listed(plan: dict[int, BlurDraw]) -> dict[str, Any]:
        return {f"{number:04d}": draw.record() for number, draw in plan.items()}

    def counted(plan: dict[int, BlurDraw]) -> dict[str, int]:
        invariant = sum(draw.kind == "IVA" for draw in plan.values())
        return {"VA": len(plan) - invariant, "IVA": invariant}

    train, groups = plans["train"][""], plans["val"]
    return {
        "blindsr": __version__,
        "counts": {
            "train": counted(train),
            **{f"val/{name}": counted(plan) for name, plan in groups.items()},
        },
        "train": listed(train),
        "val": {name: listed(plan) for name, plan in groups.items()},
    }


def _check_options(recipe: Recipe, seed: int, workers: int) -> None:
    check_choice("downsampler", recipe.downsampler, DOWNSAMPLERS)
    check_choice("operator", recipe.operator, get_args(Operator))
    check_whole("scale", recipe.scale, least=2, most=LARGEST_SCALE)
    check_number("sigma_max", recipe.sigma_max, most=LARGEST_SIGMA, above=True)
    check_whole("seed", seed, least=0, most=LARGEST_SEED)
    check_whole("workers", workers, least=0, most=MOST_WORKERS)


def _check_size(mat: str | Path, size: tuple[int, int], scale: int) -> None:
    if any(length % scale for length in size):
        raise DataError(
            mat,
            found=f"frames of size {size}",
            expected=f"n * {scale}",
            fix="Choose a scale that divides both sides",
        )


def _run_jobs(jobs: list[FrameJob], workers: int, progress: Progress) -> None:
    progress(0, len(jobs))
    workers = min(workers, len(jobs))
    results = map(prepare_frame, jobs) if workers == 0 else _in_processes(jobs, workers)
    try:
        for done, _ in enumerate(results, start=1):
            progress(done, len(jobs))
    except (MemoryError, BrokenProcessPool) as error:
        raise FileError(
            jobs[0].out,
            found="not enough memory"
            if isinstance(error, MemoryError)
            else "a worker process was ended from outside, as the system does to free memory",
            expected="every frame to be finished",
            fix="Run the same line again with fewer --workers: it goes on where it stopped",
        ) from error
    except (ConnectionError, EOFError, FileNotFoundError) as error:
        # the fork server has ended, as it does at the limit on open files
        raise FileError(
            jobs[0].out,
            found="worker processes cannot be started",
            expected="every frame to be finished",
            fix="Raise the limit on open files (`ulimit -n 4096`) or give fewer --workers, then "
            "run the same line again: it goes on where it stopped",
        ) from error


def _in_processes(jobs: list[FrameJob], workers: int) -> Iterator[bool]:
    """Yield results as they come; the first error cancels the frames not yet begun."""
    context = _clean_context()
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        futures = [pool.submit(prepare_frame, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _clean_context() -> multiprocessing.context.BaseContext:
    """Return a way to start processes without a copy of this one: fork is unsafe beside threads.

    A fork server imports once for all workers; where there is none, each spawned worker imports.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([prepare_frame.__module__])
    return context


def _start_worker() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave when the main process was killed: a worker would wait for more frames without end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
