"""Networks that want multiples of a size take images of any."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from blindsr.networks.blocks.padding import any_size


class Picky(nn.Module):
    """Doubles an image, but only one that fits."""

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        height, width = lr.shape[-2:]
        assert height % 16 == 0
        assert width % 16 == 0
        assert min(height, width) >= 32
        return lr.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 5), (16, 16), (31, 33), (48, 64)])
def test_any_size(size: tuple[int, int]) -> None:
    lr = torch.rand(1, 3, *size)
    sr = any_size(Picky(), lr, scale=2, multiple=16, minimum=20)
    assert torch.equal(sr, lr.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_the_missing_part_is_a_mirror() -> None:
    lr = torch.arange(5.0).view(1, 1, 1, 5)
    seen = any_size(nn.Identity(), lr, scale=1, multiple=4)
    assert torch.equal(seen, lr)
    inside: list[torch.Tensor] = []
    network = nn.Identity()
    network.register_forward_hook(lambda _, given, __: inside.append(given[0]))
    any_size(network, lr, scale=1, multiple=8)
    assert inside[0][0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
