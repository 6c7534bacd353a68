"""Photographs of a folder as pairs with made-up blur."""

import numpy as np
import pytest
import torch
from tests.helpers.upscale_command import picture

from blindsr.data import PhotographFolder
from blindsr.errors import BlindSRError
from blindsr.imaging.files import write_png


@pytest.fixture
def folder(tmp_path):
    for index in range(10):
        write_png(tmp_path / f"in/{index}.png", picture(96, 128, seed=index))
    (tmp_path / "note.txt").touch()
    return tmp_path


def data_of(folder, **options):
    given = {"count": 6, "pictures": 4, "val_count": 2, "size": 64, "crop": 8, "num_workers": 0}
    data = PhotographFolder(folder, **{**given, **options})
    data.setup("fit")
    return data


def test_samples_are_pairs_whose_blur_is_told(folder):
    data = data_of(folder, downsampler="bicubic", sigma_max=5.0)
    sample = data.train_set[0]
    assert sample["lr"].shape == (3, 8, 8)
    assert sample["hr"].shape == (3, 32, 32)
    assert sample["blur"].shape == (1, 32, 32)
    assert 0 <= sample["blur"].min() <= sample["blur"].max() <= 5
    assert (data.facts.scale, data.facts.phase, data.facts.sigma_max) == (4, 1.5, 5.0)
    assert data.val_set[0]["hr"].shape == (3, 64, 64)


def test_kept_photographs_are_never_learnt_from(folder):
    data = data_of(folder, val_share=0.3)
    assert (len(data.train_files), len(data.val_files)) == (7, 3)
    assert not set(data.train_files) & set(data.val_files)
    assert set(data.train_set.files) == set(data.train_files)
    assert set(data.val_set.files) == set(data.val_files)


def test_equal_seeds_give_equal_samples_and_noise_changes_lr(folder):
    first, second, noisy = (data_of(folder, noise=n).train_set[1] for n in (False, False, True))
    assert torch.equal(first["lr"], second["lr"])
    assert torch.equal(first["hr"], second["hr"])
    assert not torch.equal(first["lr"], noisy["lr"])


def test_what_cannot_be_used_is_passed_over_and_told(folder):
    write_png(folder / "small.png", picture(20, 30))
    (folder / "broken.png").write_bytes(b"no picture")
    data = data_of(folder)
    assert len(data.train_files) + len(data.val_files) == 10
    told = "\n".join(map(str, data.refused))
    assert "small.png: 30 x 20 pixels, expected 64 a side" in told
    assert "broken.png" in told


def test_refused_folders(folder, tmp_path):
    with pytest.raises(BlindSRError, match="no such file or folder"):
        PhotographFolder(tmp_path / "nowhere")
    with pytest.raises(BlindSRError, match="0 photographs of 256 pixels a side or more"):
        PhotographFolder(folder, size=256)


def test_a_photograph_of_just_the_size_is_taken_whole(tmp_path):
    for index in range(2):
        write_png(tmp_path / f"{index}.png", picture(64, 64, seed=index))
    hr = data_of(tmp_path).val_set[0]["hr"].permute(1, 2, 0).numpy()
    whole = [picture(64, 64, seed=index) for index in range(2)]
    assert min(np.abs(hr * 255 - one).mean() for one in whole) < 1
