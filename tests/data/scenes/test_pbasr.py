import cv2
import numpy as np
import pytest
import torch

from blindsr.data import PBaSRScenes
from blindsr.data.scenes.intended_blur import intended_defocus
from blindsr.data.scenes.render import render_scene
from blindsr.errors import ConfigError
from blindsr.imaging.resize import downsample


def module(**options):
    small = {"train_count": 5, "val_count": 3, "test_count": 2, "size": (64, 80), "crop": 48}
    data = PBaSRScenes(**(small | {"batch_size": 4, "eval_batch_size": 2} | options))
    data.setup()
    return data


@pytest.fixture(scope="module")
def data():
    return module()


def test_batches(data):
    assert (data.scale, data.downsampler, data.phase, data.sigma_max) == (4, "bicubic", 1.5, 5.0)
    batches = list(data.train_dataloader())
    assert len(batches) == 2
    assert all(len(part["name"]) == 4 for batch in batches for part in batch.values())
    general, blur = batches[0]["general"], batches[0]["blur"]
    assert (set(general), set(blur)) == ({"lr", "hr", "name"}, {"lr", "hr", "name", "mask"})
    assert blur["lr"].shape == (4, 3, 12, 12)
    assert blur["mask"].shape == (4, 1, 48, 48)
    assert set(blur["mask"].unique().tolist()) == {0.0, 1.0}


def test_evaluation_groups(data):
    assert data.val_group_names == data.group_names == ("general", "blur")
    batches = list(data.val_dataloader())
    assert [(batch["group"], batch["repeat"].tolist()) for batch in batches] == [
        (["general"] * 2, [False, False]), (["general"] * 2, [False, True]),
        (["blur"] * 2, [False, False]), (["blur"] * 2, [False, True]),
    ]  # fmt: skip
    assert ["mask" in batch for batch in batches] == [False, False, True, True]
    hr = batches[2]["hr"]
    assert hr.shape == (2, 3, 64, 80)
    lr = downsample(hr, 4, "bicubic").clamp(0, 1)
    torch.testing.assert_close(batches[2]["lr"], lr, atol=0.51 / 255, rtol=0)


def test_no_scene_is_seen_twice(data):
    sets = [data.train_set.general, data.train_set.blur, *data.val_sets, *data.test_sets]
    names = [part[item]["name"] for part in sets for item in range(len(part))]
    assert len(names) == len(set(names)) == 20


def detail(image):
    """Squared response of a Laplacian, which blur takes away."""
    return cv2.Laplacian(image.astype(np.float32).mean(axis=2), cv2.CV_32F) ** 2


def test_hr_is_blurred_where_the_mask_says_so():
    blurred, sharp, focused, shares = [], [], [], []
    for number in range(8):
        frame = render_scene(1, number, (96, 128))
        made = intended_defocus(
            frame.rgb, frame.depth, np.random.default_rng(number), sigma_max=5.0, least=0.2
        )
        np.testing.assert_array_equal(made.mask, made.blur < 1)
        assert 2.5 <= made.blur.max() <= 5.0
        before, after = detail(frame.rgb), detail(made.hr)
        for ratios, region in (
            (blurred, made.mask == 0), (sharp, made.mask == 1), (focused, made.blur == 0),
        ):  # fmt: skip
            ratios.append(after[region].mean() / before[region].mean())
        shares.append(1 - made.mask.mean())
    # few depths may allow no better share in one room or another
    assert np.mean([0.2 <= share <= 0.8 for share in shares]) >= 0.75
    assert max(blurred) < 0.25  # fine detail is gone
    assert np.median(blurred) < 0.05
    assert np.median(focused) > 0.8  # and stays in focus; near it, sigma below 1 takes some
    assert all(there > 4 * gone for there, gone in zip(sharp, blurred, strict=True))


def test_intended_blur_depends_on_the_generator_alone():
    frame = render_scene(0, 0, (48, 64))
    first, again, other = (
        intended_defocus(frame.rgb, frame.depth, np.random.default_rng(s), sigma_max=4.0)
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.hr, again.hr)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert not np.array_equal(first.hr, other.hr)
    gathered = intended_defocus(
        frame.rgb, frame.depth, np.random.default_rng(0), sigma_max=4.0, operator="gather"
    )
    np.testing.assert_array_equal(first.blur, gathered.blur)
    assert not np.array_equal(first.hr, gathered.hr)


def test_a_flat_wall_stays_sharp():
    rgb = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    made = intended_defocus(rgb, np.ones((20, 20)), np.random.default_rng(0), sigma_max=4.0)
    np.testing.assert_array_equal(made.hr, rgb)
    assert made.mask.all()


@pytest.mark.parametrize("name", ["bsrgan", "sfold"])
def test_same_scenes_whatever_the_workers(name):
    first = list(module(degradation=name).train_dataloader())
    again = list(module(degradation=name, num_workers=2).train_dataloader())
    for a, b in zip(first, again, strict=True):
        for stream in ("general", "blur"):
            assert torch.equal(a[stream]["lr"], b[stream]["lr"])
            assert a[stream]["name"] == b[stream]["name"]
        assert torch.equal(a["blur"]["mask"], b["blur"]["mask"])
    loader = module(degradation=name).train_dataloader()
    epochs = [next(iter(loader))["general"]["lr"] for _ in range(2)]
    assert not torch.equal(*epochs)
    other = next(iter(module(degradation=name, seed=1).train_dataloader()))
    assert not torch.equal(other["general"]["lr"], first[0]["general"]["lr"])


def test_scenes_are_rendered_once(monkeypatch):
    data = module(degradation="bsrgan")
    first = [data.val_sets[1][item]["lr"] for item in range(3)]
    monkeypatch.setattr("blindsr.data.scenes.pbasr.render_scene", None)
    data.setup("fit")
    for item in range(3):
        assert torch.equal(data.val_sets[1][item]["lr"], first[item])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (50, 80)}, r"size: \(50, 80\), expected two multiples of scale = 4"),
        ({"size": (44, 80)}, r"both 48 or more \(crop\)"),
        ({"crop": 50}, "crop: 50"),
        ({"threshold": 2.5}, "threshold: 2.5, expected below sigma_max / 2"),
        ({"train_count": 0}, "train_count: 0"),
        ({"degradation": "noise"}, "degradation: 'noise'"),
        ({"batch_size": 0}, "batch_size: 0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigError, match=message):
        PBaSRScenes(**({"size": (64, 80), "crop": 48} | options))


def test_bad_intended_blur():
    frame = render_scene(0, 0, (16, 16))
    rng = np.random.default_rng(0)
    for options, message in (
        ({"threshold": 3.0}, "threshold: 3"),
        ({"least": 0.9}, "least, most: 0.9, 0.8"),
        ({"operator": "fast"}, "operator: 'fast'"),
    ):
        with pytest.raises(ConfigError, match=message):
            intended_defocus(frame.rgb, frame.depth, rng, sigma_max=5.0, **options)
