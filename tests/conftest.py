"""Fixtures that every test may use."""

import ctypes
import functools
import gc
import os
import sys
from pathlib import Path
from types import SimpleNamespace

# libgomp threads that spin while they wait make small networks up to five times slower on a busy
# machine; libgomp reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# One thread: sums in one order, whatever the machine, and no time lost in handing small work round.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import pytest

from blindsr.cli import memory

# Imports make a million objects that stay: the collector, which would go through them again and
# again, rests until all tests are known, and never looks at these.
gc.disable()

REPOSITORY = Path(__file__).resolve().parent.parent
SMALL_ROOM = 64 * 96
"""Pixels; 500 of them take 25 MB."""
LARGE = 32 << 20
"""Bytes of a block of memory that is given back as soon as it is freed."""
GROWTH = 50_000_000
"""Bytes by which the process may grow until freed memory is given back."""
STATUS = Path("/proc/self/statm")
C_LIBRARY = ctypes.CDLL(None)
TRIMMED = STATUS.is_file() and hasattr(C_LIBRARY, "malloc_trim")
_resident_after = {"test": 0, "file": 0}
"""Bytes of the process after that was done last."""


def pytest_configure():
    """Give large blocks back at once: kept, they are the holes into which the next hardly fit.

    Commands keep them, each for one job of its own; here they follow one another.
    """
    memory.LARGE = LARGE
    memory.keep_freed_memory()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def pytest_unconfigure():
    gc.unfreeze()  # what libraries count at their end


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Tidy up when nothing of a test lives any more, its fixtures included."""
    result = yield
    ended = nextitem is None or nextitem.path != item.path
    if ended:
        gc.collect()
        gc.freeze()  # what was imported meanwhile stays, and is looked through no more
    _return_memory("file" if ended else "test")
    return result


def _return_memory(after):
    """Give freed memory back: the C library keeps it, as the Makefile asks it to for trainings."""
    if not TRIMMED:
        return
    if _resident() > _resident_after[after] + GROWTH:
        C_LIBRARY.malloc_trim(0)
        _resident_after[after] = _resident()
    if after == "file":
        _resident_after["test"] = _resident_after["file"]


@pytest.fixture
def free_memory():
    """All freed memory is given back before a test that takes the most of all."""
    gc.collect()
    if TRIMMED:
        C_LIBRARY.malloc_trim(0)


def _resident():
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="session", autouse=True)
def _asked_and_rendered_once():
    """Most trainings of these tests see the same small rooms, which three numbers describe."""
    if "torch" not in sys.modules:  # no test of a training was found
        yield
        return
    from tests.helpers.asked_once import ask_once

    from blindsr.data.scenes import datamodule, pbasr
    from blindsr.data.scenes.render import render_scene

    small = functools.lru_cache(maxsize=500)(render_scene)

    def render(seed, index, size):
        size = tuple(size)
        return (small if size[0] * size[1] <= SMALL_ROOM else render_scene)(seed, index, size)

    with pytest.MonkeyPatch.context() as patch:
        for module in (datamodule, pbasr):
            patch.setattr(module, "render_scene", render)
        ask_once(patch)
        yield


@pytest.fixture(scope="session")
def shared():
    """Folder with real images and full-size golden files; tests that need it skip without it."""
    folder = Path(os.environ.get("BLINDSR_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the folder {folder.name} beside the repository")
    return folder


@pytest.fixture
def wandb_offline(tmp_path, monkeypatch):
    """Weights & Biases without account and network, in a folder of its own; runs end with a test.

    Yields what ends the run, as the end of a process does, and returns what it was.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "600")  # else the logger sets it, for all tests
    for name in ("API_KEY", "MODE", "PROJECT", "NAME", "RUN_GROUP", "BASE_URL", "SWEEP_ID"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    import wandb

    def end():
        run, facts = wandb.run, {}
        if run is not None and not run.disabled:
            facts = {name: getattr(run, name) for name in ("id", "name", "group", "tags")}
            facts |= {"config": run.config.as_dict(), "summary": run.summary._as_dict()}
        wandb.finish()
        monkeypatch.delenv("WANDB_MODE", raising=False)  # Lightning sets it
        return SimpleNamespace(**facts)

    yield end
    end()
