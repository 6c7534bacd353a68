import pytest
import torch
from tests.golden.recipe import fill
from torch.nn.functional import interpolate

from blindsr.errors import ConfigError
from blindsr.networks import CMOS, RRDBSFT, BlindSR


def estimator(num_classes=8, **options):
    torch.manual_seed(0)
    network = CMOS(num_classes, backbone="pyramid_small", window=(6, 8), **options)
    state = network.state_dict()
    network.load_state_dict({k: fill(k, v.shape) for k, v in state.items()})
    return network


def restorer(**options):
    torch.manual_seed(0)
    return RRDBSFT(8, features=8, growth=4, blocks=1, window=(6, 8), **options)


def image(n=2, h=16, w=17):
    return torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(1))


def test_the_estimator_stays_bit_equal_while_the_restorer_learns():
    network = BlindSR(estimator(), restorer()).train()
    frozen = {k: v.clone() for k, v in network.estimator.state_dict().items()}
    lr = image(1, 16, 16)
    hr = interpolate(lr, scale_factor=4, mode="bicubic")
    optimizer = torch.optim.Adam((p for p in network.parameters() if p.requires_grad), 5e-3)
    losses = []
    for step in range(20):
        network.train(step % 10 != 9)  # as a trainer does around its validations
        loss = (network(lr)[0] - hr).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    for name, tensor in network.estimator.state_dict().items():
        assert torch.equal(tensor, frozen[name]), name


def test_frozen_means_evaluation_mode_and_no_gradient():
    network = BlindSR(estimator().train(), restorer())
    for mode in (True, False, True):
        assert network.train(mode) is network
        assert not any(m.training for m in network.estimator.modules())
        assert all(m.training == mode for m in network.restorer.modules())
        assert network.training == mode
    sr, estimate = network(image())
    assert sr.requires_grad
    assert not any(part.requires_grad for part in estimate[:4])
    sr.mean().backward()
    assert all(p.grad is None for p in network.estimator.parameters())
    assert all(p.grad is not None for p in network.restorer.parameters())


@torch.no_grad()
def test_the_restorer_gets_sigma_and_arg_max():
    network = BlindSR(estimator(), restorer()).eval()
    sr, estimate = network(image())
    expected = network.estimator(image())
    for part, alone in zip(estimate[:4], expected[:4], strict=True):
        assert torch.equal(part, alone)
    seg = expected.seg_logits.argmax(1)
    assert torch.equal(sr, network.restorer(image(), expected.blur, seg))


@torch.no_grad()
def test_an_estimator_of_blur_alone():
    network = BlindSR(estimator(tasks="blur"), restorer(use_semantics=False)).eval()
    sr, estimate = network(image())
    assert estimate.seg_logits is None
    assert torch.equal(sr, network.restorer(image(), estimate.blur))


@pytest.mark.parametrize(
    ("estimate", "restore", "word"),
    [
        ({"tasks": "blur"}, {}, "estimator: one that estimates blur alone.*use_semantics=False"),
        ({"tasks": "seg"}, {"use_semantics": False}, "estimates seg alone.*use_blur=False"),
        ({"scale": 2}, {}, "scale: an estimator of x2, expected x4"),
        ({}, {"embed": "onehot", "num_classes": 9}, "num_classes: .* 8 classes, expected 9"),
    ],
)
def test_networks_that_do_not_fit_each_other(estimate, restore, word):
    with pytest.raises(ConfigError, match=word):
        BlindSR(estimator(**estimate), restorer(**restore))


def test_any_estimator_and_restorer_will_do():
    class Plain(torch.nn.Module):
        def forward(self, lr, blur, seg):
            return interpolate(lr, blur.shape[2:])

    sr, _ = BlindSR(estimator(), Plain())(image())
    assert sr.shape == (2, 3, 64, 68)
