"""A new BSR data set costs its reader and its defaults; here is one, trained by ``lightning``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import yaml
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main
from blindsr.data import BSRDataModule, BSRDataset
from blindsr.data.bsr.layout import BSRFiles
from blindsr.data.files.sigma_maps import write_blur
from blindsr.errors import FileError
from blindsr.imaging.files import write_png


class ToyCityscapes(BSRDataModule):
    """A validation split of its own, test groups without classes, classes stored as train ids.

    Args:
        root: folder with ``train``, ``val`` and ``test``.
        options: see the base classes.
    """

    class_names = tuple(f"class {number}" for number in range(19))
    metric_depth = False
    seg_format = "train_ids"
    how_to_get = "Download it to {root}"

    def __init__(
        self,
        root: str = "data/toy",
        *,
        sigma_max: float = 15.0,
        groups: Sequence[int] = (1, 2),
        **options: Any,
    ) -> None:
        super().__init__(root, sigma_max=sigma_max, groups=groups, **options)

    def split(self) -> tuple[list[BSRFiles], BSRDataset]:
        return self.find("train"), self.dataset(self.find("val"))


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    places = {"train": ["train"], "val": ["val"], "test": ["test/Group1", "test/Group2"]}
    for split, folders in places.items():
        for name in ("aachen_1", "aachen_2"):
            hr = rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)
            write_png(tmp_path / split / "GT" / f"{name}.png", hr)
            if split != "test":
                classes = rng.integers(0, 19, (64, 80), dtype=np.uint8)
                write_png(tmp_path / split / "semseg" / f"{name}.png", classes)
            for folder in folders:
                write_png(tmp_path / folder / "LRx4" / f"{name}.png", hr[::4, ::4])
                write_blur(tmp_path / folder, name, np.full((64, 80), 12.5, np.float32))
    return tmp_path


def test_its_samples_and_facts(root):
    data = ToyCityscapes(str(root), num_workers=0, batch_size=2, crop=[8, 8], transpose=True)
    facts = data.facts
    assert (facts.num_classes, facts.sigma_max, facts.window_taps) == (19, 15.0, 61)
    assert (facts.phase, facts.metric_depth) == (0.0, False)
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert batch["hr"].shape == (2, 3, 32, 32)
    assert batch["seg"].max() <= 18
    assert [len(part) for part in (data.train_set, data.val_set, *data.test_sets)] == [2] * 4
    assert data.group_names == ("Group1", "Group2")
    assert "seg" not in data.test_sets[0][0]


def test_what_is_missing_is_said_in_its_words(tmp_path):
    with pytest.raises(FileError, match=r"Download it to .*/none$"):
        ToyCityscapes(str(tmp_path / "none")).setup()


def test_it_trains_from_the_command_line(root, tmp_path):
    config = write_config(tmp_path, max_epochs=1)
    content = yaml.safe_load(config.read_text())
    own = {"root": str(root), "batch_size": 2, "num_workers": 0}
    content["data"] = {"class_path": f"{__name__}.ToyCityscapes", "init_args": own}
    config.write_text(yaml.safe_dump(content))
    assert main(["fit", "-c", str(config)]) == 0
    saved = yaml.safe_load(next(tmp_path.glob("logs/*/*/config.yaml")).read_text())
    assert saved["data"]["init_args"]["groups"] == [1, 2]
    assert saved["data"]["init_args"]["zoom_factors"] == [1.0, 1.2, 1.5]


def test_depth_is_delivered_where_asked_for(root):
    for folder in ("train", "val", "test"):
        for name in ("aachen_1", "aachen_2"):
            depth = np.full((64, 80), 2500, np.uint16)
            depth[0, 0] = 65535
            write_png(root / folder / "depth" / f"{name}.png", depth)
    data = ToyCityscapes(str(root), crop=[8, 8], deliver=["depth"])
    data.setup()
    train = next(iter(data.train_dataloader()))
    assert train["depth"].shape == train["blur"].shape
    for loader in (data.val_dataloader(), data.test_dataloader()):
        found = next(iter(loader))["depth"]
        assert found.shape[1:] == (1, 64, 80)
        assert found[0, 0, 0, 0] == float("inf")
        assert found[0, 0, 1, 1] == 2.5
    assert "depth" not in next(iter(ToyCityscapes(str(root)).dataset(data.find("train"))))


def test_missing_depth_is_said_in_one_line(root):
    with pytest.raises(FileError, match="depth maps, which on_the_fly or deliver need"):
        ToyCityscapes(str(root), deliver=["depth"]).setup()
