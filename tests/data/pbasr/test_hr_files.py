import numpy as np
import pytest

from blindsr.data.files.pairing import partners, stems
from blindsr.data.pbasr.hr_files import find_hr
from blindsr.errors import DataError, FileError
from blindsr.imaging.files import write_png


def write(root, *names):
    for name in names:
        write_png(root / name, np.zeros((4, 4), np.uint8))


def names(folders, **options):
    return [item.name for item in find_hr(folders, **options)]


def test_known_layouts(tmp_path):
    div2k, flickr = tmp_path / "DIV2K", tmp_path / "Flickr2K"
    write(div2k, "DIV2K_train_HR/0001.png", "DIV2K_train_HR/0002.png", "DIV2K_valid_HR/0801.png")
    write(div2k, "DIV2K_train_LR_bicubic/X4/0001x4.png")
    write(flickr, "Flickr2K_HR/000001.png", "Flickr2K_LR_bicubic/X4/000001x4.png")
    assert names([div2k]) == ["0001", "0002"]
    assert names([div2k], part="valid") == ["0801"]
    assert names([div2k / "DIV2K_train_HR"]) == ["0001", "0002"]
    assert names([div2k, flickr]) == [
        "DIV2K_train_HR/0001", "DIV2K_train_HR/0002", "Flickr2K_HR/000001",
    ]  # fmt: skip
    assert names([tmp_path]) == names([div2k, flickr])  # a folder of both: DF2K
    with pytest.raises(DataError, match="Flickr2K: Flickr2K_HR, expected one of DF2K_valid_HR, "):
        find_hr([flickr], part="valid")


def test_any_other_folder_gives_every_image_below(tmp_path):
    write(tmp_path, "b.png", "a/c.PNG", "a/LR/c.png", "LRx4/b.png", "mask/b.png", ".hidden.png")
    write(tmp_path, ".thumbs/b.png", "HR_LR/x.png", "lrick.png")
    (tmp_path / "notes.txt").write_text("")
    assert names([tmp_path]) == ["a/c", "b", "lrick"]
    assert names([tmp_path / "a"]) == ["c"]


def test_missing_and_empty_folders_and_double_names(tmp_path):
    with pytest.raises(FileError, match="nowhere: no such file or folder"):
        find_hr([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="no images"):
        find_hr([tmp_path])
    write(tmp_path, "a.png", "a.jpg.png")
    assert names([tmp_path]) == ["a", "a.jpg"]
    (tmp_path / "a.bmp").write_bytes(b"")
    with pytest.raises(DataError, match="the name a"):
        find_hr([tmp_path])
    (tmp_path / "a.bmp").unlink()
    with pytest.raises(DataError, match=r"or give .* once"):
        find_hr([tmp_path, tmp_path])


def pair(tmp_path, hr, lr):
    write(tmp_path / "hr", *(f"{name}.png" for name in hr))
    write(tmp_path / "lr", *(f"{name}.png" for name in lr))
    found = partners(
        stems(tmp_path / "hr", what="HR"), stems(tmp_path / "lr", what="LR"), tmp_path / "lr"
    )
    return {name: path.stem for name, path in found.items()}


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        (("12", "120"), ("12", "120")),
        (("12", "120"), ("12_x4", "120_x4")),  # sorted lists would swap these
        (("0801", "0802"), ("0801x4", "0802x4")),
        (("img_1_HR", "img_10_HR"), ("img_1_LR", "img_10_LR")),
        (("a", "ax4"), ("ax4", "ax4x4")),  # a name that ends like a suffix
        (("x4", "LR"), ("x4x4", "LR_LR")),
        (("a", "b"), ("a_mask", "b_mask", "c_mask")),
    ],
)
def test_partners_by_name(hr, lr, tmp_path):
    if hr == ("a", "ax4"):  # ambiguous: ax4 may be the LR of a or of ax4
        with pytest.raises(DataError, match=r"ax4\.png: the partner of a\.png and of ax4\.png"):
            pair(tmp_path, hr, lr)
        return
    assert pair(tmp_path, hr, lr) == dict(zip(hr, lr, strict=False))


def test_files_without_a_partner_or_with_two(tmp_path):
    with pytest.raises(DataError, match=r"hr/12\.png: no partner in .*lr, expected one file named"):
        pair(tmp_path / "none", ("12", "120"), ("120x4", "1"))
    with pytest.raises(DataError, match=r"hr/1\.png: two partners, .*1_LR\.png and 1x4\.png"):
        pair(tmp_path / "two", ("1",), ("1x4", "1_LR"))
    with pytest.raises(FileError, match=r"gone: no such file or folder, expected a folder of LR"):
        stems(tmp_path / "gone", what="LR")
