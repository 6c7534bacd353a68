"""Files of PBaSR with two branches."""

import copy

import torch
from tests.helpers.anchors import dialects


def moved(network, seed, by=0.05):
    """A copy with other weights."""
    torch.manual_seed(seed)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn_like(parameter) * by)
    return other


def sr(network, size=16):
    with torch.no_grad():
        return network.eval()(torch.linspace(0, 1, 3 * size * size).view(1, 3, size, size))


def mean_network(general, blur):
    """The definition: W_G / 2 + W_B / 2 parameter by parameter."""
    average = copy.deepcopy(general)
    with torch.no_grad():
        for out, g, b in zip(
            average.parameters(), general.parameters(), blur.parameters(), strict=True
        ):
            out.copy_(0.5 * g + 0.5 * b)
    return average


def run(anchor, general, blur=None, **more):
    """What the task stores of a training."""
    state = {f"general.{name}": t for name, t in general.state_dict().items()}
    if blur is not None:
        state |= {f"blur.{name}": t for name, t in blur.state_dict().items()}
    state["discriminator.conv0.weight"] = torch.zeros(2)
    return {"state_dict": state, "epoch": 3, "anchor": anchor.description(), **more}


def released(general, blur, **more):
    """What the authors released: the stored average is of another step."""
    parts = {"general_branch.": general, "defocus_branch.": blur, "combinet.": general}
    state = {
        f"{prefix}{name}": tensor
        for prefix, network in parts.items()
        for name, tensor in dialects(network.state_dict())["BasicSR"][0]["params"].items()
    }
    return {"params": state | more}
