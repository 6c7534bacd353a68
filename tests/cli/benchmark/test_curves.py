"""Curves of the trainings of a benchmark."""

import os

import numpy as np
import pytest

from blindsr.cli.benchmark.curves import POINTS, by_hundredths, read_curve


def write(folder, version, text, age):
    path = folder / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    os.utime(path, (1000 - age, 1000 - age))


def test_a_stopped_training_is_one_curve_in_the_order_of_its_iterations(tmp_path):
    write(tmp_path, 10, "iterations,step,a\n1,4,5.0\n2,8,6.0\n3,12,7.0\n", age=2)
    write(tmp_path, 9, "iterations,step,a,b\n3,12,8.0,\n4,16,9.0,1.5\n,17,,2\n", age=1)  # went on
    assert read_curve(tmp_path, "a") == {1: 5, 2: 6, 3: 8, 4: 9}
    assert read_curve(tmp_path, "b") == {4: 1.5, 17: 2}
    assert read_curve(tmp_path, "c") == {}


def test_trainings_without_a_count_of_their_own_go_by_steps(tmp_path):
    write(tmp_path, 0, "epoch,step,a\n0,3,1.0\n0,7,2.0\n", age=0)
    assert read_curve(tmp_path, "a") == {3: 1, 7: 2}


def test_a_point_is_the_mean_of_a_hundredth():
    found = by_hundredths({float(at): float(at % 2) for at in range(1, 401)}, end=400)
    assert len(found) == POINTS
    assert found == pytest.approx(np.full(POINTS, 0.5))
    few = by_hundredths({100.0: 3.0, 400.0: 4.0}, end=400)
    assert (few[24], few[-1]) == (3, 4)
    assert np.isnan(few).sum() == POINTS - 2
