"""Adam in the form that is fastest where its parameters lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import StateDict


def adam(parameters: Iterable[nn.Parameter], **settings: Any) -> Adam:
    """:class:`Adam`, on CPUs as one operation, where torch by default takes ten for each tensor.

    With the 700 tensors of CMOS that is a twentieth of a training step. On other devices torch
    chooses.

    Args:
        parameters: to learn.
        settings: of ``torch.optim.Adam``.
    """
    chosen = list(parameters)
    on_cpu = all(p.device.type == "cpu" for p in chosen)
    return Adam(chosen, fused=True if on_cpu else None, **settings)


class Adam(torch.optim.Adam):
    """Torch's, which may go on from the checkpoint of another device or layout.

    The one operation of torch 2.15 goes through the memory of a weight and of its moments side by
    side: where one has its channels innermost and the other not, it mixes them up silently.
    """

    _step_supports_amp_scaling: bool

    def __init__(self, params: Iterable[nn.Parameter], **settings: Any) -> None:
        super().__init__(params, **settings)
        if settings.get("fused"):
            # Lightning clips no gradients of what could undo a loss scaling itself, which on a CPU
            # nobody asks for.
            self._step_supports_amp_scaling = False

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over moments in the layout of their parameters; how to step is this one's choice."""
        groups = [{**g, "fused": self.defaults["fused"]} for g in state_dict["param_groups"]]
        super().load_state_dict({**state_dict, "param_groups": groups})
        for parameter, state in self.state.items():
            for name, value in state.items():
                if value.shape == parameter.shape and value.stride() != parameter.stride():
                    state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
