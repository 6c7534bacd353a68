"""A benchmark from its file to its table, trained for real."""

import json

import pytest
import yaml
from PIL import Image
from tests.helpers.benchmark_files import benchmark, write_benchmark


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a benchmark that was run."""
    folder = tmp_path_factory.mktemp("benchmark")
    assert benchmark(write_benchmark(folder, shared={}, curves=["train/loss", "train/none"])) == 0
    return folder


def test_its_means_are_those_of_lightning_test(finished):
    rows = json.loads((finished / "out" / "table.json").read_text())["rows"]
    for name, row in (("no maps", rows[0]), ("true maps", rows[1])):
        folder = next((finished / "out" / "runs").glob(f"{name.replace(' ', '_')}*/seed_0/test_0"))
        scores = json.loads((folder / "scores.json").read_text())
        for group in ("Group1", "Group2", "mean"):
            own = scores["scores"][group]
            assert set(own) == set(row["scores"][group]) >= {"psnr", "ssim", "vif"}
            for metric, value in own.items():
                assert row["scores"][group][metric]["mean"] == pytest.approx(value, rel=1e-5)
        bicubic = scores["others"]["bicubic"]["mean"]["psnr"]
        assert rows[2]["scores"]["mean"]["psnr"]["mean"] == pytest.approx(bicubic, rel=1e-5)


def test_parameters_time_and_memory_stand_beside_the_scores(finished):
    rows = json.loads((finished / "out" / "table.json").read_text())["rows"]
    for row in rows[:2]:
        assert row["costs"]["steps"] == 6
        assert row["costs"]["parameters"] > 1000
        assert row["costs"]["seconds"] > 0
        # the SR image alone, three channels of float32, is as much
        assert row["costs"]["memory"] >= 16 * row["costs"]["pixels"] * 3 * 4
    assert rows[2]["costs"] == {}


def test_markdown_and_picture(finished):
    text = (finished / "out" / "table.md").read_text()
    assert "| row | seeds | training | PSNR [dB] |" in text
    assert "no difference seen" in text or "better" in text or "worse" in text
    assert "## Group1" in text
    assert "| train/loss | true maps | " in text
    assert "train/none" not in text
    with Image.open(finished / "out" / "curves.png") as picture:
        assert min(picture.size) > 200
    with Image.open(finished / "out" / "table.png") as picture:
        assert min(picture.size) > 200
    assert not list(finished.rglob("*.partial*"))


def test_the_same_line_again_trains_nothing(finished, capsys):
    before = {path for path in finished.rglob("*") if "runs" in path.parts}
    assert benchmark(finished / "table.yaml") == 0
    assert {path for path in finished.rglob("*") if "runs" in path.parts} == before
    out = capsys.readouterr().out
    assert "2 of 2 runs are finished already" in out
    assert "6 steps" in out
    assert "…" not in out


def test_a_row_may_name_what_it_is_compared_with_and_needs_no_new_run(finished, capsys):
    path = finished / "table.yaml"
    content = yaml.safe_load(path.read_text())
    content["rows"][2]["against"] = "true maps"
    other = finished / "other.yaml"
    other.write_text(yaml.safe_dump(content, sort_keys=False))
    assert benchmark(other) == 0
    assert "2 of 2 runs are finished already" in capsys.readouterr().out
    rows = json.loads((finished / "out" / "table.json").read_text())["rows"]
    assert [row["against"] for row in rows] == ["no maps", "no maps", "true maps"]
    first, true, bicubic = (row["scores"]["mean"]["psnr"] for row in rows)
    assert "difference" not in first
    assert bicubic["difference"] == pytest.approx(bicubic["mean"] - true["mean"], abs=1e-5)
    text = (finished / "out" / "table.md").read_text()
    assert "| bicubic (to 'true maps') |" in text
    assert "'no maps' (or the row named in brackets)" in text


def test_a_row_with_an_unknown_key_fails_in_one_line_and_the_others_go_on(tmp_path, capsys):
    path = write_benchmark(tmp_path, shared={"max_steps": 3})
    path.write_text(path.read_text().replace("use_blur", "use_blurr"))
    assert benchmark(path, "--shard", "1/2") == 1
    out = capsys.readouterr().out
    assert "no maps, seed 0: failed: model.use_blurr: unknown key" in out
    assert "Did you mean" in out
