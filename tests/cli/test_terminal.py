"""Bars on a terminal, lines elsewhere."""

import io
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
