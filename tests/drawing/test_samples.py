"""Samples carry all that their picture needs: the kind, the scale, the names."""

import numpy as np
import pytest

from blindsr.drawing.restorations import restoration_page
from blindsr.drawing.samples import save_samples
from blindsr.drawing.strips import strip_page
from blindsr.errors import DataError
from blindsr.imaging import read_array

RNG = np.random.default_rng(0)
IMAGE = RNG.random((48, 64, 3)).astype(np.float32)
SIGMA = np.tile(np.linspace(0, 5, 64, dtype=np.float32), (48, 1))
SEG = RNG.integers(0, 3, (48, 64))


def test_maps_become_a_strip(tmp_path):
    maps = {"name": "one", "lr": IMAGE, "blur": SIGMA, "seg": SEG}
    own = {"sigma_max": 5.0, "class_names": ["wall", "floor", "bed"]}
    save_samples(tmp_path / "mine.png", [maps | own], title="step 3")
    strip = strip_page([maps], **own, title="step 3")
    np.testing.assert_array_equal(read_array(tmp_path / "mine.png"), strip.draw())


@pytest.mark.parametrize("hr", [True, False])
def test_images_become_a_sheet_with_a_column_for_each(hr, tmp_path):
    names = ["LR", "bicubic", "SR", *(["HR"] if hr else [])]
    images = {name: IMAGE * (i + 1) / 4 for i, name in enumerate(names)}
    sample = {"name": "one", "images": images, "blur": SIGMA}
    save_samples(tmp_path / "mine.png", [sample | {"sigma_max": 5.0}])
    page = restoration_page([sample], sigma_max=5.0)
    np.testing.assert_array_equal(read_array(tmp_path / "mine.png"), page.draw())


def test_no_samples_are_refused(tmp_path):
    with pytest.raises(DataError, match="samples: none, expected at least one"):
        save_samples(tmp_path / "none.png", [])
    assert list(tmp_path.iterdir()) == []
