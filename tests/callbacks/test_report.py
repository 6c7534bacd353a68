import csv
import io

from rich.console import Console

from blindsr.callbacks.paper import paper_rows
from blindsr.callbacks.score_rows import (
    as_csv,
    as_json,
    as_markdown,
    as_table,
    rows_of,
    show,
)

LOGGED = {
    "test/psnr": 25.0,
    "test/Group1/psnr": 24.0,
    "test/Group2/psnr": 26.0,
    "test/mean/bicubic/psnr": 21.5,
    "test/Group1/bicubic/psnr": 21.0,
    "test/Group2/bicubic/psnr": 22.0,
    "test/miou": float("nan"),
    "val/psnr": 1.0,
}


def text_of(table):
    console = Console(record=True, width=120)
    console.print(table)
    return console.export_text()


def test_rows_are_methods_and_groups_with_the_mean_last_and_ours_at_the_end():
    rows = rows_of(LOGGED, "ours")
    assert [(row.method, row.group) for row in rows] == [
        (method, group) for method in ("bicubic", "ours") for group in ("Group1", "Group2", "mean")
    ]
    assert [row.scores["psnr"] for row in rows] == [21.0, 22.0, 21.5, 24.0, 26.0, 25.0]


def test_one_group_needs_no_column():
    rows = rows_of({"test/psnr": 25.0, "test/test/psnr": 25.0}, "ours")
    assert as_markdown(rows, "t").splitlines()[2:] == [
        "| method | PSNR [dB] |",
        "| --- | --- |",
        "| ours | 25.00 |",
    ]


def test_undefined_scores_are_a_dash_an_empty_cell_and_null():
    assert show("miou", float("nan")) == show("miou", None) == "–"
    assert show("psnr", 24.456) == "24.46"
    rows = rows_of(LOGGED, "ours")
    assert "–" in text_of(as_table(rows, "title"))
    table = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert table[-1]["miou"] == ""
    assert float(table[-1]["psnr"]) == 25.0
    content = as_json(rows, "ours")
    assert content["scores"]["mean"] == {"psnr": 25.0, "miou": None}
    assert content["others"]["bicubic"]["Group2"] == {"psnr": 22.0}


def test_square_brackets_of_titles_are_printed():
    assert "PSNR [dB]" in text_of(as_table(rows_of(LOGGED, "ours"), "a [title]"))


def test_the_paper_stands_beside_ours_only_on_its_full_test_set():
    full = {f"Group{i}": 654 for i in range(1, 6)}
    rows = paper_rows("NYUv2BSR", 4, full, {"psnr", "ssim"})
    assert ["CMOS + RRDB-SFT" in row.method for row in rows].count(True) == 1
    assert all("psnr" in row.scores for row in rows)
    assert not paper_rows("NYUv2BSR", 4, full | {"Group5": 653}, {"psnr"})
    assert not paper_rows("NYUv2BSR", 2, full, {"psnr"})
    assert not paper_rows("Scenes", 4, full, {"psnr"})
    assert not paper_rows("NYUv2BSR", 4, {"Group1": 654}, {"psnr"})
