import numpy as np
import pytest
import torch
from tests.helpers.make_reblursr import make_general, mask, picture

from blindsr.data.pbasr.datasets import EvalFolderDataset
from blindsr.data.pbasr.hr_files import find_test_pictures
from blindsr.degradation import apply_recipe
from blindsr.errors import DataError
from blindsr.imaging.files import write_png


def dataset(files, **options):
    usual = {"scale": 4, "degradation": "bicubic", "group": "general-x"}
    return EvalFolderDataset(files, **(usual | options))


def array(tensor):
    return tensor.permute(1, 2, 0).numpy()


def test_hr_is_cropped_to_the_scale_and_lr_made(tmp_path):
    make_general(tmp_path, 2, size=(51, 66))
    sample = dataset(find_test_pictures(tmp_path))[1]
    assert sample["name"] == "0001"
    assert sample["group"] == "general-x"
    assert (sample["lr"].shape, sample["hr"].shape) == ((3, 12, 16), (3, 48, 64))
    np.testing.assert_array_equal(
        np.rint(array(sample["hr"]) * 255), picture(101, (51, 66))[:48, :64]
    )
    assert "mask" not in sample


@pytest.mark.parametrize("name", ["bsrgan", "bsrgan_plus", "realesrgan"])
def test_made_lr_depends_on_seed_and_name_alone(name, tmp_path):
    make_general(tmp_path, 3)
    files = find_test_pictures(tmp_path)
    whole = dataset(files, degradation=name)
    alone = dataset(files[2:], degradation=name)
    assert torch.equal(whole[2]["lr"], alone[0]["lr"])
    assert torch.equal(whole[2]["lr"], whole[2]["lr"])
    assert not torch.equal(whole[2]["lr"], dataset(files, degradation=name, seed=1)[2]["lr"])
    hr = array(whole[2]["hr"])
    np.testing.assert_array_equal(np.rint(hr * 255), picture(102, (60, 64)))  # never sharpened
    made = apply_recipe(hr, whole.recipe(2))
    np.testing.assert_allclose(array(whole[2]["lr"]), made.lr, atol=1e-6)
    assert whole.recipe(0) != whole.recipe(1)


def test_lr_files_are_paired_by_name(tmp_path):
    for number, name in enumerate(("12", "120", "13")):
        write_png(tmp_path / "hr" / f"{name}.png", picture(number, (48, 64)))
        write_png(tmp_path / "lr" / f"{name}_x4.png", np.full((12, 16, 3), number, np.uint8))
    files = find_test_pictures(tmp_path / "hr", lr_folder=tmp_path / "lr")
    data = dataset(files, degradation="bsrgan")
    assert [item.name for item in files] == ["12", "120", "13"]
    for number in range(3):
        assert (data[number]["lr"] * 255).round().unique().tolist() == [number]
        assert (data[number]["hr"][0, 0, 0] * 255).round() == number
    assert data.recipe(0) is None


def test_a_folder_with_hr_lr_and_masks(tmp_path):
    write_png(tmp_path / "HR" / "a.png", picture(3))
    write_png(tmp_path / "mask" / "a.png", mask(3))
    write_png(tmp_path / "LR" / "X4" / "ax4.png", np.full((12, 17, 3), 7, np.uint8))
    sample = dataset(find_test_pictures(tmp_path))[0]
    assert (sample["lr"] * 255).unique().tolist() == [7]
    assert sample["mask"].shape == (1, 48, 68)
    assert sample["mask"].dtype == torch.float32
    assert not sample["mask"][..., :23].any()  # 0 is blurred
    assert sample["mask"][..., 23:].all()
    made = dataset(find_test_pictures(tmp_path, scale=2), scale=2)[0]  # there is no LR/X2
    assert made["lr"].shape == (3, 25, 35)


def test_centred_crop_of_hr_mask_and_lr(tmp_path):
    write_png(tmp_path / "HR" / "a.png", picture(3))
    write_png(tmp_path / "mask" / "a.png", mask(3))
    lr = np.arange(12 * 17, dtype=np.uint8).reshape(12, 17)
    write_png(tmp_path / "LR" / "X4" / "a.png", lr)
    sample = dataset(find_test_pictures(tmp_path), crop=32)[0]
    np.testing.assert_array_equal((sample["lr"][0] * 255).round(), lr[2:10, 4:12])
    np.testing.assert_array_equal(np.rint(array(sample["hr"]) * 255), picture(3)[8:40, 16:48])
    np.testing.assert_array_equal(sample["mask"][0], mask(3)[8:40, 16:48] // 255)
    whole = dataset(find_test_pictures(tmp_path), crop=400)[0]
    assert whole["hr"].shape == (3, 48, 68)


def test_lr_of_another_size(tmp_path):
    write_png(tmp_path / "HR" / "a.png", picture(3))
    write_png(tmp_path / "LR" / "X4" / "a.png", np.zeros((12, 16, 3), np.uint8))
    with pytest.raises(
        DataError, match=r"LR/X4/a\.png: 16 x 12 pixels, expected 17 x 12, 1 / 4 of .*HR/a\.png"
    ):
        dataset(find_test_pictures(tmp_path))[0]
