"""Which blur maps a restorer learns with."""

import pytest
import torch

from blindsr.errors import ConfigError
from blindsr.tasks.map_mix import check_shares, mixed_maps


@pytest.fixture
def maps():
    torch.manual_seed(0)
    truth = torch.rand(64, 1, 8, 8) * 6
    return truth, truth + 1, torch.full_like(truth, 0.7)


def test_one_source_alone_is_that_source(maps):
    truth, estimate, scale = maps
    blur, spread = mixed_maps({"truth": 1.0}, *maps)
    assert torch.equal(blur, truth)
    assert not spread.any()
    blur, spread = mixed_maps({"estimated": 1.0}, *maps)
    assert torch.equal(blur, estimate)
    assert torch.equal(spread, scale)


def test_shares_are_kept(maps):
    truth, estimate, _ = maps
    blur, _ = mixed_maps({"truth": 0.5, "estimated": 0.5}, *maps)
    true = sum(torch.equal(one, other) for one, other in zip(blur, truth, strict=True))
    estimated = sum(torch.equal(one, other) for one, other in zip(blur, estimate, strict=True))
    assert true + estimated == 64
    assert 20 < true < 44


def test_a_disturbed_map_is_as_far_off_as_its_uncertainty_says(maps):
    truth = maps[0].expand(64, 1, 8, 8)
    blur, spread = mixed_maps({"disturbed": 1.0}, truth, truth, torch.zeros_like(truth))
    away = (blur - truth).abs()
    assert (blur >= 0).all()
    assert 0.5 < float(away.mean() / spread.mean()) < 2
    unsure = spread.mean(dim=(1, 2, 3)).argsort()
    assert away[unsure[:16]].mean() < 0.5 * away[unsure[-16:]].mean()


@pytest.mark.parametrize(
    ("shares", "named"),
    [
        ({"guessed": 1.0}, "guessed"),
        ({"truth": 0.5}, "0.5"),
        ({"truth": 2.0, "estimated": -1.0}, "2"),
    ],
)
def test_wrong_shares_are_refused(shares, named):
    with pytest.raises(ConfigError, match=named):
        check_shares(shares)
