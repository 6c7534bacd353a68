"""A group of two processes, started once: each imports Lightning, which takes seconds."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config
from tests.helpers.pbasr_configuration import tiny_config

SCRIPT = str(REPOSITORY / "tests/integration/run_main.py")
TWO = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
UNEVEN = ["--data.test_count", "3", "--data.val_count", "3", "--data.eval_batch_size", "1"]
ESTIMATORS = ("cmos", "manet")
RESTORERS = ("rrdb_sft", "blind", "dan", "dcls", "koalanet", "ssr", "pbasr")


@pytest.fixture(scope="session")
def two(tmp_path_factory):
    """Folder of what two processes trained, CMOS with three scenes for each rank, and tested."""
    folder = tmp_path_factory.mktemp("two_processes")
    for model in (*ESTIMATORS, *RESTORERS[:-1]):
        short = {} if model == "cmos" else {"limit_train_batches": 1}  # what is tested is scored
        write_config(folder, model, model, pictures=True, max_epochs=1, **short)
    states = {
        "class_path": "tests.integration.rank_state.RankState",
        "init_args": {"folder": str(folder)},
    }
    tiny_config(folder, "pbasr", states)
    commands = ["call", "imports", str(folder)]
    # before any training: a worker that is forked while a thread of autograd begins or ends can
    # wait for ever in Python 3.11
    commands += ["--then", "call", "samples", str(folder)]
    for name in (*ESTIMATORS, *RESTORERS):
        last = ["--ckpt_path", str(folder / "logs" / name / "version_0/checkpoints/last.ckpt")]
        words = ["-c", str(folder / f"{name}.yaml"), *UNEVEN, *TWO]
        commands += ["--then", "fit", *words, "--data.batch_size", "1"]
        commands += ["--then", "test", *words, *last]
    commands += ["--then", "call", "interpolation", str(folder)]
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    done = subprocess.run(
        [sys.executable, SCRIPT, *commands],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return SimpleNamespace(folder=folder, logs=folder / "logs")
