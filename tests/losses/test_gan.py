"""Adversarial losses in closed form, under masks and by their gradients."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from blindsr.errors import ConfigError, DataError
from blindsr.losses import by_region, discriminator_loss, generator_loss

KINDS = ("hinge", "literal", "vanilla")


def row(*values):
    return torch.tensor(values).view(1, 1, 1, -1)


def logits(seed=0, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(2, 1, 4, 5, generator=generator)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # real: 3, 0.5; restored: -2, 0.25
        ("hinge", (0 + 0.5) / 2 + (0 + 1.25) / 2),
        ("literal", (-2 + 0.5) / 2 + (-1 + 1.25) / 2),
        (
            "vanilla",
            (math.log1p(math.exp(-3)) + math.log1p(math.exp(-0.5))) / 2
            + (math.log1p(math.exp(-2)) + math.log1p(math.exp(0.25))) / 2,
        ),
    ],
)
def test_discriminator_in_closed_form(kind, expected):
    loss = discriminator_loss(row(3.0, 0.5), row(-2.0, 0.25), kind)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_generator_in_closed_form():
    fake = row(-2.0, 0.5)
    assert generator_loss(fake, "hinge").item() == generator_loss(fake, "literal").item() == 0.75
    expected = (math.log1p(math.exp(2)) + math.log1p(math.exp(-0.5))) / 2
    assert generator_loss(fake, "vanilla").item() == pytest.approx(expected, rel=1e-6)
    assert torch.equal(generator_loss(fake), generator_loss(fake, "hinge"))


def test_vanilla_is_the_cross_entropy_with_logits():
    real, fake = logits(0, 10), logits(1, 10)
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    expected = bce(real, ones) + bce(fake, zeros)
    torch.testing.assert_close(discriminator_loss(real, fake, "vanilla"), expected)
    torch.testing.assert_close(generator_loss(fake, "vanilla"), bce(fake, ones))


def test_literal_is_hinge_until_the_margin_is_reached():
    inside = [x.clamp(-1, 1) for x in (logits(0), logits(1))]
    torch.testing.assert_close(
        discriminator_loss(*inside, "literal"), discriminator_loss(*inside, "hinge")
    )
    far = (row(100.0), row(-100.0))
    assert discriminator_loss(*far, "hinge").item() == 0
    assert discriminator_loss(*far, "literal").item() == -198


@pytest.mark.parametrize("kind", KINDS)
def test_signs_of_the_gradients(kind):
    """A step downhill raises D(real) and lowers D(restored); the restorer raises the latter."""
    real, fake = (x.clamp(-0.9, 0.9).requires_grad_() for x in (logits(0), logits(1)))
    discriminator_loss(real, fake, kind).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    fake.grad = None
    generator_loss(fake, kind).backward()
    assert (fake.grad < 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_values(kind):
    real, fake = (logits(seed).double().requires_grad_() for seed in (0, 1))
    mask = (logits(2) > 0).double()

    def both(real, fake):  # in float32 inside, hence the wide steps
        return discriminator_loss(real, fake, kind, mask) + generator_loss(fake, kind, mask)

    assert torch.autograd.gradcheck(both, (real, fake), eps=1e-2, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_mask_selects_pixels(kind):
    real, fake = logits(0), logits(1)
    mask = (logits(2) > 0).float()
    kept = mask.bool()
    expected = discriminator_loss(real[kept], fake[kept], kind)
    torch.testing.assert_close(discriminator_loss(real, fake, kind, mask), expected)
    expected = generator_loss(fake[kept], kind)
    torch.testing.assert_close(generator_loss(fake, kind, mask), expected)
    ones = torch.ones_like(mask)
    torch.testing.assert_close(generator_loss(fake, kind, ones), generator_loss(fake, kind))
    torch.testing.assert_close(generator_loss(fake, kind, mask / 4), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_empty_mask_is_zero_and_keeps_its_graph(kind):
    real, fake = logits(0).requires_grad_(), logits(1).requires_grad_()
    empty = torch.zeros_like(real)
    loss = discriminator_loss(real, fake, kind, empty) + generator_loss(fake, kind, empty)
    loss.backward()
    assert loss.item() == 0
    assert real.grad.eq(0).all()
    assert fake.grad.eq(0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_logits_are_averaged_in_float(kind):
    real, fake = torch.full((1, 1, 100, 100), 30.0), torch.full((1, 1, 100, 100), 1.0)
    loss = discriminator_loss(real.half(), fake.half(), kind)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, discriminator_loss(real, fake, kind))


def test_large_logits_stay_finite():
    loss = discriminator_loss(row(-1e4), row(1e4), "vanilla")
    assert loss.item() == 2e4


def test_bad_arguments():
    real = logits()
    for call in (lambda: generator_loss(real, "lsgan"), lambda: discriminator_loss(real, real, "")):
        with pytest.raises(ConfigError, match=r"kind: .* 'hinge' or 'literal' or 'vanilla'"):
            call()
    with pytest.raises(DataError, match=r"mask: shape \(4, 5\), expected \(2, 1, 4, 5\)") as caught:
        generator_loss(real, mask=torch.ones(4, 5))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["hinge", "literal", "vanilla"])
def test_parts_of_blurred_and_sharp_regions_add_up_to_the_whole(kind):
    draw = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(2, 1, 8, 8, generator=draw, dtype=torch.float64) for _ in range(2))
    mask = torch.ones_like(real)
    mask[:, :, :2] = 0
    parts = by_region(real, fake, mask, kind)
    torch.testing.assert_close(sum(parts.values()), discriminator_loss(real, fake, kind))
    torch.testing.assert_close(
        parts["blurred"], discriminator_loss(real[:, :, :2], fake[:, :, :2], kind) / 4
    )
    assert by_region(real, fake, torch.ones_like(mask), kind)["blurred"] == 0
