import numpy as np
import pytest

from blindsr.data.augment.blur_draw import BlurDraw, invariant_frames, plan_blur


def test_counts_of_the_paper():
    assert len(invariant_frames(range(1, 796), seed=0, split="train")) == 159
    groups = [invariant_frames(range(1, 655), seed=0, split="test", group=g) for g in range(5)]
    assert [len(group) for group in groups] == [130] * 5
    assert len(frozenset.union(*groups)) == 650  # no frame is invariant in two groups


@pytest.mark.parametrize(("count", "invariant"), [(1, 0), (2, 1), (3, 1), (5, 1), (9, 1), (10, 2)])
def test_small_sets_have_both_kinds(count, invariant):
    frames = range(10, 10 + count)
    assert len(invariant_frames(frames, seed=3, split="train")) == invariant


def test_draw_depends_on_seed_split_group_and_frame_alone():
    options = {"seed": 1, "split": "test", "group": 2, "sigma_max": 5.0}
    plan = plan_blur(range(1, 51), **options)
    assert plan_blur(range(1, 51), **options) == plan
    va = [n for n, draw in plan.items() if draw.kind == "VA"]
    alone = plan_blur(va[:1], **options)
    assert alone[va[0]] == plan[va[0]]
    for other in ({"seed": 2}, {"group": 1}, {"split": "train"}):
        assert plan_blur(va[:1], **(options | other)) != alone


def test_draws_lie_in_range():
    plan = plan_blur(range(1, 501), seed=0, split="train", sigma_max=5.0)
    ranks = [draw.focus_rank for draw in plan.values() if draw.kind == "VA"]
    sigmas = [draw.sigma for draw in plan.values() if draw.kind == "IVA"]
    assert len(sigmas) == 100
    assert 0 <= min(ranks) < max(ranks) <= 1
    assert 0.1 < np.median(ranks) < 0.25
    assert 0 <= min(sigmas) < 1
    assert 4 < max(sigmas) <= 5
    assert plan[1].record()["kind"] == plan[1].kind


def test_sigma_map():
    depth = np.linspace(1, 5, 12, dtype=np.float32).reshape(3, 4)
    uniform = BlurDraw(sigma=2.5).blur_map(depth, sigma_max=5.0)
    assert uniform.dtype == np.float32
    assert (uniform == 2.5).all()
    varying = BlurDraw(focus_rank=0.0).blur_map(depth, sigma_max=5.0)
    assert varying[0, 0] == 0
    assert varying[-1, -1] == 5
