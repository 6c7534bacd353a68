import pytest

from blindsr.data.bsr.layout import find_files, find_groups
from blindsr.errors import DataError, FileError


def test_pairs_by_name(prepared):
    files = find_files(prepared, "train", scale=4)
    assert [file.name for file in files] == ["0001", "0003", "0004", "0006", "0007"]
    for file in files:
        assert {p.stem for p in (file.lr, file.hr, file.blur, file.exact_blur, file.seg)} == {
            file.name
        }
    grouped = find_files(prepared, "val", scale=4, group="Group3")
    assert grouped[0].lr == prepared / "val/Group3/LRx4/0002.png"
    assert grouped[0].seg == prepared / "val/semseg/0002.png"
    assert find_groups(prepared, "val") == [f"Group{n}" for n in range(1, 6)]
    assert find_groups(prepared, "train") == []


def test_the_authors_download_has_neither_manifest_nor_sidecar_nor_test_classes(bsr):
    for folder in (*bsr.rglob("blur16"), bsr / "val/semseg"):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    (bsr / "manifest.json").unlink()
    (bsr / "val/GT/Thumbs.db").write_bytes(b"")
    (bsr / "val/GT/.0002.tmp.png").write_bytes(b"")
    file = find_files(bsr, "val", scale=4, group="Group1")[0]
    assert file.exact_blur is None
    assert file.seg is None


@pytest.mark.parametrize("folder", ["LRx4", "blur", "blur16", "semseg"])
def test_missing_partner_is_named(bsr, folder):
    next((bsr / "train" / folder).glob("0004.*")).unlink()
    with pytest.raises(DataError, match=rf"GT/0004\.png: no partner in .*/{folder}, expected"):
        find_files(bsr, "train", scale=4)


@pytest.mark.parametrize("folder", ["LRx4", "blur", "semseg"])
def test_extra_file_is_named(bsr, folder):
    (bsr / "train" / folder / "0005.png").write_bytes(b"")
    with pytest.raises(DataError, match=rf"{folder}: 0005\.png without an HR picture"):
        find_files(bsr, "train", scale=4)


def test_several_missing_are_counted(bsr):
    for number in (1, 3, 4):
        (bsr / f"train/LRx4/000{number}.png").unlink()
    with pytest.raises(DataError, match=r"nor have 0003, 0004; 3 in all"):
        find_files(bsr, "train", scale=4)


def test_other_names_pair_by_order_on_request(bsr):
    for path in (bsr / "train/blur").iterdir():
        path.rename(path.with_name(f"NYU_{path.stem}_f_50_fp_12_A_1.2.png"))
    with pytest.raises(DataError, match='pairing="sorted"'):
        find_files(bsr, "train", scale=4)
    files = find_files(bsr, "train", scale=4, pairing="sorted")
    assert all(file.name in file.blur.name for file in files)
    files[0].blur.unlink()
    with pytest.raises(DataError, match="4 files, expected 5, as in GT"):
        find_files(bsr, "train", scale=4, pairing="sorted")


def test_missing_and_empty_folders(bsr):
    with pytest.raises(FileError, match="LRx2: no such"):
        find_files(bsr, "train", scale=2)
    (bsr / "train/LRx2").mkdir()
    with pytest.raises(DataError, match="LRx2: no images"):
        find_files(bsr, "train", scale=2)
    (bsr / "train/GT/0001.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"0001\.png: the name of 0001\.jpg"):
        find_files(bsr, "train", scale=4)
