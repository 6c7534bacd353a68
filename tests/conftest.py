"""Fixtures that every test may use."""

import os
from pathlib import Path

# libgomp threads that spin while they wait make small networks up to five times slower on a busy
# machine; libgomp reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# One thread: sums in one order, whatever the machine, and no time lost in handing small work round.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared():
    """Folder with real images and full-size golden files; tests that need it skip without it."""
    folder = Path(os.environ.get("BLINDSR_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the folder {folder.name} beside the repository")
    return folder
