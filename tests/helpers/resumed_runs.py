"""A run that dies, and whether two runs ended with the same weights."""

import torch
from lightning.pytorch import Callback


def weights(path):
    content = torch.load(path, weights_only=True)
    return content["state_dict"], content["optimizer_states"]


class Die(Callback):
    """Ends the training in the middle of the second epoch of two steps, as a kill would."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == 3:
            raise DiedError


class DiedError(Exception):
    pass


def equal(first, second):
    leaves = [torch.utils._pytree.tree_leaves(x) for x in (first, second)]
    return all(
        torch.equal(a, b) if torch.is_tensor(a) else a == b for a, b in zip(*leaves, strict=True)
    )
