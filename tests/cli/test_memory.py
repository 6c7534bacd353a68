"""Commands ask the C library to keep memory, where there is one that can be asked."""

import ctypes
from types import SimpleNamespace

import pytest
import torch

from blindsr.cli import memory
from blindsr.cli.training import command


def test_both_thresholds_are_raised(monkeypatch):
    asked = {}

    class Library:
        mallopt = staticmethod(asked.__setitem__)

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
    monkeypatch.setattr(memory, "LARGE", 2**30)
    memory.keep_freed_memory()
    assert asked == {-1: 2**30, -3: 2**30}  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h


@pytest.mark.parametrize("library", [OSError, TypeError, object])
def test_other_libraries_are_left_alone(library, monkeypatch):
    def load(_):
        if library is object:
            return object()
        raise library

    monkeypatch.setattr(ctypes, "CDLL", load)
    memory.keep_freed_memory()


@pytest.mark.parametrize(("device", "keeps"), [("cpu", True), ("cuda:0", False)])
def test_a_training_keeps_it_where_the_processor_computes(device, keeps, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "keep_freed_memory", lambda: asked.append(True))
    cli = SimpleNamespace(
        trainer=SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)))
    )
    command.BlindSRCLI.before_fit(cli)
    assert bool(asked) is keeps
