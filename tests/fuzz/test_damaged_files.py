"""Damaged files end in one line each, within limits of time and memory, and never end a batch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run_cases.py")


def run(folder, first, **counts):
    words = [f"{kind}={count}" for kind, count in counts.items()]
    command = [sys.executable, RUN, folder, str(first), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["cases"] == counts
    assert not result["faults"], "\n".join(result["faults"])


def test_some_damaged_files(tmp_path):
    run(tmp_path, 0, photographs=20, weights=8)  # in one process: its imports take longest


@pytest.mark.slow
@pytest.mark.parametrize("first", [1000, 2000])
@pytest.mark.parametrize(("kind", "count"), [("photographs", 200), ("weights", 120)])
def test_many_damaged_files(kind, count, first, tmp_path):
    run(tmp_path, first, **{kind: count})
