from rich.console import Console

from blindsr.callbacks.report import as_table, scores_by_group, show


def test_rows_are_groups_with_the_mean_last():
    rows = scores_by_group(
        {
            "test/blur_psnr": 25.0,
            "test/Group1/blur_psnr": 24.0,
            "test/Group2/blur_psnr": 26.0,
            "val/blur_psnr": 1.0,
        }
    )
    assert list(rows) == ["Group1", "Group2", "mean"]
    assert rows["mean"]["blur_psnr"] == 25.0


def test_undefined_scores_print_as_a_dash():
    assert show("miou", float("nan")) == "–"
    assert show("miou", None) == "–"
    assert show("blur_psnr", 24.456) == "24.46"
    console = Console(record=True, width=100)
    console.print(as_table({"mean": {"blur_psnr": 1.0, "miou": float("nan")}}, "title"))
    assert "–" in console.export_text()
