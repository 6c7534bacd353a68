"""What Adam is given, and the learning rate by step: annealed, or constant with steps down."""

from types import SimpleNamespace

import pytest
import torch

from blindsr.errors import ConfigError
from blindsr.tasks import DANTask, KOALAnetTask, MANetTask

RATE = {"learning_rate": 1e-3, "min_learning_rate": 1e-5, "warmup_steps": 10}
SMALL = {
    MANetTask: {"features": (4, 4), "kernel_size": 3, "sigma_max": 0.5},
    KOALAnetTask: {"features": 4},
}


def factors(steps, kind=MANetTask, **settings):
    schedule = kind(**SMALL[kind] | RATE | settings).schedule()
    return [schedule(step) for step in steps]


def test_cosine_anneals_once_from_the_rate_to_the_least():
    expected = [0, 0.5, 1, 0.505, 0.01, 0.01]
    at = (0, 5, 10, 60, 110, 1000)
    assert factors(at, cosine_steps=100) == pytest.approx(expected)
    again = factors((109, 110), cosine_steps=100, restart=True)
    assert again == pytest.approx([0.01, 1])


def test_without_a_number_it_ends_with_the_training(monkeypatch):
    run = SimpleNamespace(max_steps=110, max_epochs=-1, estimated_stepping_batches=110)
    monkeypatch.setattr(MANetTask, "trainer", run)
    at = (0, 5, 10, 60, 110)
    assert factors(at) == pytest.approx([0, 0.5, 1, 0.505, 0.01])
    run.estimated_stepping_batches = 4  # all of it is warm-up
    assert factors((0, 2, 11)) == pytest.approx([0, 0.2, 0.01])
    run.estimated_stepping_batches = float("inf")
    with pytest.raises(ConfigError, match=r"model\.cosine_steps: null in a training without end"):
        factors((1,))
    run.max_steps = -1
    with pytest.raises(ConfigError, match="without end"):
        factors(())
    run.max_epochs = 3
    assert factors(()) == []


def test_a_constant_rate_is_halved_and_that_of_koalanet_falls_to_a_tenth():
    settings = {"schedule": "constant", "halve_at": (20, 30)}
    at = (0, 5, 10, 19, 20, 30)
    assert factors(at, **settings) == pytest.approx([0, 0.5, 1, 1, 0.5, 0.25])
    assert factors(at, KOALAnetTask, **settings) == pytest.approx([0, 0.5, 1, 1, 0.1, 0.01])


def test_adam_is_given_what_learns_and_the_settings():
    chosen = {"learning_rate": 3e-4, "betas": (0.8, 0.95), "weight_decay": 1e-3, "cosine_steps": 5}
    task = DANTask(blocks=1, features=8, kernel_rule="none", **chosen)
    found = task.configure_optimizers()
    (group,) = found["optimizer"].param_groups
    assert isinstance(found["optimizer"], torch.optim.Adam)
    assert (group["initial_lr"], group["betas"], group["weight_decay"]) == (3e-4, (0.8, 0.95), 1e-3)
    restorer = [p for n, p in task.network.named_parameters() if not n.startswith("Estimator.")]
    assert {id(p) for p in group["params"]} == {id(p) for p in restorer}
    assert found["lr_scheduler"]["interval"] == "step"
