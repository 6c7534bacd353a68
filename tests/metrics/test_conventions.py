"""Metrics under other conventions, against other libraries, definitions and stored values.

``vif_wavelet`` and ``gmsd_full`` gave the values of the authors' MATLAB programs, as pyiqa lists
them for five pairs of pictures, to all four printed digits (docs/guides/metrics.md). The pictures
are not ours to copy, so what is stored here are values of the same code on pictures that
scikit-image brings.
"""

from __future__ import annotations

import importlib
import json
import math

import numpy as np
import pytest
import torch
from tests.conftest import REPOSITORY
from tests.helpers.upscale_command import picture
from torchvision.models.vgg import cfgs, make_layers

from blindsr.cli import app
from blindsr.errors import ConfigError, DataError
from blindsr.imaging.files import write_png
from blindsr.imaging.resize import downsample, upsample
from blindsr.metrics import (
    METRICS,
    PreservationScores,
    RestorationScores,
    gmsd,
    gmsd_full,
    load_dists,
    ms_ssim,
    niqe,
    psnr,
    ssim,
    vif,
    vif_wavelet,
    vsi,
)
from blindsr.metrics.by_pyiqa import add_pyiqa_metric
from blindsr.metrics.full_range import luma_full
from blindsr.metrics.niqe import asymmetric_gaussian
from blindsr.metrics.quality import luma_8bit

data = pytest.importorskip("skimage.data")
piq = pytest.importorskip("piq")
pytest.importorskip("pyrtools")


def photo(name="astronaut", side=256):
    values = torch.from_numpy(getattr(data, name)()[:side, 100 : 100 + side].astype(np.float32))
    return (values / 255).permute(2, 0, 1)[None]


@pytest.fixture(scope="module")
def pair():
    hr = photo()
    small = downsample(hr, 4, "bicubic")
    return upsample(small, 4, phase=1.5, method="bicubic"), hr


STORED = {
    "gmsd": (gmsd, 0.096994),
    "gmsd_full": (gmsd_full, 0.102678),
    "vif": (vif, 0.389371),
    "vif_wavelet": (vif_wavelet, 0.302031),
    "vsi": (vsi, 0.957334),
    "ms_ssim": (ms_ssim, 0.965229),
    "niqe": (niqe, 54.455239),
}


@pytest.mark.parametrize("name", STORED)
def test_values_stay_what_they_were(pair, name):
    score, stored = STORED[name]
    assert float(score(*pair)) == pytest.approx(stored, rel=1e-4)


def test_full_range_luma_is_whole_numbers_from_0_to_255():
    colours = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [2, -1, 0.5]])
    found = luma_full(colours.T[None, :, :, None])[0, 0, :, 0]
    assert found.tolist() == [0, 255, 76, 150, 29, 91]  # 128 for 0.5: round half to even
    assert luma_8bit(colours.T[None, :, :, None])[0, 0, :2, 0].tolist() == pytest.approx([16, 235])


def test_gmsd_of_both_ranges_differ_as_their_contrast_does(pair):
    full, studio = float(gmsd_full(*pair)), float(gmsd(*pair))
    assert full > studio  # steeper gradients over the same constant
    expected = piq.gmsd(luma_full(pair[0]) / 255, luma_full(pair[1]) / 255, reduction="none")
    assert full == pytest.approx(float(expected), abs=1e-12)


