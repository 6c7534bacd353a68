"""The table of metrics: directions, least sizes, exact matches, modes of checkpoints."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torchmetrics import Metric as TorchMetric

from blindsr.errors import DataError
from blindsr.metrics import (
    METRICS,
    EstimateScores,
    PreservationScores,
    RestorationScores,
    checkpoint_mode,
    gmsd,
)
from blindsr.metrics.consistency import ConsistentScores
from blindsr.metrics.depth import DepthScores
from blindsr.metrics.table import metric_of, show, split_region
from blindsr.types import Estimate

HIGHER = {
    "psnr",
    "ssim",
    "vif",
    "vif_wavelet",
    "vsi",
    "ms_ssim",
    "consistency",
    "blur_psnr",
    "blur_ssim",
} | {
    "blur_rank",
    "miou",
}
LOWER = {"gmsd", "gmsd_full", "lpips", "dists", "niqe", "depth_mae"}
EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
SIZES = (1, 2, 5, 6, 10, 11, 30, 31, 32, 40, 41)
LARGER = (71, 72, 160, 161, 191, 192)  # for the metrics that are asked for apart


class Distance(nn.Module):
    """Stands for LPIPS and DISTS: refuses what AlexNet could not take."""

    def forward(self, first, second, *, normalize=False):
        assert min(first.shape[-2:]) >= 31
        return (first - second).abs().mean((1, 2, 3), keepdim=True)


def pair(size, count=2):
    draw = torch.Generator().manual_seed(size)
    hr = torch.rand(count, 3, size, size + 3, generator=draw)
    return hr + 0.1 * torch.randn(hr.shape, generator=draw), hr


def halves(hr):
    mask = torch.zeros_like(hr[:, :1])
    mask[..., : max(hr.shape[-1] // 2, 1)] = 1
    return mask


def estimate_of(blur, classes=3):
    logits = torch.nn.functional.one_hot(torch.zeros_like(blur[:, 0]).long(), classes)
    fields = {"blur": blur, "seg_logits": logits.permute(0, 3, 1, 2).float()}
    return Estimate(**{**dict.fromkeys(Estimate._fields), **fields})


ALL = {"full": True, "extra": True, "lpips": Distance(), "dists": Distance()}


def collectors():
    return (
        RestorationScores(**ALL),
        PreservationScores(**ALL),
        EstimateScores(3, 5.0),
        ConsistentScores(),
        DepthScores(5.0),
    )


def test_every_metric_class_knows_its_direction():
    found = {}
    for collector in collectors():
        for name, score in collector.scores.items():
            assert isinstance(score, TorchMetric)
            found.setdefault(split_region(name)[1], set()).add(score.higher_is_better)
    expected = {name: {True} for name in HIGHER} | {name: {False} for name in LOWER}
    assert found == {**expected, "texture": {None}, "texture_log2": {None}}
    assert set(found) == set(METRICS)


def test_collectors_can_be_sent_to_another_process():
    sr, hr = pair(48)
    scores = RestorationScores(full=True)
    copy = pickle.loads(pickle.dumps(scores))
    copy.update(sr, hr)
    scores.update(sr, hr)
    assert copy.compute() == scores.compute()
    assert copy.scores["gmsd"].higher_is_better is False


@pytest.mark.parametrize("crop", [0, 4])
def test_images_below_the_least_size_have_no_score_and_raise_nothing(crop):
    for size in SIZES:
        sr, hr = pair(size)
        whole = RestorationScores(crop, **{**ALL, "extra": False})
        regions = PreservationScores(crop, **{**ALL, "extra": False})
        whole.update(sr, hr)
        regions.update(sr, hr, halves(hr))
        found = whole.compute()
        assert set(regions.compute()) >= set(found)
        for name, value in found.items():
            fits = size - 2 * crop >= METRICS[name].least_size
            assert bool(value.isfinite()) == fits, (name, size)


def test_so_have_images_below_the_least_size_of_other_metrics():
    for size in (1, 5, 6, *LARGER):
        sr, hr = pair(size, count=1)
        whole = RestorationScores(full=True, extra=True)
        whole.update(sr, hr)
        for name, value in whole.compute().items():
            assert bool(value.isfinite()) == (size >= METRICS[name].least_size), (name, size)


def test_small_maps_have_no_ssim_and_raise_nothing():
    for size in (1, 10, 11):
        scores = EstimateScores(3, 5.0)
        blur = torch.rand(1, 1, size, size)
        scores.update(estimate_of(blur + 0.1), blur, torch.zeros(1, size, size).long())
        found = scores.compute()
        assert found["blur_psnr"].isfinite()
        assert bool(found["blur_ssim"].isfinite()) == (size >= 11)


def test_small_images_do_not_spoil_the_mean_of_the_others():
    scores, large = RestorationScores(full=True), RestorationScores(full=True)
    scores.update(*pair(4))
    for each in (scores, large):
        each.update(*pair(48))
    assert scores.compute()["gmsd"] == large.compute()["gmsd"]


def test_images_without_a_score_are_counted_where_others_have_one():
    scores = PreservationScores(full=True)
    sr, hr = pair(48)
    scores.update(sr, hr, torch.ones_like(hr[:, :1]))  # no blurred region, which is no fault
    sr[0, 0, 0, 0] = torch.nan
    scores.update(sr, hr)
    scores.update(*pair(24, count=1))
    found = {n: float(v) for n, v in scores.compute().items() if n.endswith("_undefined")}
    assert found["psnr_undefined"] == 1
    assert found["vif_undefined"] == 2
    assert all(not split_region(name)[0] for name in found)
    small = RestorationScores(full=True)
    small.update(*pair(24))
    assert "vif_undefined" not in small.compute()  # its NaN says so


def test_gmsd_refuses_what_no_window_fits():
    with pytest.raises(DataError, match="6 x 6"):
        gmsd(*pair(5))
    assert gmsd(*pair(6)).isfinite().all()


def test_exact_matches_are_counted_in_all_collectors():
    sr, hr = pair(48)
    sr[1] = hr[1]
    whole, regions, maps, *_ = collectors()
    whole.update(sr, hr)
    assert float(whole.compute()["psnr_exact"]) == 1
    regions.update(sr, hr, halves(hr))
    found = regions.compute()
    for name in ("psnr", "blurred_psnr", "sharp_psnr"):
        assert found[name].isfinite()
        assert float(found[f"{name}_exact"]) == 1
    assert "ssim_exact" not in found
    blur = torch.rand(2, 1, 16, 16)
    maps.update(estimate_of(blur), blur, None)
    assert float(maps.compute()["blur_psnr"]) == float("inf")
    assert float(maps.compute()["blur_psnr_exact"]) == 2
    maps.reset()
    assert "blur_psnr_exact" not in maps.compute()


def test_names_split_into_region_and_score():
    assert split_region("blurred_psnr") == ("blurred", "psnr")
    assert split_region("sharp_psnr_exact") == ("sharp", "psnr_exact")
    assert split_region("texture") == ("blurred", "texture")
    assert split_region("sharp_texture_log2") == ("sharp", "texture_log2")
    assert split_region("blur_psnr") == ("", "blur_psnr")
    assert metric_of("test/Group1/bicubic/blurred_gmsd") is METRICS["gmsd"]
    assert metric_of("train/loss") is None


def test_scores_are_shown_with_their_decimals():
    values = {"psnr": 24.456, "gmsd": 0.12345, "texture": float("nan"), "blur_psnr": float("inf")}
    assert [show(*item) for item in values.items()] == ["24.46", "0.1235", "–", "inf"]


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [
        ("val/psnr", "max"),
        ("val/blur/blur branch/blurred_gmsd", "min"),
        ("val/lpips_or_gmsd", "min"),
        ("val/psnr_or_gmsd", None),
        ("val/blur/texture", None),
        ("val/blur/sharp_texture_log2", None),
        ("train/loss", None),
    ],
)
def test_the_mode_of_a_checkpoint_follows_the_metric(monitor, mode):
    assert checkpoint_mode(monitor) == mode


def monitors(node):
    if isinstance(node, dict):
        if "monitor" in node:
            yield node["monitor"], node.get("mode", "min")
        for value in node.values():
            yield from monitors(value)
    elif isinstance(node, list):
        for value in node:
            yield from monitors(value)


def test_experiments_choose_checkpoints_in_the_right_direction():
    seen = 0
    for path in sorted(EXPERIMENTS.rglob("*.yaml")):
        for monitor, mode in monitors(yaml.safe_load(path.read_text(encoding="utf-8"))):
            seen += 1
            assert checkpoint_mode(monitor) == mode, f"{path.name}: {monitor}"
    assert seen > 10
