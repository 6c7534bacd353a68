"""Throughput, wait and memory beside the losses."""

import csv
import time

import pytest
import torch
from tests.helpers.configurations import write_config

from blindsr.callbacks import Speed
from blindsr.callbacks.speed import peak_bytes, samples_of
from blindsr.cli.training.command import main


def test_samples_of_both_streams_count():
    batch = {"lr": torch.zeros(3, 3, 4, 4)}
    assert samples_of(batch) == 3
    assert samples_of({"general": batch, "blur": batch}) == 6
    assert samples_of([1, 2]) == 0


def test_memory_is_that_of_the_process():
    torch.zeros(2**20)
    assert 2**26 < peak_bytes(torch.device("cpu")) < 2**42


class Module:
    device = torch.device("cpu")

    def __init__(self):
        self.logged = []

    def log_dict(self, values, batch_size):
        self.logged.append(values)


class Every:
    """A trainer that logs at every ``interval``-th step."""

    world_size = 2

    def __init__(self, interval):
        self.interval, self.step = interval, 0
        self._logger_connector = self

    @property
    def should_update_logs(self):
        self.step += 1
        return self.step % self.interval == 0


def test_waits_and_samples_are_those_since_the_last_value():
    speed, trainer, module = Speed(), Every(2), Module()
    batch = {"lr": torch.zeros(5, 3, 4, 4)}
    for number in range(4):
        time.sleep(0.02)  # the loader; nobody can tell before the first batch
        speed.on_train_batch_start(trainer, module, batch, number)
        time.sleep(0.02 if number < 2 else 0.0)
        speed.on_train_batch_end(trainer, module, None, batch, number)
    first, second = module.logged
    assert 0.2 < first["speed/data_wait"] < 0.45
    assert second["speed/data_wait"] > 0.8
    assert 0 < first["speed/samples_per_second"] <= 20 / 0.06
    assert 0 < second["speed/samples_per_second"] <= 20 / 0.04


@pytest.mark.parametrize("model", ["cmos", "rrdb_sft"])
def test_they_stand_in_the_rows_of_the_losses(model, tmp_path):
    config = write_config(tmp_path, model=model, max_epochs=1)
    assert main(["fit", "-c", str(config)]) == 0
    run = tmp_path / "logs" / "tiny" / "version_0"
    with (run / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["train/loss"]]
    assert len(rows) == 3
    for row in rows:
        assert float(row["speed/samples_per_second"]) > 0
        assert 0 <= float(row["speed/data_wait"]) < 1
        assert float(row["memory/peak_gib"]) > 0.05
    with (run / "metrics.csv").open() as file:
        assert "lr-Adam" in next(csv.reader(file))
