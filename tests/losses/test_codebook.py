"""FeMaSR's loss in codes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from blindsr.errors import ConfigError
from blindsr.losses.codebook import CodebookLoss, codebook_loss, quantiser, watch


class Codes(nn.Module):
    """An autoencoder that rounds its features."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Conv2d(3, 4, 4, stride=4)
        self.quantize_group = nn.ModuleList([Rounded()])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.quantize_group[0](self.encode(image))


class Rounded(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.round()


def test_equals_the_written_out_sum() -> None:
    z, code = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    total = 0.25 * ((z - code) ** 2).mean()
    for n in range(2):
        a, b = (x[n].reshape(3, 20) for x in (z, code))
        total += (((a @ a.T - b @ b.T) / 20) ** 2).mean() / 2
    torch.testing.assert_close(codebook_loss(z, code), total)
    assert codebook_loss(code, code) == 0


def test_gradient_reaches_the_feature_alone() -> None:
    network = Codes()
    loss = CodebookLoss(network)
    z = torch.randn(1, 4, 2, 2, requires_grad=True)
    loss(z, torch.rand(1, 3, 8, 8)).backward()
    assert z.grad is not None
    assert z.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())
    assert not list(loss.parameters())
    assert not loss.state_dict()


def test_watching_ends() -> None:
    network = Codes()
    with watch(quantiser(network)) as into, watch(quantiser(network), output=True) as out:
        network(torch.rand(1, 3, 8, 8))
    network(torch.rand(1, 3, 8, 8))
    assert len(into) == len(out) == 1
    assert torch.equal(into[0].round(), out[0])


def test_refuses_networks_without_codes_and_other_sizes() -> None:
    with pytest.raises(ConfigError, match=r"Identity, which has no codes.*codebook 0"):
        CodebookLoss(nn.Identity())
    with pytest.raises(ConfigError, match="autoencoder the anchor was trained with"):
        CodebookLoss(Codes())(torch.randn(1, 4, 3, 3), torch.rand(1, 3, 8, 8))
