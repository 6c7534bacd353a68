"""Signals as a shell sends them, to a training in a process of its own."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tests.helpers.configurations import write_config

from blindsr.imaging.temporary import host_name

SCRIPT = [sys.executable, "-m", "blindsr.cli.lightning_script"]


def start(folder, *words):
    """A training in the background of a script: SIGINT is ignored there, and it leads a group."""

    def background():
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    config = write_config(folder, max_epochs=500)
    return subprocess.Popen(
        [*SCRIPT, "fit", "-c", str(config), "--data.on_the_fly", "true", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=background,
    )


def wait_for(folder, pattern="last.ckpt"):
    for _ in range(600):
        found = list(folder.rglob(pattern))
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError(pattern)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_is_one_line_without_tracebacks_of_workers(number, tmp_path):
    process = start(tmp_path, "--data.num_workers", "2")
    wait_for(tmp_path)
    began = time.monotonic()
    os.killpg(process.pid, number)
    time.sleep(0.2)
    os.killpg(process.pid, number)  # wrappers pass a signal on that the group has got too
    _, err = process.communicate(timeout=60)
    # the second may find the interpreter closing; a shell shows both as 128 + number
    assert process.returncode in (128 + number, -number)
    assert time.monotonic() - began < 30
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("blindsr:")]) == 1
    with pytest.raises(ProcessLookupError):  # no worker is left
        os.killpg(process.pid, 0)


@pytest.mark.slow
def test_what_a_killed_training_left_is_swept_by_the_next(tmp_path):
    process = start(tmp_path)
    (path,) = wait_for(tmp_path)
    process.kill()
    process.communicate()
    part = path.with_name(f".blindsr.{host_name()}.{process.pid}.1.0123456789ab.part")
    part.write_bytes(b"half")
    second = start(tmp_path, "--ckpt_path", "last")
    wait_for(tmp_path / "logs" / "tiny" / "version_1")
    second.terminate()
    _, err = second.communicate(timeout=60)
    assert second.returncode == 143
    assert f"--ckpt_path last: {path}" in err
    assert not part.exists()
