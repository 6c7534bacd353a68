"""Which numbers the settings of a training may be: the last one that is allowed, the next one."""

import math

import pytest

from blindsr.errors import ConfigError
from blindsr.tasks import MANetTask
from blindsr.tasks.base import SETTINGS

POSITIVE = ((1e-300, 1e300), (0, -1e-300, math.inf, math.nan))
FROM_ZERO = ((0, 1e300), (-1e-300, math.inf, math.nan))
EDGES = {
    "learning_rate": POSITIVE,
    "discriminator_learning_rate": POSITIVE,
    "gradient_clip": POSITIVE,
    "min_learning_rate": FROM_ZERO,
    "weight_decay": FROM_ZERO,
    "unsharp": FROM_ZERO,
    "estimator_loss": FROM_ZERO,
    "betas": (((0, 0), (0.999, 0.999)), ((1, 0.9), (0.9, 1), (-0.1, 0.9), (0.9, math.nan))),
    "warmup_steps": ((0, 1), (-1,)),
    "cosine_steps": ((1, 2), (0, -1)),
    "max_iterations": ((1, 2), (0, -1)),
}


@pytest.fixture(scope="module")
def task():
    return MANetTask(features=(4, 4), kernel_size=3, sigma_max=0.5)


def checked(task, **settings):
    before = dict(task.hparams)
    task.hparams.update({"min_learning_rate": 0.0, "learning_rate": None} | settings)
    try:
        task.check_settings()
    finally:
        task.hparams.clear()
        task.hparams.update(before)


def test_every_setting_has_its_edges_here():
    assert EDGES.keys() == SETTINGS.keys()


@pytest.mark.parametrize("name", EDGES)
def test_edges(task, name):
    good, bad = EDGES[name]
    for value in (None, *good):
        checked(task, **{name: value})
    for value in bad:
        with pytest.raises(ConfigError, match=rf"model\.{name}: .*, expected "):
            checked(task, **{name: value})


def test_annealing_does_not_end_above_its_beginning(task):
    checked(task, learning_rate=1e-4, min_learning_rate=1e-4)
    with pytest.raises(ConfigError, match=r"model\.min_learning_rate: 0\.0002, expected no more"):
        checked(task, learning_rate=1e-4, min_learning_rate=2e-4)
