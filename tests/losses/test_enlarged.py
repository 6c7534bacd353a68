import pytest
import torch
from torch.nn.functional import cross_entropy, interpolate

from blindsr.losses import enlarged, enlarged_cross_entropy


def drawn(size=(5, 6), hr=(20, 18), classes=7, dtype=torch.float64):
    draw = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, classes, *size, generator=draw, dtype=torch.float64)
    seg = torch.randint(0, classes, (2, *hr), generator=draw)
    seg[0, : hr[0] // 3] = 255
    return logits.to(dtype).requires_grad_(), seg


def plain(logits, seg):
    large = interpolate(logits, seg.shape[1:], mode="bilinear")
    return cross_entropy(large, seg, ignore_index=255, reduction="sum")


@pytest.mark.parametrize("band", [1, 900, 10**9])  # a row, two rows, a picture at a time
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("hr", [(20, 18), (5, 6), (13, 17), (5, 18)])
def test_value_and_gradient_are_those_of_enlarging_first(monkeypatch, band, layout, hr):
    monkeypatch.setattr(enlarged, "BAND", band)
    logits, seg = drawn(hr=hr)
    given = logits.contiguous(memory_format=layout)
    for factor in (1.0, 0.5):
        found, expected = factor * enlarged_cross_entropy(given, seg), factor * plain(logits, seg)
        torch.testing.assert_close(found, expected)
        pair = [torch.autograd.grad(one, logits, retain_graph=True)[0] for one in (found, expected)]
        torch.testing.assert_close(*pair)


def test_half_precision_is_summed_in_float32():
    logits, seg = drawn(size=(40, 40), hr=(160, 160), dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        found = enlarged_cross_entropy(logits, seg)
    assert found.dtype == torch.float32
    exact = plain(logits.double(), seg)
    assert abs(found.item() / exact.item() - 1) < 1e-6
    found.backward()
    assert logits.grad.dtype == torch.bfloat16
    expected = torch.autograd.grad(exact, logits)[0]
    assert (logits.grad - expected).norm() / expected.norm() < 5e-3


def test_without_gradient_the_value_alone_is_found():
    logits, seg = drawn()
    with torch.no_grad():
        found = enlarged_cross_entropy(logits, seg)
    assert not found.requires_grad
    torch.testing.assert_close(found, plain(logits, seg).detach())


def test_nothing_labelled_gives_zero_and_no_slope():
    logits, seg = drawn()
    loss = enlarged_cross_entropy(logits, torch.full_like(seg, 255))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_logits_that_overflow_are_seen():
    logits, seg = drawn()
    broken = logits.detach().clone()
    broken[0, 0, 4, 0] = float("nan")
    assert enlarged_cross_entropy(broken, seg).isnan()
