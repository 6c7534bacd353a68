"""NYUv2BSR: what reaches the network, and what a user is told when it cannot."""

import json
import shutil

import numpy as np
import pytest
import torch

from blindsr.data import NYUv2BSR
from blindsr.data.loading.evaluation import split_holdout
from blindsr.data.loading.samplers import Draw
from blindsr.errors import ConfigError, DataError, FileError
from blindsr.imaging.files import read_array, write_png


def module(root, **options):
    data = NYUv2BSR(root=str(root), num_workers=0, **{"batch_size": 2, **options})
    data.setup()
    return data


def test_attributes_before_setup(prepared, tmp_path):
    for root in (prepared, tmp_path / "none"):
        data = NYUv2BSR(root=str(root))
        assert (data.scale, data.num_classes, data.sigma_max) == (4, 40, 5.0)
        assert (data.downsampler, data.phase) == ("sfold", 0.0)
        assert data.class_names[20] == "clothes"
    assert NYUv2BSR(root=str(tmp_path), downsampler="area").phase == 1.5


def test_downsampler_comes_from_the_manifest(bsr):
    path = bsr / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["settings"] |= {"downsampler": "bicubic", "phase": 1.5}
    path.write_text(json.dumps(manifest))
    data = NYUv2BSR(root=str(bsr))
    assert (data.downsampler, data.phase) == ("bicubic", 1.5)
    assert data.transform.margin == 0


def test_batch(prepared):
    data = module(prepared, flip=False)
    batch = next(iter(data.train_dataloader()))
    assert batch["lr"].shape == (2, 3, 12, 16)
    assert batch["hr"].shape == (2, 3, 48, 64)
    assert batch["blur"].shape == (2, 1, 48, 64)
    assert batch["seg"].shape == (2, 48, 64)
    assert batch["seg"].dtype == torch.int64
    assert isinstance(batch["name"], list)
    assert "group" not in batch
    for value, name in zip(batch["seg"], batch["name"], strict=True):
        stored = read_array(prepared / f"train/semseg/{name}.png").astype(int)
        np.testing.assert_array_equal(value, np.where(stored == 0, 255, stored - 1))
    for value, name in zip(batch["blur"], batch["name"], strict=True):
        np.testing.assert_array_equal(value[0], np.load(prepared / f"train/blur16/{name}.npy"))


def test_blur_png_is_read_where_there_is_no_sidecar(bsr):
    for path in (bsr / "train/blur16").iterdir():
        path.unlink()
    (bsr / "train/blur16").rmdir()
    sample = module(bsr).val_set[0]
    stored = read_array(bsr / f"train/blur/{sample['name']}.png")
    np.testing.assert_allclose(sample["blur"][0], stored[..., 1] / 10, rtol=1e-6)


def test_holdout_is_seeded_disjoint_and_complete(prepared):
    parts = []
    for seed in (0, 0, 1, 2, 3):
        data = module(prepared, seed=seed)
        kept = {file.name for file in data.train_set.files}
        held = {file.name for file in data.val_set.files}
        assert len(held) == 1
        assert not kept & held
        assert len(kept | held) == 5
        parts.append(held)
    assert parts[0] == parts[1]
    assert len({frozenset(part) for part in parts}) > 1


def test_holdout_of_the_official_size():
    kept, held = split_holdout([str(n) for n in range(795)], 0.1, 0, "training")
    assert (len(kept), len(held)) == (715, 80)
    assert kept == sorted(kept, key=int)
    with pytest.raises(DataError, match="1 training picture"):
        split_holdout(["a"], 0.1, 0, "training")


def test_group1_validation_trains_on_everything(prepared):
    data = module(prepared, validation="group1")
    assert len(data.train_set) == 5
    assert [batch["group"] for batch in data.val_dataloader()] == [["Group1"]] * 2


def test_the_first_pictures_of_each_group_alone(prepared):
    whole, part = (module(prepared, test_pictures=most) for most in (None, 1))
    for data in (whole, part):
        data.setup("test")
    assert [len(one) for one in part.test_sets] == [1] * 5
    assert [one[0]["name"] for one in part.test_sets] == [one[0]["name"] for one in whole.test_sets]
    assert len(whole.test_sets[0]) > 1


