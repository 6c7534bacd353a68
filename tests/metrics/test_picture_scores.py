"""Scores of every picture: as many as pictures, the same as the means, whole after a file."""

import json
import math

import pytest
import torch
from scipy.stats import spearmanr

from blindsr.metrics import EstimateScores, PreservationScores, RestorationScores, blur_rank
from blindsr.metrics.picture_scores import PictureScores
from blindsr.types import Estimate


def test_rank_correlation_is_that_of_scipy_with_ties_and_knows_its_limits():
    draw = torch.Generator().manual_seed(0)
    truth = torch.randint(4, (2, 1, 9, 11), generator=draw).float()
    estimate = truth + torch.randint(3, truth.shape, generator=draw)
    found = blur_rank(estimate, truth, 5.0)
    for one, two, value in zip(estimate, truth, found, strict=True):
        expected = spearmanr(one.ravel().numpy(), two.ravel().numpy()).statistic
        assert float(value) == pytest.approx(expected, abs=1e-12)
    assert float(blur_rank(2 * truth + 1, truth, 5.0)[0]) == pytest.approx(1)
    assert float(blur_rank(-truth, truth, 5.0)[0]) == pytest.approx(-1)
    assert float(blur_rank(torch.ones_like(truth), truth, 5.0)[0]) == 0
    assert blur_rank(truth, torch.ones_like(truth), 5.0).isnan().all()
    assert blur_rank(truth * torch.nan, truth, 5.0).isnan().all()


def scored(count=3):
    """Collectors that have seen one picture after the other, and their names."""
    draw = torch.Generator().manual_seed(1)
    images, maps = RestorationScores(), EstimateScores(3, 5.0)
    for index in range(count):
        hr = torch.rand(1, 3, 24, 24, generator=draw)
        images.update(hr if index == 1 else hr * 0.9, hr)
        blur, seg = hr[:, :1], (hr[:, 0] * 3).long()
        logits = torch.nn.functional.one_hot((seg + (seg == 1)).clamp(max=2), 3)
        parts = {"blur": blur + 0.1 * index, "seg_logits": logits.permute(0, 3, 1, 2).float()}
        maps.update(Estimate(**parts), blur, seg)
    return images, maps, [f"picture {index}" for index in range(count)]


def test_every_picture_has_its_scores_and_they_survive_a_file():
    images, maps, names = scored()
    kept = PictureScores({"test": names})
    kept.take({"": {"test": [images, maps]}})
    text = json.dumps(kept.plain(), allow_nan=False)
    again = PictureScores.of_plain(json.loads(text))
    assert again == kept
    scores = again.methods[""]["test"]
    assert set(scores) == {"psnr", "ssim", "blur_psnr", "blur_ssim", "blur_rank", "miou"}
    assert scores["psnr"][1] == math.inf
    finite = [value for value in scores["psnr"] if math.isfinite(value)]
    assert sum(finite) / 2 == pytest.approx(float(images.compute()["psnr"]))
    matrix = torch.zeros(9, dtype=torch.int64)
    for counts in scores["miou"]:
        for place, count in counts.items():
            matrix[place] += count
    assert matrix.reshape(3, 3).equal(maps.by_name["miou"].confusion)
    images.reset()
    assert images.by_name["psnr"].each == []


def test_pictures_of_other_processes_are_added_and_scores_of_some_pictures_alone_left_out():
    images, maps, names = scored()
    first, second = PictureScores({"test": names}), PictureScores({"test": ["more"], "far": []})
    first.take({"": {"test": [images, maps]}})
    second.take({"": {"test": [scored(1)[0]]}})
    first.add(second)
    assert first.names == {"test": [*names, "more"], "far": []}
    assert len(first.methods[""]["test"]["psnr"]) == 4
    short = PictureScores({"test": names[:2]})
    short.take({"": {"test": [images]}})
    assert short.methods[""]["test"] == {}


def test_pictures_without_a_region_keep_their_place():
    draw = torch.Generator().manual_seed(2)
    hr = torch.rand(1, 3, 48, 48, generator=draw)
    scores = PreservationScores(full=True)
    half = torch.ones_like(hr[:, :1])
    half[..., :24] = 0
    for mask in (None, torch.ones_like(half), half):
        scores.update(hr * 0.9, hr, mask)
    for name in ("blurred_psnr", "blurred_vif", "texture"):
        each = scores.by_name[name].each
        assert len(each) == 3, name
        assert [math.isnan(value) for value in each] == [True, True, False]
