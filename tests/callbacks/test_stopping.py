"""Signals and errors in the middle of a training: what is saved goes on as if nothing happened."""

import csv
import os
import signal

import pytest
import torch
from lightning.pytorch import Callback
from tests.helpers.configurations import write_config
from tests.helpers.resumed_runs import equal

import blindsr.cli.training.command as module
from blindsr.cli.training.command import main

EPOCHS = 3  # of three batches and two validation batches each


class Interrupt(Callback):
    """Does something once, at the n-th call of a hook."""

    hook, call, act = "", 0, staticmethod(lambda: None)

    def __init__(self):
        self.calls = 0
        setattr(self, type(self).hook, self._count)

    def _count(self, *_args, **_options):
        self.calls += 1
        if self.calls == type(self).call:
            type(self).act()


def send(number):
    return lambda: os.kill(os.getpid(), number)


def fail():
    raise ZeroDivisionError("a defect")


def refuse(*_):
    raise AssertionError("the handler from before the training got its signal")


@pytest.fixture(autouse=True)
def handlers():
    """Known handlers, whatever started the tests: a script's background ignores SIGINT."""
    known = dict.fromkeys((signal.SIGINT, signal.SIGTERM), refuse)
    former = {number: signal.signal(number, handler) for number, handler in known.items()}
    yield known
    for number, handler in former.items():
        signal.signal(number, handler)


def fit(folder, name, *words):
    config = write_config(folder, name, "rrdb_sft", max_epochs=EPOCHS)
    small = ["--data.val_count", "2", "--data.eval_batch_size", "1", "--data.on_the_fly", "true"]
    return main(["fit", "-c", str(config), *small, *words])


def last(folder, name, version=0):
    return folder / "logs" / name / f"version_{version}" / "checkpoints" / "last.ckpt"


def interrupted(folder, monkeypatch, hook, call, act, *words):
    kind = type("Now", (Interrupt,), {"hook": hook, "call": call, "act": staticmethod(act)})
    with monkeypatch.context() as patch:
        patch.setattr(module, "ScoreTable", kind)
        return fit(folder, "cut", *words)


def content(path):
    stored = torch.load(path, weights_only=False)  # our own file: a third of the time
    return [stored["state_dict"], stored["optimizer_states"], stored["lr_schedulers"]]


def validations(folder, name, version=0):
    path = last(folder, name, version).parent.parent / "metrics.csv"
    with path.open() as file:
        return [row["val/psnr"] for row in csv.DictReader(file) if row.get("val/psnr")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert fit(folder, "whole") == 0
    return folder


PLACES = {
    "in a batch": ("on_before_zero_grad", 5, 5),
    "at its start": ("on_train_batch_start", 5, 5),
    "after the last batch of an epoch": ("on_train_batch_end", 3, 3),
    "in a validation": ("on_validation_batch_start", 4, 6),
    "at the end of a validation": ("on_validation_epoch_end", 1, 3),
}


@pytest.mark.parametrize(
    ("place", "number"),
    [
        # one handler serves both signals: each moment with one of them, in a batch with both
        *((place, signal.SIGTERM) for place in PLACES),
        ("in a batch", signal.SIGINT),
        *(
            pytest.param(place, signal.SIGINT, marks=pytest.mark.slow)
            for place in PLACES
            if place != "in a batch"
        ),
    ],
)
def test_a_signal_saves_and_the_command_it_prints_goes_on_exactly(
    place, number, whole, handlers, tmp_path, monkeypatch, capsys
):
    hook, call, steps = PLACES[place]
    status = interrupted(tmp_path, monkeypatch, hook, call, send(number))
    printed = capsys.readouterr()
    if place == "at the end of a validation":  # nothing looks for signals there; the next batch is
        steps += 1
    assert status == 128 + number
    assert torch.load(last(tmp_path, "cut"), weights_only=False)["global_step"] == steps
    lines = [line for line in printed.err.splitlines() if line.startswith("blindsr:")]
    assert len(lines) == 1
    told, _, command = lines[0].partition("go on with: lightning ")
    assert told == f"blindsr: stopped by {number.name}; "
    assert "Traceback" not in printed.err
    assert main(command.split()) == 0
    assert equal(content(last(tmp_path, "cut", 1)), content(last(whole, "whole")))
    both = validations(tmp_path, "cut", 0) + validations(tmp_path, "cut", 1)
    assert both == validations(whole, "whole")
    assert all(signal.getsignal(other) is handler for other, handler in handlers.items())


@pytest.mark.parametrize(
    ("hook", "call", "steps"),
    [
        ("on_before_backward", 5, 4),
        ("on_validation_batch_start", 3, 6),
        ("on_train_epoch_start", 2, 3),
    ],
)
def test_an_error_saves_what_was_learned(hook, call, steps, whole, tmp_path, monkeypatch):
    with pytest.raises(ZeroDivisionError):
        interrupted(tmp_path, monkeypatch, hook, call, fail)
    saved = last(tmp_path, "cut")
    assert torch.load(saved, weights_only=False)["global_step"] == steps
    assert fit(tmp_path, "cut", "--ckpt_path", str(saved)) == 0
    assert equal(content(last(tmp_path, "cut", 1)), content(last(whole, "whole")))
    both = validations(tmp_path, "cut", 0) + validations(tmp_path, "cut", 1)
    assert both == validations(whole, "whole")


def test_weights_that_began_to_change_are_not_saved(tmp_path, monkeypatch):
    with pytest.raises(ZeroDivisionError):  # the fifth step has been taken, the batch not ended
        interrupted(tmp_path, monkeypatch, "on_train_batch_end", 5, fail)
    assert torch.load(last(tmp_path, "cut"), weights_only=False)["global_step"] == 3


def test_an_error_before_the_first_batch_leaves_no_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(ZeroDivisionError):
        interrupted(tmp_path, monkeypatch, "on_train_start", 1, fail)
    assert not list(tmp_path.rglob("*.ckpt"))
