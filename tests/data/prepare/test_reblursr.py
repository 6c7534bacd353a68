"""A set like ReBlurSR of one's own pictures: what is picked, what corrections change."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from tests.helpers.folder_contents import contents

from blindsr.cli import app
from blindsr.data import ReBlurSR, correct_reblursr, prepare_reblursr
from blindsr.data.files.masks import read_mask
from blindsr.data.prepare.reblursr_picks import Picks
from blindsr.data.prepare.reblursr_rows import area_of, degree_of
from blindsr.errors import BlindSRError, ConfigError, DataError, FileError
from blindsr.imaging.files import write_png

SHARES = {"a": 2, "b": 30, "c": 50, "d": 70, "e": 90, "f": 20}  # percent of blurred columns
SIZE = (60, 100)


def photo(share):
    """The first columns of the picture, as many as are blurred, are black."""
    image = np.random.default_rng(share).integers(50, 256, (*SIZE, 3), dtype=np.uint8)
    image[:, :share] = 0
    return image


def told(picture):
    """Stands for an estimator: sigma 6 in black columns, 0.2 elsewhere."""
    return np.where(picture.max(2) == 0, 6.0, 0.2).astype(np.float32)


@pytest.fixture
def images(tmp_path):
    for name, share in SHARES.items():
        write_png(tmp_path / "images" / f"{name}.png", photo(share))
    return tmp_path / "images"


def table(out):
    with (out / "labels.csv").open(encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def rewrite(out, **changes):
    rows = table(out)
    for name, values in changes.items():
        rows[name].update(values)
    with (out / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(next(iter(rows.values()))))
        writer.writeheader()
        writer.writerows(rows.values())


def test_pictures_between_the_shares_are_taken_and_read_by_the_data_module(images, tmp_path):
    out = tmp_path / "set"
    rows = prepare_reblursr(images, out, told, picks=Picks(test_share=50, seed=1))
    assert [row.name for row in rows] == ["b", "c", "d", "f"]
    assert [row.area for row in rows] == ["small", "medium", "large", "small"]
    assert {row.degree for row in rows} == {"heavy"}
    for row in rows:
        mask = read_mask(out / "ALL_mask" / f"{row.name}.png")
        assert (mask[:, : SHARES[row.name]] == 0).all()
        assert (mask[:, SHARES[row.name] :] == 1).all()
    assert (out / "sheet_001.png").exists()
    data = ReBlurSR(
        str(out), [str(images)], crop=32, holdout=1, num_workers=0, group_by=["type", "area"],
        random_resize=False, val_crop=32,
    )  # fmt: skip
    data.setup("test")
    tested = {row.name for row in rows if row.split == "valid"}
    assert len(tested) == 2
    assert {name for batch in data.test_dataloader() for name in batch["name"]} == tested
    areas = {f"blur-defocus-{row.area}" for row in rows if row.name in tested}
    assert set(data.group_names) == areas


def test_labels_of_shares_and_sigmas():
    assert [area_of(x) for x in (44.9, 45, 55, 55.1)] == ["small", "medium", "medium", "large"]
    assert [degree_of(x) for x in (1.9, 2, 5, 5.1)] == ["little", "middle", "middle", "heavy"]


def test_corrections_come_back(images, tmp_path):
    out = tmp_path / "set"
    prepare_reblursr(images, out, told, picks=Picks(test_share=0, manual_share=50))
    drawn = np.full(SIZE, 255, np.uint8)
    drawn[:, :60] = 0
    write_png(out / "ALL_mask" / "b.png", drawn)
    rewrite(out, c={"use": "no"}, d={"type": "motion", "degree": "little", "area": "medium"})
    rows = {row.name: row for row in correct_reblursr(out)}
    assert list(rows) == ["b", "d", "f"]
    assert (rows["b"].mask, rows["b"].area, rows["b"].share) == ("manual", "large", 60)
    assert (rows["d"].type, rows["d"].degree, rows["d"].area) == ("motion", "little", "medium")
    assert (out / "left_out" / "ALL_HR" / "c.png").exists()
    assert not (out / "ALL_mask" / "c.png").exists()
    assert np.load(out / "defocus_motion_class.npy").tolist() == [0, 1, 0]
    assert np.load(out / "degree_class.npy").tolist() == [0, 1, 0]
    assert set(table(out)) == {"b", "d", "f"}
    assert list(rows.values()) == correct_reblursr(out)  # once more changes nothing


def test_a_fifth_of_the_masks_is_by_hand(tmp_path):
    for number in range(10):
        write_png(tmp_path / "images" / f"p{number}.png", photo(40))
    mask = np.full(SIZE, 255, np.uint8)
    mask[:, :30] = 0
    write_png(tmp_path / "masks" / "p3_mask.png", mask)
    out = tmp_path / "set"
    rows = prepare_reblursr(
        tmp_path / "images", out, told, picks=Picks(manual_share=20), masks=tmp_path / "masks"
    )
    kinds = {row.name: row.mask for row in rows}
    assert kinds["p3"] == "manual"
    assert sorted(kinds.values()) == ["automatic"] * 8 + ["draw", "manual"]
    assert rows[3].share == 30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "shake"}, "labels.csv:2: type 'shake', expected one of defocus, motion"),
        ({"use": "maybe"}, "use 'maybe', expected one of yes, no"),
        ({"share": "much"}, "no number"),
        ({"name": "z"}, "z, no picture of ALL_HR"),
        ({"name": "c"}, "c twice"),
    ],
)
def test_a_wrong_correction_changes_nothing(images, tmp_path, change, words):
    out = tmp_path / "set"
    prepare_reblursr(images, out, told)
    before = {path: path.read_bytes() for path in out.rglob("*.npy")}
    rewrite(out, b=change)
    with pytest.raises(DataError, match=words):
        correct_reblursr(out)
    assert before == {path: path.read_bytes() for path in out.rglob("*.npy")}


def test_refusals_leave_nothing(images, tmp_path):
    out = tmp_path / "set"
    with pytest.raises(DataError, match="6 pictures, none blurred by 91 to 95 %"):
        prepare_reblursr(images, out, told, picks=Picks(least=91, most=95))
    assert not out.exists()
    (images / "g.png").write_bytes(b"no picture")
    with pytest.raises(BlindSRError, match=r"g\.png"):
        prepare_reblursr(images, out, told)
    assert not (out / "labels.csv").exists()
    with pytest.raises(DataError, match="new or empty folder"):
        prepare_reblursr(images, images, told)
    with pytest.raises(ConfigError, match="least"):
        Picks(least=80, most=20)
    with pytest.raises(FileError, match=r"labels\.csv"):
        correct_reblursr(tmp_path)


def test_shards_in_any_order_join_to_the_bytes_of_one_run(images, tmp_path):
    options = {"picks": Picks(test_share=50, manual_share=50, seed=3)}
    rows = prepare_reblursr(images, tmp_path / "one", told, **options)
    out = tmp_path / "many" / "one"  # sheets show the name of the folder
    assert prepare_reblursr(images, out, told, shard="3/4", **options) is None
    assert prepare_reblursr(images, out, told, shard="1/4", **options) is None
    assert not (out / "labels.csv").exists()
    with pytest.raises(DataError, match=r"made with least = 5.0, expected 6.0"):
        prepare_reblursr(images, out, told, shard="2/4", picks=Picks(least=6.0))
    assert prepare_reblursr(images, out, told, shard="2/4", **options) is None
    assert prepare_reblursr(images, out, told, shard="4/4", **options) == rows
    assert contents(out) == contents(tmp_path / "one")
    assert prepare_reblursr(images, out, told, shard="1/4", **options) is not None  # is done
    assert contents(out) == contents(tmp_path / "one")


def test_a_run_that_was_ended_goes_on(images, tmp_path):
    seen = []

    def ended(picture):
        seen.append(1)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return told(picture)

    prepare_reblursr(images, tmp_path / "one", told)
    out = tmp_path / "two" / "one"
    with pytest.raises(KeyboardInterrupt):
        prepare_reblursr(images, out, ended)
    prepare_reblursr(images, out, ended)
    assert len(seen) == len(SHARES) + 1
    assert contents(out) == contents(tmp_path / "one")
    rewrite(out, b={"degree": "little"})
    assert prepare_reblursr(images, out, ended)[0].degree == "little"  # complete: corrections stay
    assert len(seen) == len(SHARES) + 1


def test_what_cannot_be_used_is_named_and_the_others_are_done(
    images, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("blindsr.cli.prepare_reblursr._estimator", lambda _: told)
    prepare_reblursr(images, tmp_path / "one", told)
    (images / "a2.png").write_bytes(b"no picture")
    (images / "g.jpg").write_bytes(b"")
    out = tmp_path / "two" / "one"
    words = ["prepare", "reblursr", "--images", str(images), "--out", str(out)]
    assert app.main([*words, "--shard", "1/2"]) == 0
    assert "shard 1/2 of" in capsys.readouterr().out
    assert app.main([*words, "--shard", "2/2"]) == 1
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len([line for line in lines if "blindsr: error: " in line]) == 2
    assert any("a2.png" in line for line in lines)
    assert any("g.jpg" in line for line in lines)
    assert "Traceback" not in said.err
    assert "4 pictures in" in said.out
    held, whole = contents(out), contents(tmp_path / "one")
    assert {k: v for k, v in held.items() if "manifest" not in k} == {
        k: v for k, v in whole.items() if "manifest" not in k
    }
    assert app.main([*words, "--shard", "5/2"]) == 2
    assert "shard" in capsys.readouterr().err


def test_nothing_that_can_be_used_is_an_error(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("blindsr.cli.prepare_reblursr._estimator", lambda _: told)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    words = ["prepare", "reblursr", "--images", str(tmp_path / "in"), "--out"]
    assert app.main([*words, str(tmp_path / "set")]) == 2
    assert "a.png" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_the_command_picks_with_the_model_in_the_box(tmp_path, capsys):
    import skimage.data
    import torch
    from torchvision.transforms.functional import gaussian_blur

    picture = skimage.data.chelsea()[:160, 100:260]
    tensor = torch.from_numpy(picture).permute(2, 0, 1)
    blurred = gaussian_blur(tensor, [25, 25], [5.0, 5.0]).permute(1, 2, 0).numpy()
    mixed = picture.copy()
    mixed[:, :80] = blurred[:, :80]
    write_png(tmp_path / "in" / "cat.png", mixed)
    words = ["prepare", "reblursr", "--out", str(tmp_path / "set")]
    assert app.main([*words, "--images", str(tmp_path / "in")]) == 0
    out = capsys.readouterr().out
    assert "1 picture in" in out
    mask = read_mask(tmp_path / "set" / "ALL_mask" / "cat.png")
    assert (mask[:, :70] == 0).mean() > 0.8
    assert (mask[:, 90:] == 0).mean() < (mask[:, :70] == 0).mean()
    assert app.main([*words, "--correct"]) == 0
    assert app.main([*words, "--correct", "--least", "3"]) == 2
    assert "--least: --correct beside it, expected one of them" in capsys.readouterr().err
    assert app.main(words) == 2
