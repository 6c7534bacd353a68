"""A precision that nobody named follows the hardware, and is said; one that was named stays."""

import pytest
import torch
import yaml
from tests.helpers.configurations import write_config

from blindsr.cli.training import precision
from blindsr.cli.training.command import main

SAID = "precision bf16-mixed, in which this processor is faster"


@pytest.fixture(autouse=True)
def _no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)


def trained(folder, *words, model="cmos"):
    """Precision in the file of a run of one step."""
    short = {"max_epochs": 1, "limit_train_batches": 1, "limit_val_batches": 0}
    config = write_config(folder, model, model, accelerator="auto", callbacks=None, **short)
    assert main(["fit", "-c", str(config), *words]) == 0
    saved = folder / "logs" / model / "version_0" / "config.yaml"
    return yaml.safe_load(saved.read_text())["trainer"]["precision"]


def test_a_processor_with_bfloat16_computes_in_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(precision, "processor_has_bf16", lambda: True)
    assert trained(tmp_path) == "bf16-mixed"
    assert capsys.readouterr().err.count(SAID) == 1


@pytest.mark.parametrize(
    ("model", "has", "words"),
    [
        ("cmos", False, []),
        ("rrdb_sft", True, []),  # not measured
        ("cmos", True, ["--trainer.precision", "32-true"]),
        ("cmos", True, ["--trainer.accelerator", "cpu"]),
    ],
)
def test_else_it_stays_as_it_is(model, has, words, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(precision, "processor_has_bf16", lambda: has)
    assert trained(tmp_path, *words, model=model) in (None, "32-true")
    assert SAID not in capsys.readouterr().err
