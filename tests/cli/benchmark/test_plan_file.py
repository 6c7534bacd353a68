"""A benchmark that is wrong is refused in one line before anything runs."""

import pytest
import yaml
from tests.helpers.benchmark_files import benchmark, write_benchmark


def refused(tmp_path, capsys, **changes):
    """What is said of a benchmark with changes of its keys."""
    assert benchmark(write_benchmark(tmp_path, **changes)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert not (tmp_path / "out").exists()
    assert str(tmp_path / "table.yaml") in lines[0]
    return lines[0]


CASES = [
    ({"refrence": "x"}, "refrence: an unknown key"),
    ({"refrence": "x"}, "Did you mean reference?"),
    ({"reference": "true map"}, "reference: 'true map', expected a row that is shown"),
    ({"seeds": []}, "seeds: [], expected a list of different whole numbers"),
    ({"seeds": [0, 0]}, "seeds: [0, 0]"),
    ({"seeds": 3}, "seeds: 3"),
    ({"rows": []}, "rows: [], expected a list of rows"),
    ({"rows": ["a"]}, "rows.0: 'a', expected keys as name"),
    ({"rows": [{"name": "a"}]}, "rows.0: no config, expected config or rival"),
    ({"rows": [{"config": "cmos_demo"}]}, "rows.0: no name"),
    ({"rows": [{"name": "a", "config": "cmos_dmo"}]}, "rows.0.config: cmos_dmo, no such file"),
    ({"rows": [{"name": "a", "config": "cmos_dmo"}]}, "Did you mean cmos_demo?"),
    ({"rows": [{"name": "a", "config": "cmos_demo", "maxsteps": 3}]}, "Did you mean max_steps?"),
    ({"rows": [{"name": "a", "rival": "bicubic"}]}, "rows.0.of: None, expected a row before it"),
    ({"shared": {"max_time": 60}}, "shared.max_time: 60, expected days:hours:minutes:seconds"),
    ({"shared": {"max_steps": True}}, "shared.max_steps: True, expected a whole number above 0"),
    ({"shared": {"name": "a"}}, "shared.name: an unknown key"),
    ({"choices": [{"choice": "rate", "split": "test"}]}, "choices.0.split: 'test', expected valid"),
    ({"curves": "train/loss"}, "curves: 'train/loss', expected a list of logged names"),
    ({"choices": [{"choice": "rate"}]}, "choices.0: {'choice': 'rate'}, expected the keys"),
]


@pytest.mark.parametrize(("changes", "said"), CASES)
def test_wrong_keys_and_values_are_one_line(tmp_path, capsys, changes, said):
    assert said in refused(tmp_path, capsys, **changes)


def test_what_is_left_out_is_named(tmp_path, capsys):
    path = write_benchmark(tmp_path)
    content = yaml.safe_load(path.read_text())
    for key in ("seeds", "reference", "choices", "rows"):
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if k != key}))
        assert benchmark(path) == 2
        assert f"no {key}, expected" in capsys.readouterr().err


def rows(tmp_path, *more):
    content = yaml.safe_load(write_benchmark(tmp_path).read_text())
    return [*content["rows"], *({"config": content["rows"][0]["config"], **row} for row in more)]


def test_rows_start_from_rows_before_them_that_have_their_seeds(tmp_path, capsys):
    late = {"name": "late", "overrides": {"model.init_args.weights": "{best:no map}"}}
    text = refused(tmp_path, capsys, rows=rows(tmp_path, late))
    assert "rows.3: weights of 'no map', expected a row before it" in text
    assert "Did you mean no maps?" in text
    seeds = {**late, "seeds": [0, 5], "overrides": {"a": "{last:no maps}"}}
    text = refused(tmp_path, capsys, rows=rows(tmp_path, seeds))
    assert "rows.3.seeds: seed 5, which 'no maps' has not" in text
    twice = refused(tmp_path, capsys, rows=rows(tmp_path, {"name": "no maps"}))
    assert "rows.3.name: 'no maps' again" in twice


def test_what_nobody_tests_is_not_shown_and_has_no_rival(tmp_path, capsys):
    found = rows(tmp_path)
    found[0]["tested"] = "none"
    text = refused(tmp_path, capsys, rows=found)
    assert (
        "rows.0.tested: none for a row that is shown, expected best or last, or shown: fal" in text
    )
    found[0]["shown"] = False
    found[2]["of"] = "no maps"
    text = refused(tmp_path, capsys, reference="true maps", rows=found)
    assert "rows.2.of: 'no maps', expected a row before it (true maps)" in text


def test_a_rival_has_no_settings(tmp_path, capsys):
    found = rows(tmp_path)
    found[2]["max_steps"] = 3
    assert "rows.2.max_steps: a setting of a rival" in refused(tmp_path, capsys, rows=found)


def test_a_row_is_compared_with_one_that_is_there(tmp_path, capsys):
    found = rows(tmp_path)
    found[2]["against"] = "true map"
    text = refused(tmp_path, capsys, rows=found)
    assert "rows.2.against: 'true map', expected a row that is shown" in text
    assert "Did you mean true maps?" in text


def test_files_that_are_missing_or_no_yaml(tmp_path, capsys):
    assert benchmark(tmp_path / "nowhere.yaml") == 2
    assert capsys.readouterr().err.count("\n") == 1
    path = tmp_path / "broken.yaml"
    path.write_text("rows: [\n")
    assert benchmark(path) == 2
    assert "broken.yaml" in capsys.readouterr().err
    path.write_bytes(b"\xff\xfe\x00")
    assert benchmark(path) == 2
    path.write_text("just words")
    assert benchmark(path) == 2
    assert "'just words', expected keys as title" in capsys.readouterr().err


@pytest.mark.parametrize("shard", ["0/2", "3/2", "x", "1", "1/0"])
def test_shards_that_are_none(tmp_path, capsys, shard):
    assert benchmark(write_benchmark(tmp_path), "--shard", shard) == 2
    assert "expected I/N" in capsys.readouterr().err
