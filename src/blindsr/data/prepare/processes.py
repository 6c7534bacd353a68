"""Makes the frames of a data set in one process or in many."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2

from blindsr.data.prepare.frame import FrameJob, prepare_frame
from blindsr.errors import FileError

Progress = Callable[[int, int], None]
"""Called with (frames finished, frames in all) at the start and after every frame."""

_GUARD = (
    ". In a script of your own, call it below `if __name__ == '__main__':`, as workers import it"
)


def make_frames(jobs: list[FrameJob], workers: int, progress: Progress) -> None:
    """Make every frame; with 0 workers in this process.

    Raises:
        FileError: memory ran out, or worker processes were ended or cannot be started.
        BlindSRError: what :func:`~blindsr.data.prepare.frame.prepare_frame` raises.
    """
    progress(0, len(jobs))
    workers = min(workers, len(jobs))
    results = map(prepare_frame, jobs) if workers == 0 else _in_processes(jobs, workers)
    try:
        for done, _ in enumerate(results, start=1):
            progress(done, len(jobs))
    except (MemoryError, BrokenProcessPool) as error:
        ended = isinstance(error, BrokenProcessPool)
        raise FileError(
            jobs[0].out,
            found="not enough memory"
            if not ended
            else "a worker process was ended from outside, as the system does to free memory",
            expected="every frame to be finished",
            fix="Run the same line again with fewer --workers: it goes on where it stopped"
            + _GUARD * (ended and _in_a_script()),
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


def _in_a_script() -> bool:
    """Whether Python was given a file of code, which each worker imports anew, to its last line."""
    return Path(getattr(sys.modules["__main__"], "__file__", None) or "").suffix == ".py"


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
