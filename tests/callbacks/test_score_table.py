import csv
import io

from rich.console import Console

from blindsr.callbacks.score_table import paper_rows
from blindsr.metrics.score_rows import as_csv, as_json, as_markdown, as_table, rows_of
from blindsr.metrics.table import show

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


def text_of(table, width=120):
    console = Console(record=True, width=width)
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


REGIONAL = {
    "test/psnr": 25.0,
    "test/vif": 0.5,
    "test/blurred_psnr": 30.0,
    "test/general/psnr": 24.0,
    "test/general/vif": 0.5,
    "test/general/blurred_psnr": float("nan"),
    "test/general/texture": float("nan"),
    "test/blur/psnr": 26.0,
    "test/blur/vif": 0.5,
    "test/blur/blurred_psnr": 30.0,
    "test/blur/sharp_psnr": 22.0,
    "test/blur/texture": 1.25,
}


def test_regions_are_rows_below_their_group():
    rows = rows_of(REGIONAL, "ours")
    lines = as_markdown(rows, "t").splitlines()
    assert lines[2] == "| method | group | PSNR [dB] | VIF | texture (1 = kept) |"
    assert lines[4:] == [
        "| ours | general | 24.00 | 0.5000 | – |",
        "| ours | blur | 26.00 | 0.5000 | – |",
        "| ours | blur: blurred | 30.00 | – | 1.25 |",
        "| ours | blur: sharp | 22.00 | – | – |",
        "| ours | mean | 25.00 | 0.5000 | – |",  # of one region there is no mean
    ]
    assert "│ ours   │   blurred │" in text_of(as_table(rows, "t"))
    flat = next(csv.DictReader(io.StringIO(as_csv(rows[1:]))))
    assert (flat["group"], flat["blurred_psnr"], flat["texture"]) == ("blur", "30.0", "1.25")


def test_the_mean_has_regions_where_several_groups_have():
    more = {**REGIONAL, "test/motion/blurred_psnr": 34.0, "test/mean/bicubic/blurred_psnr": 29.0}
    lines = as_markdown(rows_of(more, "ours"), "t").splitlines()
    assert "| ours | mean: blurred | 30.00 | – | – |" in lines
    assert not any("mean: sharp" in line for line in lines)


def test_one_group_with_regions_shows_them():
    rows = rows_of({"test/psnr": 25.0, "test/sharp_psnr": 22.0, "test/blur/psnr": 25.0}, "ours")
    assert as_markdown(rows, "t").splitlines()[4:] == [
        "| ours | mean | 25.00 |",
        "| ours | mean: sharp | 22.00 |",
    ]


def test_a_narrow_terminal_loses_columns_and_no_digits():
    rows = rows_of(REGIONAL, "ours")
    whole, narrow = (text_of(as_table(rows, "t", width=width), width) for width in (80, 48))
    assert "VIF" in whole
    assert "narrow" not in whole
    assert "too narrow for VIF" in narrow
    assert "26.00" in narrow
    assert "0.5000" not in narrow
    assert max(map(len, narrow.splitlines())) <= 48


def test_a_region_of_exact_matches_keeps_its_row_and_its_count():
    logged = {
        "test/blur/psnr": 26.0,
        "test/blur/blurred_psnr": float("inf"),
        "test/blur/blurred_psnr_exact": 3.0,
        "test/other/psnr": 25.0,
        "test/psnr": 25.5,
    }
    rows = rows_of(logged, "ours")
    lines = as_markdown(rows, "t").splitlines()
    assert "| ours | blur: blurred | inf |" in lines
    assert lines[-1] == "exact, not in the mean: PSNR of 3 (ours, blur: blurred)"
    content = as_json(rows, "ours")["scores"]["blur"]
    assert content == {"psnr": 26.0, "blurred_psnr": "inf", "blurred_psnr_exact": 3}
    found = next(csv.DictReader(io.StringIO(as_csv(rows))))
    assert (found["blurred_psnr"], found["blurred_psnr_exact"]) == ("inf", "3.0")


def test_the_direction_is_said_where_lower_is_better():
    rows = rows_of({"test/psnr": 25.0, "test/gmsd": 0.1, "test/lpips": 0.2}, "ours")
    assert "lower is better: LPIPS, GMSD" in text_of(as_table(rows, "t"))
    assert as_markdown(rows, "t").endswith("\nlower is better: LPIPS, GMSD\n")
    assert as_json(rows, "ours")["better"] == {"psnr": "higher", "lpips": "lower", "gmsd": "lower"}
