"""ReBlurSR and HRFolder: what reaches a task, and what a user is told when it cannot."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.helpers.make_reblursr import (
    AREAS,
    NAMES,
    TEST,
    TYPES,
    make_general,
    make_raw,
    make_split,
)

from blindsr.data import HRFolder, ReBlurSR
from blindsr.data.loading.samplers import Draw
from blindsr.errors import ConfigError, DataError, FileError
from blindsr.imaging.files import write_png


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    base = tmp_path_factory.mktemp("reblursr")
    make_general(base / "general", 5)
    make_general(base / "five", 2)
    return SimpleNamespace(
        raw=make_raw(base / "raw"),
        split=make_split(base / "split"),
        general=base / "general",
        five=base / "five",
    )


def module(roots, *, root=None, **options):
    usual = {
        "root": str(root or roots.split), "general": [str(roots.general)], "crop": 16,
        "batch_size": 2, "num_workers": 0, "holdout": 1, "val_crop": 32, "degradation": "bsrgan",
    }  # fmt: skip
    return ReBlurSR(**(usual | options))


def ready(roots, stage=None, **options):
    data = module(roots, **options)
    data.setup(stage)
    return data


def test_attributes_before_setup(roots):
    data = module(roots, root="nowhere")
    assert (data.scale, data.downsampler, data.phase) == (4, "bicubic", 1.5)
    assert (data.num_classes, data.class_names, data.sigma_max) == (0, (), 0.0)
    assert module(roots, degradation="sfold").phase == 0.0


@pytest.mark.parametrize("layout", ["raw", "split"])
def test_batch(roots, layout):
    data = ready(roots, "fit", root=getattr(roots, layout))
    batch = next(iter(data.train_dataloader()))
    assert list(batch) == ["general", "blur"]
    shapes = {
        stream: {k: (tuple(v.shape), v.dtype) for k, v in part.items() if torch.is_tensor(v)}
        for stream, part in batch.items()
    }
    pair = {"lr": ((2, 3, 4, 4), torch.float32), "hr": ((2, 3, 16, 16), torch.float32)}
    assert shapes["general"] == pair
    assert shapes["blur"] == pair | {"mask": ((2, 1, 16, 16), torch.float32)}
    assert all(isinstance(part["name"], list) for part in batch.values())
    assert set(batch["blur"]["name"]) <= set(NAMES) - set(TEST)
    masks = torch.cat([batch["blur"]["mask"] for batch in data.train_dataloader()])
    assert set(masks.unique().tolist()) == {0.0, 1.0}


def test_mask_zero_is_where_the_file_is_black(roots):
    """Every patch: the mask is what the columns of the picture say."""
    data = ready(roots, "fit", degradation="area", random_resize=False, transpose=False)
    dataset = data.train_set.blur
    for position, files in enumerate(dataset.files):
        edge = 20 + NAMES.index(files.name)
        for seed in range(10):
            sample = dataset[Draw(position, seed)]
            window = dataset.patch.window((50, 70), seed)
            sharp = min(max(window.left + 16 - edge, 0), 16)
            assert sample["mask"].sum() == 16 * sharp


def test_same_samples_whatever_the_workers(roots):
    def epoch(**options):
        loader = ready(roots, "fit", **options).train_dataloader()
        return [batch for _ in range(2) for batch in loader]

    first = epoch()
    again = epoch(num_workers=2)
    for a, b in zip(first, again, strict=True):
        for stream in ("general", "blur"):
            assert a[stream]["name"] == b[stream]["name"]
            assert torch.equal(a[stream]["lr"], b[stream]["lr"])
            assert torch.equal(a[stream]["hr"], b[stream]["hr"])
        assert torch.equal(a["blur"]["mask"], b["blur"]["mask"])
    prints = [b["general"]["lr"].sum().item() for b in first]
    assert len(set(prints)) == len(prints)  # the second epoch draws anew
    other = epoch(seed=1)
    assert not torch.equal(first[0]["blur"]["lr"], other[0]["blur"]["lr"])


def test_two_processes_share_both_streams(roots):
    data = ready(roots, "fit", batch_size=1)
    seen = []
    for rank in range(2):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2, current_epoch=0)
        loader = data.train_dataloader()
        batches = list(loader)
        assert len(batches) == len(loader) == 2
        seen.append([{batch[s]["name"][0] for batch in batches} for s in ("general", "blur")])
    assert not seen[0][0] & seen[1][0]  # four general pictures
    assert len(seen[0][1] | seen[1][1]) == 3  # three of blur: one comes again
    data.trainer = SimpleNamespace(global_rank=0, world_size=2, current_epoch=0)
    assert len(list(data.val_dataloader())) == 2


def test_steps_per_epoch(roots):
    assert len(ready(roots, "fit").train_dataloader()) == 2  # four general pictures
    assert len(ready(roots, "fit", steps_per_epoch=7).train_dataloader()) == 7


def test_validation_on_held_out_pictures(roots):
    data = ready(roots, "fit", holdout=2)
    assert data.val_group_names == ("general", "blur")
    batches = list(data.val_dataloader())
    assert [batch["group"][0] for batch in batches] == ["general"] * 2 + ["blur"] * 2
    assert ["mask" in batch for batch in batches] == [False, False, True, True]
    assert {tuple(batch["hr"].shape) for batch in batches} == {(1, 3, 32, 32)}
    for part, stream in zip(data.val_sets, ("general", "blur"), strict=True):
        trained = {item.name for item in getattr(data.train_set, stream).files}
        assert not trained & {item.name for item in part.files}
        assert len(part) == 2
    assert torch.equal(batches[0]["lr"], next(iter(data.val_dataloader()))["lr"])
    many = ready(roots, "fit", holdout=3, eval_batch_size=3)
    sizes = [(b["group"][0], b["repeat"].tolist()) for b in many.val_dataloader()]
    assert sizes == [("general", [False, False, True]), ("blur", [False, False, True])]


@pytest.mark.parametrize("layout", ["raw", "split"])
def test_test_groups(roots, layout):
    data = ready(
        roots, "test", root=getattr(roots, layout), general_test={"five": str(roots.five)},
        blur_test={"more": str(roots.split / "valid/motion")},
    )  # fmt: skip
    assert data.group_names == ("general-five", "blur-defocus", "blur-motion", "blur-more")
    batches = list(data.test_dataloader())
    names = {group: [] for group in data.group_names}
    for batch in batches:
        names[batch["group"][0]] += batch["name"]
        assert batch["repeat"].tolist() == [False]
        assert batch["hr"].shape[-1] == 4 * batch["lr"].shape[-1]
        assert ("mask" in batch) == batch["group"][0].startswith("blur")
    assert names["blur-defocus"] == sorted(n for n in TEST if TYPES[n] == 0)
    assert names["blur-motion"] == names["blur-more"] == sorted(n for n in TEST if TYPES[n] == 1)
    shipped = next(b for b in batches if b["name"] == ["7"])
    assert (shipped["lr"] * 255).round().unique().tolist() == [100 + NAMES.index("7")]


def test_groups_by_label(roots):
    data = ready(roots, "test", group_by=["type", "degree"], types=["motion"])
    assert set(data.group_names) == {"blur-motion-little", "blur-motion-middle"}
    assert ready(roots, "test", group_by=[]).group_names == ("blur",)
    both = ready(roots, "fit", validation="test", types=["motion"])
    assert both.val_group_names == ("blur-motion",)
    assert len(both.train_set.general) == 5  # nothing is held out
    assert {TYPES[item.name] for item in both.train_set.blur.files} == {1}


def test_subsets_of_the_test_leave_the_training_as_it_is(roots):
    """Table 4 of the paper: by type, degree and area."""
    options = {"test_types": ["motion"], "test_areas": ["small"], "group_by": ["type", "area"]}
    data = ready(roots, None, **options)
    every = ready(roots, "fit")
    trained = [[item.name for item in d.train_set.blur.files] for d in (data, every)]
    assert trained[0] == trained[1]
    assert data.group_names == ("blur-motion-small",)
    tested = {name for batch in data.test_dataloader() for name in batch["name"]}
    assert tested == {n for n in TEST if TYPES[n] == 1 and AREAS[n] == 2}
    narrow = ready(roots, "test", types=["defocus"], test_types=["motion"])
    assert narrow.group_names == ("blur-motion",)
    with pytest.raises(ConfigError, match="types"):
        module(roots, test_types=["shake"])


def test_one_s_own_pictures_with_sigma_maps_for_masks(roots, tmp_path):
    text = {"steps_per_unit": "1000", "scale": "4", "input_reduced": "4"}
    rng = np.random.default_rng(0)
    for name in "abc":
        picture = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        sigma = np.zeros((40, 48), np.uint16)
        sigma[:, :24] = 3000
        write_png(tmp_path / "own" / "HR" / f"{name}.png", picture)
        write_png(tmp_path / "maps" / f"{name}_sigma.png", sigma, text=text)
    options = {"root": tmp_path / "own", "sigma_masks": str(tmp_path / "maps")}
    data = ready(roots, "fit", **options, val_crop=None, cache=str(tmp_path / "cache"))
    held = data.val_sets[1][0]
    assert not held["mask"][..., :24].any()
    assert held["mask"][..., 24:].all()
    sharp = ready(roots, "fit", **options, val_crop=None, sigma_threshold=3.5)
    assert sharp.val_sets[1][0]["mask"].all()
    for _ in range(2):  # decoded, then from the cache
        batch = next(iter(data.train_dataloader()))
        assert set(batch["blur"]["mask"].unique().tolist()) <= {0.0, 1.0}
    with pytest.raises(ConfigError, match=r"blur_test: no test set, and .*own has none"):
        module(roots, **options).setup("test")


def test_cache_changes_nothing(roots, tmp_path):
    plain, kept = ready(roots, "fit"), ready(roots, "fit", cache=str(tmp_path))
    for _ in range(2):
        a, b = next(iter(plain.train_dataloader())), next(iter(kept.train_dataloader()))
        assert torch.equal(a["blur"]["hr"], b["blur"]["hr"])
        assert torch.equal(a["blur"]["mask"], b["blur"]["mask"])
        assert torch.equal(a["general"]["lr"], b["general"]["lr"])
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"degradation": "blur"}, ConfigError, "degradation: 'blur'"),
        ({"general": []}, ConfigError, "general: no folder"),
        ({"crop": 18}, ConfigError, "crop: 18"),
        ({"holdout": 0}, ConfigError, "holdout: 0"),
        ({"val_crop": 30}, ConfigError, "val_crop: 30"),
        ({"validation": "group1"}, ConfigError, "validation: 'group1'"),
        ({"group_by": ["kind"]}, ConfigError, "group_by: "),
        ({"steps_per_epoch": 0}, ConfigError, "steps_per_epoch: 0"),
        ({"types": ["zoom"]}, ConfigError, "types: zoom, expected some of defocus, motion"),
        ({"general_test": {"a/b": "x"}}, ConfigError, "general_test: a group named 'a/b'"),
        ({"general_test_lr": {"a": "x"}}, ConfigError, "general_test_lr: a, expected names of"),
        ({"root": "nowhere"}, FileError, "nowhere: no such file or folder"),
        ({"general": ["nowhere"]}, FileError, "nowhere: no such file or folder"),
        ({"crop": 64}, DataError, "pixels, expected sides of 64 or more"),
    ],
)
def test_bad_options(options, error, message, roots):
    with pytest.raises(error, match=message) as caught:
        module(roots, **options).preflight("fit")
    assert len(str(caught.value).splitlines()) == 1


def test_small_pictures_may_be_left_out(roots, tmp_path):
    write_png(tmp_path / "a.png", np.zeros((12, 60, 3), np.uint8))
    folders = [str(roots.general), str(tmp_path)]
    with pytest.raises(DataError, match=r"a\.png: 60 x 12 pixels"):
        module(roots, general=folders).setup("fit")
    data = ready(roots, "fit", general=folders, skip_small=True)
    assert len(data.train_set.general) == 4


def test_a_mask_of_another_size_is_found_before_the_run(roots, tmp_path):
    root = make_split(tmp_path)
    path = next(root.glob("train/*/mask/12.png"))
    write_png(path, np.zeros((50, 69), np.uint8))
    with pytest.raises(
        DataError, match=r"mask/12\.png: 69 x 50 pixels, expected 70 x 50 as .*HR/12\.png"
    ):
        module(roots, root=root).preflight("fit")


def hr_module(roots, **options):
    usual = {
        "folders": [str(roots.general)], "crop": 16, "batch_size": 2, "num_workers": 0,
        "holdout": 2, "val_crop": 32, "test": {"five": str(roots.five)},
    }  # fmt: skip
    return HRFolder(**(usual | options))


def test_hr_folder(roots):
    data = hr_module(roots, degradation="realesrgan")
    assert (data.phase, data.num_classes) == (1.5, 0)
    data.setup()
    batches = list(data.train_dataloader())
    assert len(batches) == 1  # three pictures: the partial batch is dropped
    assert set(batches[0]) == {"lr", "hr", "name"}
    assert batches[0]["lr"].shape == (2, 3, 4, 4)
    assert not torch.equal(next(iter(data.train_dataloader()))["lr"], torch.zeros(2, 3, 4, 4))
    held = {name for batch in data.val_dataloader() for name in batch["name"]}
    assert len(held) == 2
    assert not held & {item.name for item in data.train_set.files}
    assert data.group_names == ("five",)
    assert [batch["group"] for batch in data.test_dataloader()] == [["five"]] * 2


def test_hr_folder_refuses(roots):
    with pytest.raises(ConfigError, match="folders: no folder"):
        hr_module(roots, folders=[])
    with pytest.raises(ConfigError, match="test: no folder"):
        hr_module(roots, test=None).setup("test")
    one = make_general(roots.general.parent / "one", 1)
    with pytest.raises(DataError, match="holdout: 1 training picture, expected two or more"):
        hr_module(roots, folders=[str(one)]).setup("fit")
