"""Damaged files end in one line each, within limits of time and memory, and never end a batch."""

import json
import subprocess
import sys

import pytest
from tests.fuzz import run_cases
from tests.helpers.children import in_child


def test_some_damaged_files(tmp_path):
    """In a fork of this process, which has imported already what takes longer than the cases."""
    faults = tmp_path / "faults.json"
    counts = {"photographs": 20, "weights": 8}

    def act():
        faults.write_text(json.dumps(run_cases.run(tmp_path, 0, counts)))

    assert in_child(act) == 0
    assert json.loads(faults.read_text()) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", [1000, 2000])
@pytest.mark.parametrize(("kind", "count"), [("photographs", 200), ("weights", 120)])
def test_many_damaged_files(kind, count, first, tmp_path):
    command = [sys.executable, run_cases.__file__, tmp_path, str(first), f"{kind}={count}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["cases"] == {kind: count}
    assert not result["faults"], "\n".join(result["faults"])
