"""Pairs by the names that public sets use, and what is said where names do not tell."""

import numpy as np
import pytest

from blindsr.data.bsr.layout import find_files
from blindsr.data.files import notes
from blindsr.data.files.pairing import pair, partners, stems
from blindsr.data.pbasr.hr_files import find_hr, find_test_pictures
from blindsr.errors import DataError
from blindsr.imaging.files import write_png


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(notes, "_said", set())


def write(folder, *names):
    for name in names:
        write_png(folder / name, np.zeros((4, 4, 3), np.uint8))
    return folder


def listed(folder, names):
    return stems(write(folder, *(f"{name}.png" for name in names)), what="pictures")


def paired(tmp_path, hr, lr):
    pictures, others = listed(tmp_path / "hr", hr), listed(tmp_path / "lr", lr)
    found = partners(pictures, others, tmp_path / "lr")
    return {name: path.stem for name, path in found.items()}


PUBLIC = {
    "DIV2K": (("0001", "0801"), ("0001x4", "0801x4")),
    "DIV2K mild": (("0001", "0002"), ("0001x4m", "0002x4m")),
    "DIV2K difficult": (("0001", "0002"), ("0001x4d", "0002x4d")),
    "DIV2K wild": (("0001", "0002"), ("0001x4w1", "0002x4w1")),
    "BSRGAN": (("0001", "0002"), ("0001_bicLRx4", "0002_bicLRx4")),
    "DPSR": (("0001", "0002"), ("0001_LRbicx4", "0002_LRbicx4")),
    "RealSR": (("Canon_001_HR", "Canon_002_HR"), ("Canon_001_LR4", "Canon_002_LR4")),
    "DRealSR": (("panasonic_1_x1", "panasonic_2_x1"), ("panasonic_1_x4", "panasonic_2_x4")),
    "Set14": (("img_001_SRF_4_HR", "img_002_SRF_4_HR"), ("img_001_SRF_4_LR", "img_002_SRF_4_LR")),
    "SRF alone": (("img_001",), ("img_001_SRF_4_LR",)),
    "RCAN": (("baby_HR_x4", "bird_HR_x4"), ("baby_LRBI_x4", "bird_LRBI_x4")),
    "HR alone": (("baby_HR", "bird_HR"), ("baby", "bird")),
    "LR alone": (("baby", "bird"), ("baby_HR", "bird_HR")),
    "gt": (("a_gt", "b_gt"), ("a_lq", "b_lq")),
    "hq": (("a_hq", "b_hq"), ("a_lq", "b_lq")),
    "GT": (("a_GT", "b_GT"), ("a_LQ", "b_LQ")),
    "first": (("HR_1", "HR_10"), ("LR_1", "LR_10")),
    "first with scale": (("HR_1", "HR_10"), ("LRx4_1", "LRx4_10")),
    "dashes": (("1-HR", "10-HR"), ("1-LR", "10-LR")),
    "glued": (("babyHR", "birdHR"), ("babyLR", "birdLR")),
    "dots": (("a.HR", "b.HR"), ("a.LR", "b.LR")),
    "order": (("12", "120"), ("120_x4", "12_x4")),
}


@pytest.mark.parametrize("case", PUBLIC)
def test_names_of_public_sets(case, tmp_path, caplog):
    hr, lr = PUBLIC[case]
    assert paired(tmp_path, hr, lr) == dict(zip(hr, sorted(lr, key=len), strict=True))
    assert not caplog.messages


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("weight", "wei"),
        ("similar", "simi"),
        ("unmask", "un"),
        ("cold_1", "cold_2"),
        ("HR_1", "LR_2"),
        ("LRoad", "oad"),
    ],
)
def test_words_that_only_end_or_begin_alike_are_left_alone(hr, lr, tmp_path):
    with pytest.raises(DataError, match=f"{hr}.png: no partner in"):
        paired(tmp_path, (hr,), (lr,))


def test_the_nearest_name_wins(tmp_path):
    assert paired(tmp_path, ("a", "a_x2"), ("a_LR", "a_x2_LR")) == {"a": "a_LR", "a_x2": "a_x2_LR"}


def test_case_differs_only_with_a_note_that_is_said_once(tmp_path, caplog):
    hr, lr = ("BIRD", "BabyHR", "butterfly"), ("bird_LR", "babyLR", "butterfly_LR")
    for _ in range(2):
        found = paired(tmp_path, hr, lr)
    assert found == dict(zip(hr, lr, strict=True))
    assert len(caplog.messages) == 1
    assert "bird_LR.png goes with BIRD.png, and 1 more: names differ in case" in caplog.messages[0]


