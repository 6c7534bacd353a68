"""Warnings about the user's files, each logged once."""

from __future__ import annotations

import logging
import os

_LOG = logging.getLogger("blindsr.data")
_said: set[str] = set()


def say_once(note: str) -> None:
    """Log a note as a warning, once in a run: data sets are set up before and during training.

    Of several processes on a machine only the first says it.
    """
    if note in _said or os.environ.get("LOCAL_RANK", "0") != "0":
        return
    _said.add(note)
    _LOG.warning("%s", note)
