import pytest
import torch
from tests.golden.recipe import fill

from blindsr.errors import ConfigError
from blindsr.networks import CMOS, fold_batchnorm


@torch.no_grad()
@pytest.mark.parametrize("backbone", ["hrnet_w18_small_v2", "pyramid_small"])
def test_folded_network_gives_the_same_maps_without_batch_norm(backbone):
    network = CMOS(3, backbone=backbone)
    state = network.state_dict()
    network.load_state_dict({k: fill("cmos." + k, v.shape) for k, v in state.items()})
    network.double().eval()
    folded = fold_batchnorm(network)
    lr = torch.rand(1, 3, 20, 30, dtype=torch.float64)
    for ours, plain in zip(folded(lr)[:4], network(lr)[:4], strict=True):
        assert (ours - plain).abs().max() < 1e-9 * plain.std()
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


def test_refuses_training_mode():
    with pytest.raises(ConfigError, match="training mode"):
        fold_batchnorm(CMOS(3, backbone="pyramid_small"))