def test_test_groups_in_turn(prepared):
    data = module(prepared, groups=[1, 3], eval_batch_size=1)
    seen = [(batch["group"][0], batch["name"][0]) for batch in data.test_dataloader()]
    assert seen == [("Group1", "0002"), ("Group1", "0005"), ("Group3", "0002"), ("Group3", "0005")]


def test_transform_is_for_training_alone(prepared):
    data = module(prepared, crop=[6, 6], transpose=True)
    assert next(iter(data.train_dataloader()))["lr"].shape == (2, 3, 6, 6)
    assert data.val_set[0]["lr"].shape == (3, 12, 16)


def test_partial_batches(prepared):
    assert len(module(prepared, batch_size=3).train_dataloader()) == 1  # of 4: one dropped
    small = module(prepared, batch_size=16)
    assert [len(batch["name"]) for batch in small.train_dataloader()] == [4]


def test_missing_root_names_the_command(tmp_path):
    root = tmp_path / "none"
    with pytest.raises(FileError) as caught:
        module(root)
    assert str(caught.value).endswith(
        "Type: blindsr prepare nyuv2 --mat nyu_depth_v2_labeled.mat --splits splits.mat "
        f"--classes classMapping40.mat --out {root}"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma_max": 15.0}, r"sigma_max: 15, expected 5, .*prepared"),
        ({"scale": 2}, r"scale: 2, expected 4, .*prepared"),
        ({"groups": [6]}, "groups: Group6, expected of .*Group1, Group2"),
        ({"groups": []}, "groups: none"),
        ({"test_pictures": 0}, "test_pictures: 0"),
        ({"num_classes": 13}, "num_classes: 13"),
        ({"validation": "all"}, "validation: 'all'"),
        ({"holdout": 1.0}, "holdout: 1.0"),
        ({"batch_size": 0}, "batch_size: 0"),
        ({"num_workers": -1}, "num_workers: -1"),
    ],
)
def test_inconsistent_options(prepared, options, message):
    with pytest.raises(ConfigError, match=message):
        NYUv2BSR(root=str(prepared), **options).setup()


def test_interrupted_preparation(bsr):
    (bsr / "manifest.json").rename(bsr / "manifest.partial.json")
    with pytest.raises(DataError, match="interrupted preparation"):
        module(bsr)


def test_damaged_items_are_named(bsr):
    data = module(bsr, validation="group1", groups=[2])
    name = bsr / "train/LRx4/0001.png"
    write_png(name, np.zeros((12, 12, 3), np.uint8))
    with pytest.raises(DataError, match=r"GT/0001\.png: \(48, 64\) pixels, expected \(48, 48\)"):
        data.train_set[0]
    write_png(bsr / "train/semseg/0003.png", np.full((48, 64), 41, np.uint8))
    with pytest.raises(DataError, match=r"semseg/0003\.png: class index 40, expected 0\.\.39"):
        data.train_set[1]
    (bsr / "train/blur16/0004.npy").unlink()
    (bsr / "train/GT/0006.png").write_bytes(b"\x89PNG")
    with pytest.raises(FileError, match=r"GT/0006\.png"):
        data.train_set[3]


def test_sigma_beyond_the_argument(bsr):
    (bsr / "manifest.json").unlink()  # as in a download
    data = module(bsr, sigma_max=3.0, validation="group1")
    with pytest.raises(DataError, match=r"sigma [45], expected 0\.\.3 \(sigma_max\)"):
        list(data.train_dataloader())


def test_rgb_label_files_of_train_ids(bsr):
    from blindsr.data.bsr.dataset import BSRDataset
    from blindsr.data.bsr.layout import find_files

    labels = np.full((48, 64, 3), 255, np.uint8)
    labels[:10] = 18
    write_png(bsr / "train/semseg/0001.png", labels)
    files = find_files(bsr, "train", scale=4)[:1]
    options = {"scale": 4, "sigma_max": 5.0, "seg_format": "train_ids"}
    seg = BSRDataset(files, num_classes=19, **options)[0]["seg"]
    assert seg.unique().tolist() == [18, 255]
    with pytest.raises(DataError, match=r"class index 18, expected 0\.\.17"):
        BSRDataset(files, num_classes=18, **options)[0]


