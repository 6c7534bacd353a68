"""Existing LR and HR folders: pairs by name, alignment when mirrored, refusals, a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from blindsr.cli.training.command import main as lightning
from blindsr.data import PairedFolder
from blindsr.data.loading.samplers import Draw
from blindsr.errors import BlindSRError, ConfigError, DataError
from blindsr.imaging.files import read_rgb, to_uint8, write_png
from blindsr.imaging.resize import DOWNSAMPLERS, downsample

NAMES = ("1", "2", "10", "20", "a_7", "b")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """LR with suffixes whose sorted order is not that of HR."""
    return write(tmp_path, "sfold")


def write(root: Path, downsampler: Any, scale: int = 4) -> Path:
    rng = np.random.default_rng(0)
    for name in NAMES:
        small = rng.integers(0, 256, (12, 14, 3), dtype=np.uint8)
        hr = cv2.resize(small, (83, 66), interpolation=cv2.INTER_CUBIC)
        cut = hr[: 66 // scale * scale, : 83 // scale * scale].astype(np.float32) / 255
        write_png(root / f"HR/{name}.png", hr)
        write_png(root / f"LR/{name}x{scale}.png", to_uint8(downsample(cut, scale, downsampler)))
    return root


def module(root: Path, **options: Any) -> PairedFolder:
    base: dict[str, Any] = {"crop": [8, 8], "holdout": 2, "num_workers": 0, "downsampler": "sfold"}
    return PairedFolder(str(root / "HR"), str(root / "LR"), **{**base, **options})


@pytest.mark.parametrize("downsampler", DOWNSAMPLERS)
def test_mirrored_crops_agree_for_every_phase(tmp_path: Path, downsampler: Any) -> None:
    write(tmp_path, downsampler)
    data = module(tmp_path, downsampler=downsampler)
    data.setup("fit")
    assert len(data.train_set) == len(NAMES) - 2
    for seed in range(24):
        sample = data.train_set[Draw(seed % 4, seed)]
        lr, hr = (sample[key].permute(1, 2, 0).numpy() for key in ("lr", "hr"))
        assert hr.shape == (32, 32, 3)
        inside = np.s_[2:-2, 2:-2]  # bicubic looks beyond the crop
        made = to_uint8(downsample(np.ascontiguousarray(hr), 4, downsampler))[inside]
        assert abs(made.astype(int) - to_uint8(lr)[inside]).max() <= 1


def test_partners_by_name_not_by_order(pairs: Path) -> None:
    data = module(pairs, test={"own": str(pairs / "HR")}, test_lr={"own": str(pairs / "LR")})
    data.setup()
    (group,) = data.test_sets
    assert data.group_names == ("own",)
    for index, files in enumerate(group.files):
        assert files.lr is not None
        assert files.lr.stem == f"{files.hr.stem}x4"
        sample = group[index]
        assert sample["hr"].shape == (3, 64, 80)
        np.testing.assert_array_equal(
            sample["lr"].permute(1, 2, 0).numpy(), read_rgb(pairs / f"LR/{files.lr.name}")
        )
    names = {data.train_set[i]["name"] for i in range(4)} | {s["name"] for s in data.val_set}
    assert names == set(NAMES)
    assert "blur" not in data.val_set[0]
    assert (data.facts.sigma_max, data.facts.num_classes) == (0.0, 0)


def test_pairs_in_one_folder(pairs: Path) -> None:
    for path in list((pairs / "LR").iterdir()):
        path.rename(pairs / "HR" / path.name.replace("x4", "_LR4"))
    for name in NAMES:
        (pairs / f"HR/{name}.png").rename(pairs / f"HR/{name}_HR.png")
    data = PairedFolder(str(pairs / "HR"), str(pairs / "HR"), crop=[8, 8], num_workers=0)
    data.setup("fit")
    assert len(data.train_set) == 3


def test_what_does_not_fit_is_one_line_before_the_training(pairs: Path) -> None:
    cases: list[tuple[Any, str]] = [
        (lambda: (pairs / "LR/10x4.png").unlink(), "10.png: no partner in"),
        (lambda: write_png(pairs / "LR/10x4.png", np.zeros((5, 9, 3), np.uint8)), "9 x 5 pixels"),
    ]
    for damage, line in cases:
        damage()
        with pytest.raises(DataError, match=line) as caught:
            module(pairs).setup("fit")
        assert "\n" not in str(caught.value)
    with pytest.raises(BlindSRError, match="no such file"):
        module(pairs / "nowhere").setup("fit")
    with pytest.raises(ConfigError, match="downsampler: 'nearest'"):
        module(pairs, downsampler="nearest")
    with pytest.raises(ConfigError, match="transpose"):
        module(pairs, crop=[8, 6])
    with pytest.raises(ConfigError, match="test: no folder"):
        module(pairs).setup("test")
    with pytest.raises(DataError, match="or, for training, set a smaller crop"):
        module(pairs, crop=[40, 40]).setup("fit")


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
def test_trains_from_a_file(pairs: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(pairs)
    Path("mine.yaml").write_text(
        """
trainer: {fast_dev_run: true, accelerator: cpu, logger: false, enable_checkpointing: false}
model:
  class_path: blindsr.tasks.RRDBSFTTask
  init_args: {use_blur: false, use_semantics: false, blocks: 1}
data:
  class_path: blindsr.data.PairedFolder
  init_args: {hr: HR, lr: LR, downsampler: sfold, crop: [8, 8], batch_size: 2, num_workers: 0}
"""
    )
    assert lightning(["fit", "-c", "mine.yaml"]) == 0
