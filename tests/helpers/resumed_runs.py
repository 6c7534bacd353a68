"""A run that dies, and whether two runs ended with the same weights."""

import contextlib
import os
import warnings
from pathlib import Path

import torch
from lightning.pytorch import Callback


def weights(path):
    return states(torch.load(path, weights_only=False))  # our own file: a third of the time


def states(content):
    return content["state_dict"], content["optimizer_states"]


class DieInCopy(Callback):
    """In the middle of the second epoch of two steps a copy of the process dies, as by a kill.

    What it saved becomes ``killed.ckpt``; the original goes on, so that one run is both.
    """

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step != 3:
            return
        copy = os.fork()
        if copy == 0:
            raise DiedError
        os.waitpid(copy, 0)
        last = Path(trainer.log_dir) / "checkpoints" / "last.ckpt"
        last.rename(last.with_name("killed.ckpt"))


class DiedError(Exception):
    pass


@contextlib.contextmanager
def ending_the_copy():
    """Nothing behind this block is done by a copy that a fork inside it made."""
    original = os.getpid()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forks of processes with threads
            yield
    finally:
        if os.getpid() != original:
            os._exit(0)


def equal(first, second):
    leaves = [torch.utils._pytree.tree_leaves(x) for x in (first, second)]
    return all(
        torch.equal(a, b) if torch.is_tensor(a) else a == b for a, b in zip(*leaves, strict=True)
    )
