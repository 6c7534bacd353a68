"""The discriminators against one built from torch's own spectral norm, and their start."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate, leaky_relu

from blindsr.errors import ConfigError, DataError, WeightsError
from blindsr.networks import ConditionalDiscriminator, UNetDiscriminator
from blindsr.networks.blocks.spectral import SpectralConv2d

SMALL = 8


class Reference(nn.Module):
    """The same network from torch's older spectral norm, which published files were made with."""

    def __init__(self, channels=3, c=SMALL):
        super().__init__()

        def normed(*sizes):
            return torch.nn.utils.spectral_norm(nn.Conv2d(*sizes, bias=False))

        self.conv0 = nn.Conv2d(channels, c, 3, 1, 1)
        self.conv1 = normed(c, 2 * c, 4, 2, 1)
        self.conv2 = normed(2 * c, 4 * c, 4, 2, 1)
        self.conv3 = normed(4 * c, 8 * c, 4, 2, 1)
        self.conv4 = normed(8 * c, 4 * c, 3, 1, 1)
        self.conv5 = normed(4 * c, 2 * c, 3, 1, 1)
        self.conv6 = normed(2 * c, c, 3, 1, 1)
        self.conv7 = normed(c, c, 3, 1, 1)
        self.conv8 = normed(c, c, 3, 1, 1)
        self.conv9 = nn.Conv2d(c, 1, 3, 1, 1)

    def forward(self, image):
        skips = [leaky_relu(self.conv0(image), 0.2)]
        for conv in (self.conv1, self.conv2, self.conv3):
            skips.append(leaky_relu(conv(skips[-1]), 0.2))
        x = skips.pop()
        for conv in (self.conv4, self.conv5, self.conv6):
            x = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = leaky_relu(conv(x), 0.2) + skips.pop()
        for conv in (self.conv7, self.conv8):
            x = leaky_relu(conv(x), 0.2)
        return self.conv9(x)


def images(n=2, h=16, w=24, seed=1):
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.rand(n, 1, h, w, generator=generator) > 0.5).float()
    return torch.rand(n, 3, h, w, generator=generator), mask


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def published(steps=3):
    """A trained discriminator's tensors, as a published file has them."""
    reference = Reference().train()
    optimizer = torch.optim.Adam(reference.parameters(), 1e-2)
    for step in range(steps):
        optimizer.zero_grad()
        (reference(images(seed=step)[0]) - 1).square().mean().backward()
        optimizer.step()
    return reference


def test_parameter_counts():
    assert count(UNetDiscriminator()) == 4_376_897
    assert count(UNetDiscriminator(4)) == 4_377_473
    assert count(ConditionalDiscriminator("concat")) == 4_377_473
    assert count(ConditionalDiscriminator("identity")) == 4_383_425


def test_tensors_are_named_and_shaped_as_published_ones():
    own, old = UNetDiscriminator(features=SMALL).state_dict(), Reference().state_dict()
    assert {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in old.items()}
    assert len(own) == 28


def test_published_file_goes_in_and_out(tmp_path):
    reference = published()
    torch.save(reference.state_dict(), tmp_path / "d.pth")
    network = UNetDiscriminator(features=SMALL)
    network.load_state_dict(torch.load(tmp_path / "d.pth", weights_only=True))
    image = images()[0]
    assert torch.equal(network.eval()(image), reference.eval()(image))
    again = Reference()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(image), reference(image))


def test_training_goes_on_as_with_torch():
    reference = published().train()
    network = UNetDiscriminator(features=SMALL).train()
    network.load_state_dict(reference.state_dict())
    for seed in range(3):
        image = images(seed=seed)[0]
        for each in (network, reference):
            each.zero_grad()
            # twice before the backward pass, as a GAN does
            (each(image).mean() - each(image.flip(3)).square().mean()).backward()
            with torch.no_grad():
                for parameter in each.parameters():
                    parameter -= 0.1 * parameter.grad
    for name, tensor in reference.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], tensor, msg=name)


def test_spectral_norm_is_one_from_the_start_and_evaluation_changes_nothing():
    conv = SpectralConv2d(6, 10, 3, 1, 1).eval()
    before = copy.deepcopy(conv.state_dict())
    norm = torch.linalg.matrix_norm(conv.normalised().detach().flatten(1), 2)
    assert norm.item() == pytest.approx(1, abs=0.05)
    assert all(torch.equal(conv.state_dict()[name], before[name]) for name in before)
    for _ in range(200):
        conv.train()(torch.zeros(1, 6, 4, 4))
    norm = torch.linalg.matrix_norm(conv.eval().normalised().detach().flatten(1), 2)
    assert norm.item() == pytest.approx(1, abs=1e-4)


def test_gradient_of_a_normalised_weight():
    conv = SpectralConv2d(2, 3, 3, 1, 1).double().eval()
    feature = torch.rand(1, 2, 4, 4, dtype=torch.double)

    def output(values):
        return torch.func.functional_call(conv, {"weight_orig": values}, (feature,))

    assert torch.autograd.gradcheck(output, (conv.weight_orig.detach().requires_grad_(),))


def test_trained_network_can_be_copied():
    network = UNetDiscriminator(features=SMALL).train()
    image = images()[0]
    network(image).mean().backward()
    twin = copy.deepcopy(network)
    assert torch.equal(twin.eval()(image), network.eval()(image))


