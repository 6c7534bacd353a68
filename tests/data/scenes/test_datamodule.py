import numpy as np
import pytest
import torch

from blindsr.data import Scenes
from blindsr.data.augment.blur_draw import BlurDraw
from blindsr.data.loading.samplers import Draw
from blindsr.data.scenes.datamodule import SceneDataset
from blindsr.degradation.paired import degrade
from blindsr.errors import ConfigError


def module(**options):
    small = {"train_count": 4, "val_count": 2, "test_count": 2, "size": (48, 64), "batch_size": 2}
    data = Scenes(**(small | options))
    data.setup()
    return data


def test_attributes_before_setup():
    data = Scenes(downsampler="bicubic", sigma_max=3.0)
    assert (data.scale, data.num_classes, data.sigma_max) == (4, 8, 3.0)
    assert data.class_names[0] == "wall"
    assert len(data.class_names) == 8
    assert (data.downsampler, data.phase) == ("bicubic", 1.5)


def test_batch():
    batch = next(iter(module().train_dataloader()))
    assert {k: (tuple(v.shape), v.dtype) for k, v in batch.items() if torch.is_tensor(v)} == {
        "lr": ((2, 3, 12, 16), torch.float32),
        "hr": ((2, 3, 48, 64), torch.float32),
        "blur": ((2, 1, 48, 64), torch.float32),
        "seg": ((2, 48, 64), torch.int64),
    }
    assert 0 <= batch["lr"].min() < batch["lr"].max() <= 1
    assert 0 <= batch["blur"].min() < batch["blur"].max() <= 5
    assert batch["seg"].unique().max() in (*range(8), 255)
    assert isinstance(batch["name"], list)


@pytest.mark.parametrize("downsampler", ["sfold", "bicubic", "area"])
def test_lr_is_the_degraded_hr(downsampler):
    sample = module(downsampler=downsampler, operator="layered").val_set[0]
    dataset = module(downsampler=downsampler).val_set
    frame = dataset._frame(dataset.first)
    sigma = dataset.draw(dataset.first).blur_map(frame.depth, sigma_max=5.0)
    lr = degrade(
        sample["hr"].permute(1, 2, 0).numpy(), sigma, scale=4, sigma_max=5.0,
        downsampler=downsampler, operator="layered", depth=frame.depth,
    )  # fmt: skip
    np.testing.assert_allclose(sample["lr"].permute(1, 2, 0), lr, atol=0.51 / 255)
    np.testing.assert_allclose(sample["blur"][0], sigma, atol=0.002)


def test_second_epoch_comes_from_memory(monkeypatch):
    data = module()
    first = [data.val_set[item] for item in range(2)]
    monkeypatch.setattr("blindsr.data.scenes.datamodule.render_scene", None)
    again = [data.val_set[item] for item in range(2)]
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a["lr"], b["lr"])
        assert torch.equal(a["seg"], b["seg"])
    data.setup("fit")  # called again by every trainer entry point: nothing is lost
    assert torch.equal(data.val_set[0]["hr"], first[0]["hr"])


def test_splits_share_no_scene_and_seeds_differ():
    data = module()
    names = [
        {part[item]["name"] for item in range(len(part))}
        for part in (data.train_set, data.val_set, data.test_sets[0])
    ]
    assert sum(map(len, names)) == len(set.union(*names)) == 8
    assert torch.equal(data.val_set[0]["lr"], module().val_set[0]["lr"])
    assert not torch.equal(data.val_set[0]["lr"], module(seed=1).val_set[0]["lr"])


def test_groups_differ_in_blur_alone():
    data = module(test_groups=2, eval_batch_size=2)
    batches = list(data.test_dataloader())
    assert [batch["group"] for batch in batches] == [["Group1"] * 2, ["Group2"] * 2]
    assert torch.equal(batches[0]["hr"], batches[1]["hr"])
    assert batches[0]["name"] == batches[1]["name"]
    assert not torch.equal(batches[0]["blur"], batches[1]["blur"])
    assert not torch.equal(batches[0]["lr"], batches[1]["lr"])


