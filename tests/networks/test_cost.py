"""Parameters and operations of networks with known ones."""

import torch
from torch import nn

from blindsr.networks.cost import cost_of


def test_a_convolution_costs_what_its_sums_do():
    layer = nn.Conv2d(3, 8, 3, padding=1)
    assert cost_of(layer, torch.rand(2, 3, 10, 20)) == (3 * 8 * 9 + 8, 2 * 2 * 3 * 8 * 9 * 200)


def test_shared_and_unused_parameters():
    layer, unused = nn.Linear(4, 4, bias=False), nn.Linear(9, 9)
    network = nn.Sequential(layer, layer)
    network.unused = unused
    found = cost_of(lambda x: network[1](network[0](x)), torch.rand(5, 4))
    assert found == (16, 2 * 2 * 5 * 4 * 4)
