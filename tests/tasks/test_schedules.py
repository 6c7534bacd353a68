import json
from pathlib import Path

import pytest

from blindsr.tasks.schedules import Halving, WarmupCosine

GOLDEN = Path(__file__).parent.parent / "golden" / "cmos_lr_schedule.json"


def test_equals_the_released_schedule():
    schedule = WarmupCosine(1000, 40_000, floor=1e-7 / 1e-4, restart=True)
    for step, expected in json.loads(GOLDEN.read_text()).items():
        assert 1e-4 * schedule(int(step)) == pytest.approx(expected, rel=1e-9)


def test_the_released_nyuv2_run_restarts_and_does_not_end_at_its_minimum():
    schedule = WarmupCosine(1000, 40_000, floor=1e-3, restart=True)
    assert 1e-4 * schedule(40_999) == pytest.approx(1e-7)
    assert 1e-4 * schedule(41_000) == pytest.approx(1e-4)
    assert 1e-4 * schedule(70_000) == pytest.approx(1.761e-5, rel=1e-3)


def test_without_restart_it_falls_and_stays_at_the_floor():
    schedule = WarmupCosine(10, 100, floor=0.01)
    values = [schedule(step) for step in range(10, 300)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.0
    assert values[-1] == pytest.approx(0.01)


@pytest.mark.parametrize("restart", [False, True])
def test_no_warm_up_begins_at_the_full_rate(restart):
    assert WarmupCosine(0, 100, restart=restart)(0) == 1.0


def test_warm_up_is_a_line_from_nothing():
    for schedule in (WarmupCosine(4, 100), Halving(4, (10, 20))):
        assert [schedule(step) for step in range(6)] == [
            0,
            0.25,
            0.5,
            0.75,
            1,
            pytest.approx(1, abs=1e-3),
        ]


def test_a_constant_rate_falls_at_its_steps():
    at = (0, 9, 10, 19, 20, 500)
    assert [Halving(0, (10, 20))(step) for step in at] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert [Halving(0, (10, 20), 0.1)(step) for step in at] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
