"""``blindsr upscale`` in this process: pictures for it, what it wrote, what it refused."""

import cv2
import numpy as np
from tests.helpers.fake_model import FakeModel

from blindsr.cli import app
from blindsr.cli.pictures.records import INDEX


def picture(height=20, width=26, seed=0):
    """(H, W, 3) uint8, smooth."""
    coarse = np.random.default_rng(seed).random((4, 5, 3), np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.rint(smooth * 255).astype(np.uint8)


def flat(level, height=16, width=20):
    """(H, W, 3) uint8 of one grey."""
    return np.full((height, width, 3), level, np.uint8)


def run(*words):
    return app.main(["upscale", *(str(word) for word in words)])


def refused(capsys, *words):
    """The one line that a refused command prints."""
    assert run(*words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("blindsr: error: ")
    return captured.err


def names(folder):
    """Everything but folders and the index of what was made."""
    files = [path for path in folder.rglob("*") if path.name != INDEX and not path.is_dir()]
    return sorted(str(path.relative_to(folder)) for path in files)


def fake_for_any_name(monkeypatch):
    """The model that any name loads; ``loaded`` says by which name and with which options."""
    fake = FakeModel()
    fake.loaded = []

    def load(source=None, **options):
        fake.loaded.append((source, options))
        return fake

    monkeypatch.setattr("blindsr.restore.load", load)
    return fake
