"""The processes of a training part before the interpreter ends."""

from __future__ import annotations

import atexit
import gc

import torch.distributed


def part_at_exit() -> None:
    """Close the process group when the interpreter ends.

    Lightning does so for NCCL alone. Gloo's threads outlive ``main``; one that still has a Python
    object to release while the interpreter is being taken down aborts the process (SIGABRT), so
    that a training which has ended well has a bad exit status.
    """
    atexit.unregister(_part)  # of a former command of this process
    atexit.register(_part)


def _part() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        gc.collect()  # the reducers of DDP hold the group
        torch.distributed.destroy_process_group()