def test_half_precision_keeps_the_norm_in_float():
    network = UNetDiscriminator(features=SMALL).train()
    twin = copy.deepcopy(network)
    image = images()[0]
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(image)
    expected = twin(image)
    assert torch.equal(network.conv1.weight_u, twin.conv1.weight_u)
    assert network.conv1.weight_u.dtype == torch.float32
    torch.testing.assert_close(logits.float(), expected, atol=0.02, rtol=0)


@pytest.mark.parametrize(("h", "w"), [(8, 8), (16, 24), (64, 40)])
def test_a_logit_for_every_pixel(h, w):
    image, mask = images(1, h, w)
    assert UNetDiscriminator(features=SMALL)(image).shape == (1, 1, h, w)
    for mode in ("concat", "identity"):
        assert ConditionalDiscriminator(mode, SMALL)(image, mask).shape == (1, 1, h, w)


@pytest.mark.parametrize("train", [False, True])
def test_identity_starts_as_the_unconditional_discriminator(train):
    plain = UNetDiscriminator(features=64)
    network = ConditionalDiscriminator("identity")
    network.load_unconditional(plain.state_dict())
    plain.train(train), network.train(train)
    image, mask = images(1)
    for values in (mask, 1 - mask, torch.zeros_like(mask)):
        assert (network(image, values) - plain(image)).abs().max().item() == 0.0


def test_every_unconditional_tensor_is_taken_over_and_the_mask_part_stays():
    network = ConditionalDiscriminator("identity", SMALL)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    state = published().state_dict()
    network.load_unconditional(state)
    after = network.state_dict()
    assert len(state) == 28
    assert all(torch.equal(after[name], state[name]) for name in state)
    own = set(after) - set(state)
    assert {name.partition(".")[0] for name in own} == {"mask_conv", "fuse"}
    assert all(torch.equal(after[name], before[name]) for name in own)


def test_identity_learns_to_look_at_the_mask():
    network = ConditionalDiscriminator("identity", SMALL)
    image, mask = images()
    optimizer = torch.optim.SGD(network.parameters(), 0.5)
    grads = []
    for _ in range(2):
        optimizer.zero_grad()
        (network(image, mask) * (2 * mask - 1)).mean().neg().backward()
        grads.append(network.mask_conv.weight.grad.abs().max().item())
        assert network.fuse.weight.grad[:, SMALL:].any()
        optimizer.step()
    assert grads[0] == 0  # the 1x1 convolution begins at zero for the mask
    assert grads[1] > 0
    network.eval()
    assert not torch.equal(network(image, mask), network(image, 1 - mask))


def test_concat_is_an_unconditional_one_of_four_channels():
    network = ConditionalDiscriminator("concat", SMALL).eval()
    plain = UNetDiscriminator(4, SMALL).eval()
    plain.load_state_dict(network.state_dict())
    image, mask = images()
    assert torch.equal(network(image, mask), plain(torch.cat([image, mask], 1)))
    assert not torch.equal(network(image, mask), network(image, 1 - mask))


@pytest.mark.parametrize("mode", ["concat", "identity"])
def test_every_parameter_learns_and_gradients_reach_the_image(mode):
    network = ConditionalDiscriminator(mode, SMALL).train()
    if mode == "identity":
        nn.init.normal_(network.fuse.weight)
    image, mask = images()
    network(image.requires_grad_(), mask).square().mean().backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []
    assert image.grad.any()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"image": torch.rand(1, 3, 16, 20)}, "image: 16 x 20 pixels, expected multiples of 8"),
        ({"image": torch.rand(1, 3, 0, 8)}, "image: 0 x 8 pixels"),
        ({"image": torch.rand(3, 16, 24)}, r"image: shape \(3, 16, 24\), expected \(N, 3, H, W\)"),
        ({"image": torch.rand(2, 4, 16, 24)}, "image: shape"),
        ({"mask": torch.rand(2, 3, 16, 24)}, r"mask: shape .* expected \(2, 1, 16, 24\)"),
        ({"mask": torch.rand(1, 1, 16, 24)}, "mask: shape"),
    ],
)
@pytest.mark.parametrize("mode", ["concat", "identity"])
def test_bad_input(mode, change, word):
    inputs = {**dict(zip(("image", "mask"), images(), strict=True)), **change}
    with pytest.raises(DataError, match=word) as caught:
        ConditionalDiscriminator(mode, SMALL)(**inputs)
    assert "\n" not in str(caught.value)


def test_bad_size_without_mask():
    with pytest.raises(DataError, match="image: 12 x 16 pixels, expected multiples of 8"):
        UNetDiscriminator(features=SMALL)(torch.rand(1, 3, 12, 16))


def test_bad_mode():
    with pytest.raises(ConfigError, match="mode: 'add', expected 'concat' or 'identity'"):
        ConditionalDiscriminator("add")


def test_weights_that_do_not_fit():
    state = UNetDiscriminator(features=SMALL).state_dict()
    concat = ConditionalDiscriminator("concat", SMALL)
    before = concat.conv9.weight.clone()
    with pytest.raises(WeightsError, match=r"conv0.weight of shape .*'identity'") as caught:
        concat.load_unconditional(state)
    assert "\n" not in str(caught.value)
    assert torch.equal(concat.conv9.weight, before)
    identity = ConditionalDiscriminator("identity", SMALL)
    with pytest.raises(WeightsError, match=r"no conv3.weight_v, unknown extra"):
        identity.load_unconditional(
            {**{k: v for k, v in state.items() if k != "conv3.weight_v"}, "extra": torch.ones(1)}
        )
    with pytest.raises(WeightsError, match=r"unknown mask_conv.weight"):
        identity.load_unconditional(identity.state_dict())
