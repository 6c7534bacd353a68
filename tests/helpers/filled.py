"""Networks with weights that show every path."""

from tests.golden.recipe import fill


def filled(network):
    """Every gate open, running statistics of no special value."""
    state = network.state_dict()
    network.load_state_dict({k: fill(k, v.shape) for k, v in state.items()})
    return network.eval()