def test_ssim_and_psnr_equal_those_of_skimage(pair):
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    first, second = (luma_full(image) for image in pair)
    planes = [image[0, 0].numpy() for image in (second, first)]
    expected = structural_similarity(
        *planes, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert float(ssim(first, second, 255)) == pytest.approx(expected, abs=1e-9)
    decibels = peak_signal_noise_ratio(*planes, data_range=255)
    assert float(psnr(first, second, 255)) == pytest.approx(decibels, abs=1e-9)


def test_vif_of_pixels_equals_that_of_piq(pair):
    first, second = (luma_8bit(image) for image in pair)
    expected = piq.vif_p(first, second, data_range=255.0, reduction="none")
    assert float(vif(*pair)) == pytest.approx(float(expected), abs=2e-4)


def test_vsi_and_ms_ssim_equal_those_of_piq_on_eight_bits(pair):
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    rgb = [(image.clamp(0, 1) * 255).round() / 255 for image in pair]
    assert float(vsi(*pair)) == pytest.approx(float(piq.vsi(*rgb)), abs=1e-6)
    lumas = [luma_full(image) for image in pair]
    other = multiscale_structural_similarity_index_measure(*lumas, data_range=255.0)
    assert float(ms_ssim(*pair)) == pytest.approx(float(other), abs=5e-3)


@pytest.mark.parametrize("score", [gmsd_full, vif_wavelet, vsi, ms_ssim])
def test_equal_images_are_best_and_noise_is_worse(score):
    hr = photo(side=192)
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(hr.shape, generator=draw)
    best = 0 if score is gmsd_full else 1
    found = [abs(best - float(score((hr + s * noise).clamp(0, 1), hr))) for s in (0, 0.05, 0.2)]
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found == sorted(found)


@pytest.mark.parametrize("score", [gmsd_full, vif_wavelet, vsi, ms_ssim, niqe])
def test_each_image_has_its_own_score_crop_and_nan(score):
    side = 208 if score is niqe else 184  # the least, and the frame that is left out
    hr = torch.cat([photo(side=side), photo("coffee", side=side)])
    sr = (hr + 0.1 * torch.randn(hr.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    inside = (..., slice(8, -8), slice(8, -8))
    found = score(sr, hr, 8)
    torch.testing.assert_close(found, score(sr[inside], hr[inside]))
    torch.testing.assert_close(found[1:], score(sr[1:], hr[1:], 8))
    assert not torch.allclose(found, score(sr, hr), rtol=1e-6)
    sr[0, 0, 50, 50] = math.nan
    spoilt = score(sr, hr, 8)
    assert spoilt[0].isnan()
    assert spoilt[1] == found[1]
    with pytest.raises(DataError):
        score(sr[..., :5], hr[..., :5])


def test_opposite_bands_carry_no_information():
    hr = photo(side=128)
    assert float(vif_wavelet(1 - hr, hr)) < 0.01
    assert vif_wavelet(hr, torch.zeros_like(hr)).isnan()  # nothing to keep


def test_niqe_rises_with_blur_and_noise_and_needs_no_true_image():
    from torchvision.transforms.functional import gaussian_blur

    hr = photo(side=288)
    blurred = [hr, *(gaussian_blur(hr, [21, 21], [s, s]) for s in (1.0, 3.0))]
    noise = torch.randn(hr.shape, generator=torch.Generator().manual_seed(0))
    noisy = [hr, *((hr + s * noise).clamp(0, 1) for s in (0.05, 0.2))]
    for row in (blurred, noisy):
        found = [float(niqe(image, torch.zeros_like(hr))) for image in row]
        assert found == sorted(found)
    assert niqe(torch.full_like(hr, 0.5), hr).isnan()


def test_the_shape_of_known_distributions_is_found():
    draw = np.random.default_rng(0)
    shape, left, right = asymmetric_gaussian(draw.normal(size=200_000))
    assert (shape, left, right) == pytest.approx((2, 2**0.5, 2**0.5), rel=0.02)
    assert asymmetric_gaussian(draw.laplace(size=200_000))[0] == pytest.approx(1, rel=0.02)
    both = np.abs(draw.normal(size=100_000)), -3 * np.abs(draw.normal(size=300_000))
    _, left, right = asymmetric_gaussian(np.concatenate(both))
    assert left / right == pytest.approx(3, rel=0.02)
    assert np.isnan(asymmetric_gaussian(np.ones(9))).all()


def test_the_model_of_niqe_is_what_its_program_fits():
    source = REPOSITORY / "benchmarks" / "niqe_model.py"
    spec = importlib.util.spec_from_file_location("niqe_model", source)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    from safetensors.numpy import load_file

    stored = load_file(program.TARGET)
    for name, values in program.model().items():
        np.testing.assert_allclose(stored[name], values, rtol=1e-5, atol=1e-7)


def test_dists_takes_its_backbone_from_a_file_and_downloads_nothing(tmp_path, monkeypatch):
    def download(*_, **__):
        raise AssertionError

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    features = make_layers(cfgs["D"]).state_dict()
    path = tmp_path / "vgg16.pth"
    torch.save({f"features.{name}": tensor for name, tensor in features.items()}, path)
    network = load_dists(path)
    kept = network.stage5.get_submodule("28").weight
    torch.testing.assert_close(kept.data, features["28.weight"])
    assert not any(p.requires_grad for p in network.parameters())
    assert float(network.alpha.sum() + network.beta.sum()) == pytest.approx(1, abs=0.05)
    hr = photo(side=64)
    scores = RestorationScores(full=True, dists=network)
    assert float(scores(hr, hr)["dists"]) == pytest.approx(0, abs=1e-5)
    assert float(scores(hr.flip(3) * 0.5, hr)["dists"]) > 0.01


@pytest.fixture
def fake_pyiqa(tmp_path, monkeypatch):
    """A package of pyiqa's interface: `far` compares, `own` looks at one image alone."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "pyiqa.py").write_text(
        "import torch\n"
        "class Metric(torch.nn.Module):\n"
        "    def __init__(self, name):\n"
        "        super().__init__()\n"
        "        if name not in ('far', 'own'): raise KeyError('no ' + name)\n"
        "        self.metric_mode = 'FR' if name == 'far' else 'NR'\n"
        "        self.lower_better = name == 'far'\n"
        "    def forward(self, x, *more):\n"
        "        assert len(more) == (self.metric_mode == 'FR') and x.max() <= 1\n"
        "        return (x - more[0]).abs().mean() if more else x.mean()\n"
        "def create_metric(name, device=None): return Metric(name)\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr("blindsr.metrics.table.METRICS", METRICS)
    before = dict(METRICS)
    yield
    for name in set(METRICS) - set(before):
        del METRICS[name]


def test_metrics_of_pyiqa_are_added_by_name(fake_pyiqa, tmp_path):
    for name in ("sr", "hr"):
        write_png(tmp_path / f"{name}.png", picture(48, 60, seed=len(name) + ord(name[0])))
    words = [str(tmp_path / "sr.png"), str(tmp_path / "hr.png"), "--pyiqa", "far", "own"]
    assert app.main(["score", *words, "--json", str(tmp_path / "s.json")]) == 0
    content = json.loads((tmp_path / "s.json").read_text())
    assert 0 < content["mean"]["pyiqa_far"] < 1
    assert content["better"]["pyiqa_far"] == "lower"
    assert content["better"]["pyiqa_own"] == "higher"
    key, network = add_pyiqa_metric("own")
    found = set(PreservationScores(full=True, **{key: network}).scores)
    assert key in found
    assert f"blurred_{key}" not in found
    with pytest.raises(ConfigError, match="pyiqa: other: 'no other'"):
        add_pyiqa_metric("other")


def test_without_pyiqa_one_line_says_what_to_install(tmp_path, capsys):
    if importlib.util.find_spec("pyiqa"):
        pytest.skip("pyiqa is installed")
    write_png(tmp_path / "a.png", picture(48, 60))
    path = str(tmp_path / "a.png")
    assert app.main(["score", path, path, "--pyiqa", "ahiq"]) == 2
    error = capsys.readouterr().err
    assert "ahiq wanted, and pyiqa is not installed" in error
    assert error.count("\n") == 1


def test_tests_score_the_usual_metrics_unless_all_are_asked_for():
    usual = set(RestorationScores(full=True).scores)
    every = set(RestorationScores(full=True, extra=True).scores)
    assert usual == {"psnr", "ssim", "gmsd", "vif"}
    assert every - usual == {"gmsd_full", "vif_wavelet", "vsi", "ms_ssim", "niqe"}
    regional = set(PreservationScores(full=True, extra=True).scores)
    assert {"blurred_vsi", "sharp_vif_wavelet", "niqe"} <= regional
    assert "blurred_niqe" not in regional


@pytest.mark.parametrize(("shape", "data_range"), [((2, 3, 40, 31), 1.0), ((1, 1, 11, 64), 255.0)])
def test_ssim_of_every_pixel_is_that_of_torchmetrics(shape, data_range):
    from torchmetrics.functional.image import structural_similarity_index_measure

    from blindsr.metrics.quality import ssim_map

    draw = torch.Generator().manual_seed(0)
    first = torch.rand(shape, generator=draw, dtype=torch.float64) * data_range
    noise = torch.randn(shape, generator=draw, dtype=torch.float64)
    plain = torch.full_like(first, 0.3 * data_range)
    for one, other in ((first, first + 0.1 * data_range * noise), (plain, plain + 0.1)):
        options = {"data_range": data_range, "reduction": "none", "return_full_image": True}
        _, theirs = structural_similarity_index_measure(one, other, sigma=1.5, **options)
        torch.testing.assert_close(ssim_map(one, other, data_range), theirs, atol=1e-11, rtol=0)