def test_blur_on_the_fly(prepared):
    options = {"on_the_fly": True, "crop": [8, 8], "zoom": "physical", "photometric": 0.5}
    runs = []
    for workers in (0, 2):
        data = NYUv2BSR(root=str(prepared), num_workers=workers, batch_size=4, **options)
        data.setup("fit")
        loader = data.train_dataloader()
        runs.append([next(iter(loader)) for _ in range(2)])
    for one, two in zip(*runs, strict=True):
        assert one["name"] == two["name"]
        for key in ("lr", "hr", "blur", "seg"):
            assert torch.equal(one[key], two[key])
    first, second = runs[0]
    assert {key: tuple(first[key].shape) for key in ("lr", "hr", "blur", "seg")} == {
        "lr": (4, 3, 8, 8), "hr": (4, 3, 32, 32), "blur": (4, 1, 32, 32), "seg": (4, 32, 32),
    }  # fmt: skip
    assert first["seg"].dtype == torch.int64
    assert not torch.equal(first["lr"], second["lr"])
    assert data.val_set[0]["lr"].shape == (3, 12, 16)


def test_on_the_fly_needs_depth(bsr):
    shutil.rmtree(bsr / "train/depth")
    with pytest.raises(FileError, match=r"train/depth: no such.*keep-depth.*on_the_fly to false"):
        module(bsr, on_the_fly=True)
    assert len(module(bsr).train_set) == 4


def test_bad_depth_is_named(bsr):
    write_png(bsr / "train/depth/0001.png", np.zeros((48, 64), np.uint16))
    write_png(bsr / "train/depth/0003.png", np.ones((12, 16), np.uint16))
    data = module(bsr, on_the_fly=True, validation="group1", groups=[1])
    with pytest.raises(DataError, match=r"depth/0001\.png: uint16 of shape \(48, 64\), lowest 0"):
        data.train_set[0]
    with pytest.raises(DataError, match=r"depth/0003\.png: \(12, 16\) pixels"):
        data.train_set[1]


def test_invariant_pictures_alone(bsr):
    manifest = json.loads((bsr / "manifest.json").read_text())
    for name in ("0001", "0003"):
        manifest["train"][name] = {"kind": "IVA", "sigma": 2.0}
    (bsr / "manifest.json").write_text(json.dumps(manifest))
    listed = {name for name, draw in manifest["train"].items() if draw["kind"] == "IVA"}
    data = module(bsr, iva_only=True, validation="group1")
    assert {file.name for file in data.train_set.files} == listed
    assert len(data.val_set) == 2
    data = module(bsr, iva_only=True, validation="group1", on_the_fly=True)
    assert len(data.train_set) == 5
    assert all(len(data.train_set[item]["blur"].unique()) == 1 for item in range(5))
    (bsr / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"no manifest\.json that lists.*iva_only"):
        module(bsr, iva_only=True)


@pytest.mark.parametrize("zoom", ["physical", "paper"])
def test_zoom_of_frozen_pictures(prepared, zoom):
    plain = module(prepared, validation="group1").train_set
    zoomed = module(prepared, validation="group1", zoom=zoom, zoom_factors=[1.5]).train_set
    gains = set()
    for item in range(5):
        before, after = plain[Draw(item, 7)], zoomed[Draw(item, 7)]
        assert after["lr"].shape == before["lr"].shape
        assert after["blur"].max() <= 5.001
        if not torch.equal(before["lr"], after["lr"]):
            top = before["blur"][0, 8:-8, 11:-11].max()
            gains.add(round(float(after["blur"].max() / top), 2))
    assert gains <= ({1.5} if zoom == "physical" else {0.67})
    assert gains or zoom == "physical"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_the_fly": True, "zoom": "paper"}, "zoom: 'paper' with on_the_fly, expected physical"),
        ({"on_the_fly": True, "flip": "paper"}, "flip: 'paper' with on_the_fly"),
        ({"on_the_fly": True, "wraparound": True}, "wraparound: True with on_the_fly"),
        ({"photometric": 0.5}, "photometric: 0.5 .* expected 0, or on_the_fly"),
        ({"wraparound": True}, "wraparound: true without zoom"),
        ({"zoom": "huge"}, "zoom: 'huge', expected physical, paper or null"),
    ],
)
def test_augmentations_that_exclude_each_other(prepared, options, message):
    with pytest.raises(ConfigError, match=message):
        NYUv2BSR(root=str(prepared), **options)
