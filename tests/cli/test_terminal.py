"""Bars on a terminal, lines elsewhere; how a process ends."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from blindsr.cli import terminal


def console(*, is_terminal):
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=100)


def test_without_a_terminal_a_line_tells_of_parts_now_and_then(monkeypatch):
    times = iter([0.0, 5.0, 16.0, 20.0, 32.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    out = console(is_terminal=False)
    for _, tell in terminal.track_parts([Path("photo.jpg")], out, "pictures"):
        for done in range(1, 5):
            tell(done, 8)
    lines = out.file.getvalue().splitlines()
    assert lines == ["photo.jpg: 2/8, left 0:00:48", "photo.jpg: 4/8, left 0:00:32"]


def test_what_is_quick_prints_no_line():
    out = console(is_terminal=False)
    with terminal.counted(out, "frames") as tell:
        tell(1, 2)
        tell(2, 2)
    assert out.file.getvalue() == ""


def test_no_bar_without_a_count_before_an_error():
    out = console(is_terminal=True)
    with pytest.raises(ValueError, match="bad"), terminal.counted(out, "frames"):
        raise ValueError("bad")
    parts = terminal.track_parts([Path("photo.jpg")], out, "pictures")
    next(parts)
    with pytest.raises(ValueError, match="bad"):
        parts.throw(ValueError("bad"))
    assert "0/?" not in out.file.getvalue()
    assert "frames" not in out.file.getvalue()


def test_a_bar_shows_the_count_on_a_terminal():
    out = console(is_terminal=True)
    with terminal.counted(out, "frames") as tell:
        tell(3, 4)
    assert "3/4" in out.file.getvalue()
    assert "/?" not in out.file.getvalue()


ENDING = """
import sys
from blindsr.cli import terminal
import atexit
class Kept:
    def __del__(self):
        print("taken apart")
kept = Kept()
kept.itself = kept
atexit.register(lambda: print("told"))
"""


@pytest.mark.parametrize(
    ("last", "said", "status"),
    [
        ("terminal.leave(3)", "told\n", 3),  # what libraries do at their end is done, nothing more
        ("pass", "told\ntaken apart\n", 0),  # whoever only imports it ends as ever
    ],
)
def test_a_command_ends_without_taking_its_objects_apart(last, said, status):
    words = [sys.executable, "-c", ENDING + last]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == (said, "", status)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_told_as_ever():
    code = "from blindsr.cli import terminal; print('x'); terminal.leave(0)"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, env=buffered, check=False)
    assert done.returncode == 120
    assert b"No space left" in done.stderr
