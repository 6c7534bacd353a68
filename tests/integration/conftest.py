"""A group of two processes, started once: each imports Lightning, which takes seconds."""

import os
import signal
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
QUICK = ("cmos", "rrdb_sft", "blind", "pbasr")
"""Of every kind one; the others, which take what they do from the same bases, are slow tests."""


def marked(models):
    """Parameters of a test, one for each model."""
    return [
        pytest.param(model, marks=[] if model in QUICK else pytest.mark.slow) for model in models
    ]


PATIENCE = 240
"""Seconds for what takes 15. Loader workers are forked: in Python 3.11 a fork beside a thread that
begins or ends can, once in ten runs, wait for ever. Then both processes are started again."""


@pytest.fixture(scope="session")
def two(tmp_path_factory, request):
    """Folder of what two processes trained, CMOS with three scenes for each rank, and tested."""
    asking = [item for item in request.session.items if "two" in item.fixturenames]
    asked = [item.callspec.params["model"] for item in asking if hasattr(item, "callspec")]
    models = [model for model in (*ESTIMATORS, *RESTORERS) if model in (*QUICK, *asked)]
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    for _ in range(2):
        folder = tmp_path_factory.mktemp("two_processes")
        commands = commands_of(folder, models)
        group = subprocess.Popen(
            [sys.executable, SCRIPT, "--forked", *commands],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # so that all of them can be ended
        )
        try:
            _, errors = group.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(group.pid, signal.SIGKILL)
            _, errors = group.communicate()
            continue
        assert group.returncode == 0, errors[-3000:]
        return SimpleNamespace(folder=folder, logs=folder / "logs")
    raise AssertionError(f"not done after {PATIENCE} s, twice: {errors[-3000:]}")


def commands_of(folder, models):
    """Words of the group: what is called, trained and tested, one after the other."""
    for model in models:
        if model == "pbasr":
            continue
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
    for name in models:
        last = ["--ckpt_path", str(folder / "logs" / name / "version_0/checkpoints/last.ckpt")]
        words = ["-c", str(folder / f"{name}.yaml"), *UNEVEN, *TWO]
        commands += ["--then", "fit", *words, "--data.batch_size", "1"]
        commands += ["--then", "test", *words, *last]
    return [*commands, "--then", "call", "interpolation", str(folder)]
