"""The papers' numbers: every value of golden/metrics.json within 1e-6."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.golden.recipe import image

from blindsr.metrics import PSNRY, SSIMY, BlurPSNR, BlurSSIM, MeanIoU
from blindsr.metrics.modules import mean_iou

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "metrics.json").read_text())


def noise(seed, shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("index", [0, 1, pytest.param(2, marks=pytest.mark.slow)])  # 2: 480x640
def test_image_scores_equal_the_papers_code(index):
    golden = GOLDEN["images"][index]
    height, width = golden["shape"]
    hr = image(f"metric{index}:gt", (1, 3, height, width), 5)
    sr = hr + 0.05 * noise(100 + index, tuple(hr.shape))
    blur = 5 * image(f"metric{index}:blur", (1, 1, height, width), 5)
    estimate = blur + 0.3 * noise(200 + index, tuple(blur.shape))
    scores = {
        "psnr_y": (PSNRY(), sr, hr),
        "ssim_y": (SSIMY(), sr, hr),
        "psnr_y_crop4": (PSNRY(crop=4), sr, hr),
        "ssim_y_crop4": (SSIMY(crop=4), sr, hr),
        "blur_psnr": (BlurPSNR(sigma_max=5.0), estimate, blur),
        "blur_ssim": (BlurSSIM(sigma_max=5.0), estimate, blur),
    }
    for name, (score, first, second) in scores.items():
        assert float(score(first, second)) == pytest.approx(golden[name], rel=0, abs=1e-6), name


def segmentation(index):
    random = np.random.RandomState(300 + index)
    target = random.randint(0, 12, (60, 80))
    target = target.repeat(4, 0).repeat(4, 1)
    wrong = random.rand(*target.shape) < 0.6
    prediction = np.where(wrong, target, random.randint(0, 14, target.shape))
    target[:20] = 255
    return torch.from_numpy(prediction)[None], torch.from_numpy(target)[None]


@pytest.mark.parametrize(
    ("absent", "key"), [("zero", "miou_all_classes"), ("skip", "miou_present_classes")]
)
def test_miou_equals_the_papers_code(absent, key):
    score = MeanIoU(40, absent=absent)
    for index in range(3):
        score.update(*segmentation(index))
    assert float(score.compute()) == pytest.approx(GOLDEN[key], rel=0, abs=1e-6)


def test_miou_counts_absent_classes_as_zero_unless_asked():
    """The paper's script does; a classifier that is right everywhere has 2 / 4 here."""
    confusion = torch.diag(torch.tensor([5, 7, 0, 0]))
    assert float(mean_iou(confusion)) == 0.5
    assert float(mean_iou(confusion, "skip")) == 1
    score = MeanIoU(4)
    score.update(torch.tensor([[0, 1]]), torch.tensor([[0, 1]]))
    assert float(score.compute()) == 0.5
