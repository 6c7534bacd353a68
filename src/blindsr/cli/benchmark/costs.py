"""What restoring or estimating one picture costs: parameters, time, memory."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

MOST_SECONDS, MOST_CALLS = 10.0, 5


class Costs(Callback):
    """Measures the tested network on the first picture of the test, one at a time.

    Attributes:
        found: ``parameters``, ``seconds`` (median after a first call), ``memory`` (bytes above what
            was in use before, weights not counted; not of a slow call on a processor, whose every
            allocation would have to be kept) and ``pixels`` of LR; empty before a test.
    """

    def __init__(self) -> None:
        self.found: dict[str, float] = {}
        self._first: dict[str, Any] = {}

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any, **__: Any
    ) -> None:
        """Keep the first picture, where the device has it already."""
        if not self._first:
            self._first = {name: value[:1] for name, value in batch.items()}

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure."""
        first, module = self._first, pl_module
        if not first:
            return
        restore = getattr(module, "restore", None)

        def call() -> Any:
            return restore(first) if callable(restore) else module(first["lr"])

        with torch.inference_mode():
            device = first["lr"].device
            begin = time.perf_counter()
            call()
            slow = time.perf_counter() - begin if device.type == "cpu" else 0.0
            self.found = {
                "parameters": count_parameters(module),
                "pixels": first["lr"][0, 0].numel(),
            }
            if slow > MOST_SECONDS:
                self.found["seconds"] = slow
                return
            self.found["seconds"] = median_seconds(call, device)
            self.found["memory"] = peak_bytes(call, device)


def count_parameters(module: Any) -> int:
    """Of the network that a user would run: PBaSR's is the average of its branches."""
    network: nn.Module = module.average() if hasattr(module, "average") else module.network
    return sum(parameter.numel() for parameter in network.parameters())


def median_seconds(call: Callable[[], Any], device: torch.device) -> float:
    """Of some calls, fewer where they are slow."""
    found: list[float] = []
    while len(found) < MOST_CALLS and sum(found) < MOST_SECONDS:
        begin = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def peak_bytes(call: Callable[[], Any], device: torch.device) -> int:
    """The most bytes of tensors that a call has in use at one moment, beside those before it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        kept = call()
        peak = torch.cuda.max_memory_allocated(device) - before
        del kept
        return peak
    activities = [torch.profiler.ProfilerActivity.CPU]
    with (
        _without_lines_of_the_profiler(),
        torch.profiler.profile(activities=activities, profile_memory=True) as profiler,
    ):
        kept = call()
    del kept
    results = profiler.profiler.kineto_results  # type: ignore[union-attr]  # None before a run
    events = [event for event in results.events() if event.name() == "[memory]"]
    used = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        used += event.nbytes()
        peak = max(peak, used)
    return peak


@contextlib.contextmanager
def _without_lines_of_the_profiler() -> Iterator[None]:
    """Its C++ part writes some to standard error, past Python."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
