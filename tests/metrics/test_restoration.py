"""Scores of restored images against independent computations, and LPIPS from a local file."""

import math

import pytest
import torch
from torchvision.models import alexnet

from blindsr.errors import BlindSRError, DataError
from blindsr.imaging.color import rgb_to_y
from blindsr.metrics import RestorationScores, gmsd, load_lpips, psnr_y, vif


def pair(count=2, size=(48, 64), seed=0):
    draw = torch.Generator().manual_seed(seed)
    hr = torch.rand(count, 3, *size, generator=draw)
    return (hr + 0.1 * torch.randn(hr.shape, generator=draw)), hr


def luma(image):
    return rgb_to_y((image.clamp(0, 1) * 255).round())


def test_gmsd_follows_its_definition():
    """Prewitt gradients of the 2x2 mean at half size, c = 170 for a range of 255."""
    sr, hr = pair()
    prewitt = torch.tensor([[1.0, 0, -1]] * 3, dtype=torch.float64) / 3
    kernels = torch.stack([prewitt, prewitt.T])[:, None]

    def gradient(image):
        small = torch.nn.functional.avg_pool2d(luma(image), 2)
        steps = torch.nn.functional.conv2d(small, kernels, padding=1)
        return steps.square().sum(1).sqrt()

    first, second = gradient(sr), gradient(hr)
    similarity = (2 * first * second + 170) / (first**2 + second**2 + 170)
    expected = similarity.flatten(1).std(1, unbiased=False)
    torch.testing.assert_close(gmsd(sr, hr), expected, rtol=2e-3, atol=0)


@pytest.mark.parametrize("score", [gmsd, vif, psnr_y])
def test_the_crop_leaves_out_the_border_and_nothing_else(score):
    if score is not psnr_y:
        pytest.importorskip("piq")
    sr, hr = pair(size=(64, 72))
    inside = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(score(sr, hr, 8), score(sr[inside], hr[inside]))
    spoilt = sr.clone()
    spoilt[..., :8, :] = 0
    torch.testing.assert_close(score(spoilt, hr, 8), score(sr, hr, 8))
    assert not torch.allclose(score(sr, hr), score(sr, hr, 8))


def test_vif_is_one_for_equal_images_and_falls_with_noise():
    _, hr = pair()
    torch.testing.assert_close(vif(hr, hr), torch.ones(2).double(), atol=1e-3, rtol=0)
    scores = [float(vif(hr + s * torch.randn_like(hr), hr).mean()) for s in (0.02, 0.1, 0.3)]
    assert scores == sorted(scores, reverse=True)
    with pytest.raises(DataError, match="41 x 41"):
        vif(hr[..., :40], hr[..., :40])


def test_nan_in_an_image_is_nan_in_its_scores_alone():
    sr, hr = pair()
    whole = {name: function(sr, hr) for name, function in (("gmsd", gmsd), ("psnr", psnr_y))}
    sr[1, 0, 5, 5] = math.nan
    for name, function in (("gmsd", gmsd), ("psnr", psnr_y)):
        found = function(sr, hr)
        assert found[0] == whole[name][0]
        assert found[1].isnan()


def test_a_set_is_scored_image_by_image():
    sr, hr = pair(5)
    scores = RestorationScores(crop=4)
    scores.update(sr[:2], hr[:2])
    scores.update(sr[2:], hr[2:])
    assert float(scores.compute()["psnr"]) == pytest.approx(float(psnr_y(sr, hr, 4).mean()))
    scores.reset()
    assert all(math.isnan(float(value)) for value in scores.compute().values())


def test_full_scores_without_weights_and_small_images():
    sr, hr = pair(size=(24, 24))
    scores = RestorationScores(full=True)
    scores.update(sr, hr)
    found = {name: float(value) for name, value in scores.compute().items()}
    assert set(found) == {"psnr", "ssim", "gmsd", "vif"}
    assert math.isnan(found["vif"])
    assert 0 < found["gmsd"] < 1


@pytest.fixture
def state(monkeypatch):
    """An AlexNet with random weights; those that classify, which no score looks at, are 0."""

    def zeros(layer):
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)

    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", zeros)
    torch.manual_seed(3)
    return alexnet(weights=None).state_dict()


def test_lpips_from_a_file_equals_torchmetrics_with_the_same_backbone(state, tmp_path, monkeypatch):
    from torchmetrics.functional.image.lpips import _LPIPS

    path = tmp_path / "alexnet-owt-7be5be79.pth"  # of what classifies the biases alone
    torch.save({k: v for k, v in state.items() if v.numel() < 1e6}, path)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: state)
    reference = _LPIPS(net="alex").eval()
    sr, hr = pair(size=(64, 64))
    network = load_lpips(path)
    assert torch.equal(
        network(sr.clamp(0, 1), hr, normalize=True), reference(sr.clamp(0, 1), hr, normalize=True)
    )
    scores = RestorationScores(full=True, lpips=network)
    assert not scores.state_dict()  # no copy of AlexNet in checkpoints
    scores.update(sr, hr)
    rounded = [(x.clamp(0, 1) * 255).round() / 255 for x in (sr, hr)]
    expected = float(reference(*rounded, normalize=True).mean())
    assert float(scores.compute()["lpips"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("content", ["missing", "garbage", "foreign"])
def test_an_unusable_lpips_file_is_one_line(tmp_path, content):
    path = tmp_path / "alexnet.pth"
    if content == "garbage":
        path.write_bytes(b"PK\x03\x04 not a zip")
    if content == "foreign":
        torch.save({"features.0.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(BlindSRError) as raised:
        load_lpips(path)
    message = str(raised.value)
    assert "alexnet" in message
    assert "\n" not in message
