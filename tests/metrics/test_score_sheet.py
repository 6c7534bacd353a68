"""Tables of scores that show themselves."""

import xml.etree.ElementTree as ElementTree

from rich.console import Console

from blindsr.metrics.score_rows import Row
from blindsr.metrics.score_sheet import ScoreSheet

ROWS = [
    Row("a <b> & c", "rooms", {"psnr": 21.0, "gmsd": 0.1}),
    Row("a <b> & c", "leaves", {"psnr": 23.0, "gmsd": float("nan")}),
    Row("a <b> & c", "mean", {"psnr": 22.0, "gmsd": 0.1}),
]


def cells(sheet):
    table = ElementTree.fromstring(sheet._repr_html_().replace("<br>", "<br/>"))
    return [["".join(cell.itertext()) for cell in line] for line in table.iter("tr")], table


def test_in_jupyter_it_is_a_table_with_units_and_a_dash_for_what_is_undefined():
    lines, table = cells(ScoreSheet(ROWS, "title <i>"))
    assert lines == [
        ["method", "group", "PSNR [dB]", "GMSD"],
        ["a <b> & c", "rooms", "21.00", "0.1000"],
        ["a <b> & c", "leaves", "23.00", "–"],
        ["a <b> & c", "mean", "22.00", "0.1000"],
    ]
    assert "".join(table.find("caption").itertext()) == "title <i>lower is better: GMSD"


def test_one_group_needs_no_column():
    lines, table = cells(ScoreSheet(ROWS[2:]))
    assert lines[0] == ["method", "PSNR [dB]", "GMSD"]
    assert "lower is better" in "".join(table.itertext())


def test_in_a_terminal_and_as_text():
    console = Console(record=True, width=100)
    console.print(ScoreSheet(ROWS, "title"))
    assert "PSNR [dB]" in console.export_text()
    assert "| a <b> & c | rooms | 21.00 |" in str(ScoreSheet(ROWS, "title"))