def test_the_same_case_goes_before_another(tmp_path, caplog):
    assert paired(tmp_path, ("a", "A"), ("a_LR", "A_LR")) == {"a": "a_LR", "A": "A_LR"}
    assert not caplog.messages


@pytest.mark.parametrize(
    ("hr", "lr", "named"),
    [
        (("1",), ("1x2", "1x4"), ("1x2.png", "1x4.png")),
        (("1_HR",), ("1_LR2", "1_LR4"), ("1_LR2.png", "1_LR4.png")),
        (("0001",), ("0001x4m", "0001x4d"), ("0001x4m.png", "0001x4d.png")),
        (("Baby",), ("baby", "BABY"), ("baby.png", "BABY.png")),
        (("1_HR", "1_GT"), ("1_LR",), ("1_HR.png", "1_GT.png")),
    ],
)
def test_ambiguous_names_are_named_in_one_line(hr, lr, named, tmp_path):
    with pytest.raises(DataError) as caught:
        paired(tmp_path, hr, lr)
    message = str(caught.value)
    assert all(name in message for name in named)
    assert "\n" not in message


def test_pictures_without_a_partner_are_named_and_counted(tmp_path):
    with pytest.raises(DataError) as caught:
        paired(tmp_path, [f"{n}" for n in range(1, 8)], ["1_LR", "2_LR", "99_LR"])
    assert "hr/3.png: no partner in " in str(caught.value)
    assert "(nor have 4, 5, 6 and 1 more; 5 in all), expected one file named 3" in str(caught.value)


def test_left_over_files_are_told(tmp_path):
    hr, lr = listed(tmp_path / "hr", ("a", "b")), listed(tmp_path / "lr", ("a_LR", "c_LR"))
    assert pair(hr, lr, tmp_path / "lr")[1:] == (["b"], ["c_LR"])


def test_a_bsr_folder_may_use_them_too(bsr):
    for path in (bsr / "train/LRx4").iterdir():
        path.rename(path.with_name(f"{path.stem}x4.png"))
    for path in (bsr / "train/semseg").iterdir():
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    files = find_files(bsr, "train", scale=4)
    assert [(f.lr.stem, f.seg.stem) for f in files[:2]] == [
        ("0001x4", "0001_mask"),
        ("0003x4", "0003_mask"),
    ]


def test_hr_and_lr_in_one_folder(tmp_path, caplog):
    """RealSR: training on its LR as if it were HR would be silent and wrong."""
    write(tmp_path, *(f"Canon_00{n}_{k}.png" for n in (1, 2) for k in ("HR", "LR4")), "a_LR.png")
    assert [item.name for item in find_hr([tmp_path])] == ["Canon_001_HR", "Canon_002_HR", "a_LR"]
    assert "2 LR pictures beside their HR left out (Canon_001_LR4.png" in caplog.messages[0]
    (tmp_path / "a_LR.png").unlink()
    found = find_test_pictures(tmp_path, lr_folder=tmp_path)
    assert [item.lr.stem for item in found] == ["Canon_001_LR4", "Canon_002_LR4"]


def test_folders_are_left_out_by_whole_words_and_said(tmp_path, caplog):
    kept = ("ColorChecker/a", "LRoad/a", "blurLR/a", "unmasked/a", "masked/a", "lrick/a")
    left = ("LR/a", "lr/a", "train_LR_bicubic/a", "x_LRx4/a", "mask/a", "my-masks/a", "LQ/a")
    write(tmp_path, *(f"{name}.png" for name in kept + left))
    (tmp_path / "Thumbs.db").write_text("")
    for _ in range(2):
        assert [item.name for item in find_hr([tmp_path])] == sorted(kept)
    assert caplog.messages == [
        f"{tmp_path}: 7 left out in folders of LR pictures or masks (LQ, LR, lr, ...); "
        "1 left out that are no pictures (1 .db)"
    ]


def test_nothing_but_lr_folders(tmp_path):
    write(tmp_path, "LR/a.png", "mask/a.png")
    with pytest.raises(DataError, match=r"no images \(2 left out in folders of LR pictures or ma"):
        find_hr([tmp_path])


def test_links_are_followed_without_end(tmp_path):
    write(tmp_path / "elsewhere", "a.png")
    write(tmp_path / "root", "b.png")
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "root")
    assert [item.name for item in find_hr([tmp_path / "root"])] == ["b", "link/a"]
