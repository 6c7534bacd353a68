"""Damaged files end in one line each, within limits of time and memory, and never end a batch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run_cases.py")


def run(kind, folder, first, count):
    command = [sys.executable, RUN, kind, folder, str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["cases"] == count
    assert not result["faults"], "\n".join(result["faults"])


@pytest.mark.parametrize(("kind", "count"), [("photographs", 20), ("weights", 8)])
def test_some_damaged_files(kind, count, tmp_path):
    run(kind, tmp_path, 0, count)


@pytest.mark.slow
@pytest.mark.parametrize("first", [1000, 2000])
@pytest.mark.parametrize(("kind", "count"), [("photographs", 200), ("weights", 120)])
def test_many_damaged_files(kind, count, first, tmp_path):
    run(kind, tmp_path, first, count)
