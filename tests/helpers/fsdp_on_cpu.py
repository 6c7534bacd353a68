"""Lightning's FSDP on CPUs, where Lightning does not offer it: the same code over gloo."""

import torch
from lightning.pytorch.strategies import FSDPStrategy
from torch.distributed.fsdp import FullyShardedDataParallel, _optim_utils

gather = _optim_utils._unflatten_orig_param_states


def gather_and_copy(info, states, name, *more):
    """Gather one kind of Adam's moments; the next kind is gathered into the same memory.

    torch relies on the way to the CPU being a copy.
    """
    gather(info, states, name, *more)
    for state in states.values():
        if isinstance(state.get(name), torch.Tensor):
            state[name] = state[name].clone()


class FSDPOnCPU(FSDPStrategy):
    """As its base class, which names devices by number; torch then looks for a GPU."""

    def _setup_model(self, model):
        return FullyShardedDataParallel(
            model,
            device_id=torch.device("cpu"),
            sharding_strategy=self.sharding_strategy,
            mixed_precision=self.mixed_precision_config,
            **self.kwargs,
        )

    def optimizer_state(self, optimizer):
        _optim_utils._unflatten_orig_param_states = gather_and_copy
        try:
            return super().optimizer_state(optimizer)
        finally:
            _optim_utils._unflatten_orig_param_states = gather
