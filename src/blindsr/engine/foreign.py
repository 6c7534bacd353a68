"""Networks of other projects (ESRGAN, SwinIR, HAT and so on), read through spandrel."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsr.errors import WeightsError
from blindsr.networks.needs import TileNeeds
from blindsr.weights.reading import is_safetensors, read_checkpoint, read_state_dict

from .model import Model, Precision, Upscaler

if TYPE_CHECKING:
    import torch
    from torch import Tensor

OVERLAP = 32


def open_foreign(
    path: Path, device: torch.device, precision: Precision, ours: WeightsError
) -> Model:
    """Read a network of another project.

    Args:
        path: a file of weights; it is read without running code that it may carry.
        device: where to put the network.
        precision: of the computation.
        ours: why it is no file of this package.

    Raises:
        WeightsError: if spandrel is not installed, does not know the network either, or the network
            maps no colour picture to one.
    """
    content = read_state_dict(path)[0] if is_safetensors(path) else read_checkpoint(path)
    try:
        import spandrel
    except ImportError as error:
        raise WeightsError(
            path,
            found=ours.found,
            expected=ours.expected,
            fix="To read ESRGAN, SwinIR, HAT and others: pip install 'blindsr[arches]'.",
        ) from error
    try:
        state = spandrel.canonicalize_state_dict(content)
        network: Any = spandrel.ModelLoader(device="cpu").load_from_state_dict(state)
    except Exception as error:  # it reads settings off the tensors and fails in many ways
        raise WeightsError(
            path,
            found=f"{ours.found}; spandrel says: {type(error).__name__}",
            expected="weights of this package, or of an architecture that spandrel knows",
        ) from error
    channels = (network.input_channels, network.output_channels)
    if not isinstance(network, spandrel.ImageModelDescriptor) or channels != (3, 3):
        raise WeightsError(
            path,
            found=f"a {network.architecture.name} from {channels[0]} to {channels[1]} channels",
            expected="a network from a colour picture to a colour picture",
        )
    network.to(device).eval()
    network.model.requires_grad_(False)

    def run(lr: Tensor, sigma: Tensor | None, classes: Tensor | None) -> Tensor:
        del sigma, classes
        return network(lr)

    return Model(
        network.architecture.name,
        str(path),
        int(network.scale),
        device,
        precision,
        upscaler=Upscaler(run, _needs(network)),
    )


def _needs(network: Any) -> TileNeeds:
    """Tiles on multiples of what the network pads to; its windows have that size."""
    required = network.size_requirements
    multiple = math.lcm(required.multiple_of, 8)
    return TileNeeds((multiple, multiple), OVERLAP, max(1, required.minimum))
