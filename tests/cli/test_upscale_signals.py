"""``blindsr upscale`` in a process of its own, ended by signals at any moment."""

import random
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from blindsr.cli.pictures.records import INDEX
from blindsr.imaging.files import write_png
from blindsr.imaging.temporary import is_temporary

SLOWED = """
import sys, time
from tests.helpers.fake_model import FakeModel
import blindsr.restore
class Slow(FakeModel):
    def strips(self, image, **options):
        for strip in super().strips(image, **options):
            time.sleep(0.05)
            yield strip
blindsr.restore.load = lambda *_, **__: Slow()
from blindsr.cli.app import run
run()
"""


def pictures(folder, count, size):
    for index in range(count):
        coarse = np.random.default_rng(index).integers(0, 256, (9, 9, 3), np.uint8)
        write_png(folder / f"{index}.png", cv2.resize(coarse, (size, size)))


def start(script, *words):
    command = [sys.executable, "-c", script, "upscale", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes)


def contents(folder):
    """By name; ``None`` for the folder in which a picture is made."""
    paths = [path for path in folder.iterdir() if path.name != INDEX]
    return {path.name: path.read_bytes() if path.is_file() else None for path in paths}


def half_done(folder):
    return folder.exists() and any(is_temporary(path.name) for path in folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_whole_results_and_no_temporary_file(tmp_path, number):
    pictures(tmp_path / "in", 9, 250)
    out = tmp_path / "out"
    words = (tmp_path / "in", "-o", out, "--format", "webp", "--compare")
    process = start(SLOWED, *words)
    try:
        deadline = time.monotonic() + 60
        done = out / "0.webp"
        while not (done.exists() and half_done(out)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    count = sum(name.endswith(".webp") for name in contents(out))
    assert err == f"blindsr: stopped; {count} of 9 done. The same line again does the rest.\n"
    assert not half_done(out)


@pytest.mark.slow
def test_kill_at_random_moments(tmp_path):
    """No half-written result has a final name, and the next run ends with the same bytes."""
    pictures(tmp_path / "in", 6, 96)
    script = "from blindsr.cli.app import run; run()"
    more = ("--compare", "--save-maps", "--format", "tiff")

    def whole(out):
        process = start(script, tmp_path / "in", "-o", out, *more)
        output = process.communicate(timeout=300)
        assert process.returncode == 0, output
        return contents(out)

    begun = time.monotonic()
    expected = whole(tmp_path / "expected")
    seconds = time.monotonic() - begun
    chance = random.Random(0)
    killed = 0
    for attempt in range(5):
        out = tmp_path / f"out{attempt}"
        process = start(script, tmp_path / "in", "-o", out, *more)
        while not out.exists() and process.poll() is None:  # loading writes nothing
            time.sleep(0.002)
        time.sleep(chance.uniform(0, seconds / 4))
        process.kill()
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
        left = contents(out)
        for name, content in left.items():
            assert is_temporary(name) or content == expected[name]
        assert whole(out) == expected
    assert killed >= 2
