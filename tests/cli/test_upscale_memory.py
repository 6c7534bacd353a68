"""The command asks the C library to keep memory, where there is one that can be asked."""

import ctypes

import pytest

from blindsr.cli.pictures import memory


def test_both_thresholds_are_raised(monkeypatch):
    asked = {}

    class Library:
        mallopt = staticmethod(asked.__setitem__)

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
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