@pytest.mark.parametrize(("iva", "kinds"), [(0.0, {"VA"}), (1.0, {"IVA"})])
def test_share_of_invariant_blur(iva, kinds):
    data = module(iva=iva, train_count=20)
    assert {data.train_set.draw(number).kind for number in range(20)} == kinds
    flat = [data.train_set[item]["blur"].std() == 0 for item in range(4)]
    assert all(flat) == (kinds == {"IVA"})


def test_default_share_is_a_fifth():
    draw = module(train_count=500).train_set.draw
    share = np.mean([draw(number).kind == "IVA" for number in range(500)])
    assert 0.15 < share < 0.25


def test_flips_keep_sfold_alignment(monkeypatch):
    """A scene without blur: LR is every fourth pixel of HR, flipped or not."""
    monkeypatch.setattr(SceneDataset, "draw", lambda *_: BlurDraw(sigma=0.0))
    data = module(crop=[8, 10], vertical_flip=True, batch_size=4)
    for _ in range(3):
        batch = next(iter(data.train_dataloader()))
        assert batch["lr"].shape == (4, 3, 8, 10)
        torch.testing.assert_close(batch["lr"], batch["hr"][..., ::4, ::4])


def test_blur_on_the_fly(monkeypatch):
    data = module(on_the_fly=True, zoom="physical", photometric=0.3)
    loader = data.train_dataloader()
    first = [batch["lr"] for batch in loader]
    monkeypatch.setattr("blindsr.data.scenes.datamodule.render_scene", None)  # scenes are kept
    second = [batch["lr"] for batch in loader]
    assert not any(torch.equal(a, b) for a in first for b in second)
    assert torch.equal(next(iter(data.train_dataloader()))["lr"], first[0])
    assert data.val_set.transform is None


def test_invariant_blur_alone():
    for options in ({}, {"on_the_fly": True}):
        data = module(iva_only=True, train_count=6, val_count=6, iva=0.0, **options)
        assert all(len(data.train_set[item]["blur"].unique()) == 1 for item in range(6))
        assert all(data.val_set[item]["blur"].std() > 0 for item in range(6))


def test_physical_zoom_stays_within_the_range():
    data = module(iva=1.0, train_count=12, zoom="physical")
    plain = module(iva=1.0, train_count=12)
    ratios = set()
    for item in range(12):
        zoomed = data.train_set[Draw(item, item)]["blur"].max()
        top = plain.train_set[Draw(item, item)]["blur"].max()
        assert zoomed <= 5.001
        ratios.add(round(float(zoomed / top), 2) if top else 1.0)
    assert ratios <= {1.0, 1.2, 1.5}
    assert len(ratios) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (50, 64)}, r"size: \(50, 64\), expected two multiples of scale = 4"),
        ({"crop": [13, 8]}, r"crop: \[13, 8\], expected at most the LR size \(12, 16\)"),
        ({"iva": 1.5}, "iva: 1.5"),
        ({"test_groups": 0}, "test_groups: 0"),
        ({"train_count": 0}, "train_count: 0"),
        ({"transpose": True}, "transpose"),
        ({"downsampler": "lanczos"}, "lanczos"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        Scenes(**({"size": (48, 64)} | options))


@pytest.mark.parametrize("on_the_fly", [False, True])
def test_depth_is_delivered_where_asked_for(on_the_fly):
    data = module(deliver=["depth"], on_the_fly=on_the_fly, iva=0.0, crop=[8, 8], flip=False)
    loaders = [data.train_dataloader(), data.val_dataloader(), data.test_dataloader()]
    for loader in loaders:
        batch = next(iter(loader))
        assert batch["depth"].shape == batch["blur"].shape
        assert batch["depth"].dtype == torch.float32
        assert (batch["depth"] > 0).all()
        for depth, blur in zip(batch["depth"], batch["blur"], strict=True):
            # defocus is a function of depth: equal depths have equal sigma
            order = depth.flatten().argsort()
            same = depth.flatten()[order].diff() == 0
            assert (blur.flatten()[order].diff()[same] == 0).all()
    assert "depth" not in next(iter(module().train_dataloader()))


def test_other_things_are_not_delivered():
    for wrong in (["normals"], "depth"):
        with pytest.raises(ConfigError, match="deliver"):
            module(deliver=wrong)
