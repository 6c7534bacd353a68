"""A restorer that is told a share of the estimated sigma."""

from __future__ import annotations

import pytest
import torch

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.weights import NetworkFile
from blindsr.weights.pipeline import cautious

SETTINGS = {
    "estimator": {"backbone": "pyramid_small", "tasks": "blur", "gia_parts": "", "scale": 2},
    "restorer": {
        "code_length": 4,
        "scale": 2,
        "use_semantics": False,
        "condition": "lr",
        "features": 8,
        "growth": 4,
        "blocks": 1,
    },
}


def pipeline() -> BlindSR:
    torch.manual_seed(0)
    return BlindSR(CMOS(**SETTINGS["estimator"]), RRDBSFT(**SETTINGS["restorer"])).eval()


def test_the_restorer_sees_a_share_of_sigma() -> None:
    network = pipeline()
    file = NetworkFile("x.ckpt", "blind", SETTINGS, network.state_dict())
    half = pipeline()
    half.load_state_dict(cautious(file, 0.5).state)
    lr, sigma = torch.rand(1, 3, 16, 20), 5 * torch.rand(1, 1, 32, 40)
    with torch.no_grad():
        torch.testing.assert_close(half.restorer(lr, sigma), network.restorer(lr, sigma / 2))
        assert torch.equal(half(lr)[1].blur, network(lr)[1].blur)  # the map stays what it is


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_bad_shares(share: float) -> None:
    file = NetworkFile("x.ckpt", "blind", SETTINGS, pipeline().state_dict())
    with pytest.raises(ConfigError, match="more than 0, at most 1"):
        cautious(file, share)


def test_other_networks() -> None:
    file = NetworkFile("x.ckpt", "cmos", SETTINGS["estimator"], {})
    with pytest.raises(WeightsError, match="a cmos network, expected a blind pipeline"):
        cautious(file, 0.5)
