"""Which runs a benchmark makes: what is finished stays, what changed is made again, shards join."""

import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tests.helpers.benchmark_files import benchmark, write_benchmark

from blindsr.callbacks import ScoreTable, TrainingStopped
from blindsr.cli.benchmark import runs
from blindsr.errors import ConfigError
from blindsr.metrics.picture_scores import PictureScores


class Calls(list):
    """A list that has attributes."""


@pytest.fixture
def calls(monkeypatch):
    """Stands for ``lightning fit`` and ``test``; the list of (command, run, words) there were."""
    made = Calls()

    class Fake:
        def __init__(self, words, stop, more):
            values = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
            place = json.loads(values["trainer.logger"])[0]["init_args"]
            folder = Path(place["save_dir"], place["name"])
            run = f"{folder.parent.name.split('_')[0]}_{folder.name}"
            made.append((words[0], run, words))
            for one in more:
                if hasattr(one, "tell"):
                    one.tell(50, 100)
            checkpoints = folder / "version_0" / "checkpoints"
            checkpoints.mkdir(parents=True, exist_ok=True)
            if (words[0], run) in self.fails:
                (checkpoints / "last.ckpt").touch()
                raise self.fails.pop((words[0], run))
            table = ScoreTable()
            if words[0] == "fit":
                (checkpoints / "best.ckpt").touch()
            level = 30.0 if "true" in run else 25.0
            psnr = [level + 0.1 * index for index in range(12)]
            names = {"test": [f"picture {index}" for index in range(12)]}
            rows = {"": {"test": {"psnr": psnr}}, "bicubic": {"test": {"psnr": [25.0] * 12}}}
            table.pictures = PictureScores(names, rows)
            self.trainer = SimpleNamespace(callbacks=[table], global_step=3)
            self.model = SimpleNamespace(rule="kernel rule mean" if "true" in run else "")

    monkeypatch.setattr(runs, "RunCLI", Fake)
    Fake.fails = {}  # (command, run) -> what is raised
    made.fake = Fake
    return made


def table_of(tmp_path):
    return json.loads((tmp_path / "out" / "table.json").read_text())


def done(calls):
    """Commands and runs, which are forgotten then."""
    found = [f"{command} {run}" for command, run, _ in calls]
    calls.clear()
    return found


ALL = ["no_seed_0", "true_seed_0", "no_seed_1", "true_seed_1"]


def test_every_run_is_made_once(tmp_path, calls, capsys):
    path = write_benchmark(tmp_path, seeds=[0, 1])
    assert benchmark(path) == 0
    assert done(calls) == [f"{command} {run}" for run in ALL for command in ("fit", "test")]
    out = capsys.readouterr().out
    assert "no maps, seed 0: done (3 left, about 0:00:0" in out
    assert "Chosen: learning rate (beforehand); the best weights of a training" in out
    assert "true maps: kernel rule mean." in out
    first = table_of(tmp_path)
    assert [row["seeds"] for row in first["rows"]] == [[0, 1]] * 3
    assert first["rows"][1]["scores"]["mean"]["psnr"]["verdict"] == "better"
    assert first["rows"][2]["scores"]["mean"]["psnr"]["verdict"] == "worse"
    assert first["rows"][0]["scores"]["mean"]["psnr"]["verdict"] == ""
    assert benchmark(path) == 0
    assert done(calls) == []
    assert "4 of 4 runs are finished already" in capsys.readouterr().out
    assert table_of(tmp_path) == first


def test_seeds_reach_the_training_and_the_test_sees_the_same_pictures(tmp_path, calls):
    benchmark(write_benchmark(tmp_path, seeds=[7], shared={"max_time": "00:00:01:00"}))
    fit, test = calls[0][2], calls[1][2]
    assert {"--seed_everything=7", "--data.init_args.seed=7"} <= set(fit)
    assert "--trainer.max_time=00:00:01:00" in fit
    assert not any(word.startswith(("--seed_everything", "--data")) for word in test)
    assert any(word.endswith("best.ckpt") for word in test if word.startswith("--ckpt_path="))
    assert "--model.init_args.use_blur=false" in fit
    assert "--model.init_args.use_blur=false" in test


def test_a_run_that_was_stopped_goes_on(tmp_path, calls, capsys):
    path = write_benchmark(tmp_path)
    calls.fake.fails = {("fit", "true_seed_0"): TrainingStopped(signal.SIGTERM)}
    assert benchmark(path) == 128 + signal.SIGTERM
    assert capsys.readouterr().err.count("the same line goes on") == 1
    assert not (tmp_path / "out" / "table.json").exists()
    assert done(calls) == ["fit no_seed_0", "test no_seed_0", "fit true_seed_0"]
    assert benchmark(path) == 0
    assert "--ckpt_path=last" in calls[0][2]
    assert done(calls) == ["fit true_seed_0", "test true_seed_0"]


def test_a_training_that_is_finished_is_not_repeated_for_a_test_that_was_stopped(tmp_path, calls):
    path = write_benchmark(tmp_path)
    calls.fake.fails = {("test", "no_seed_0"): TrainingStopped(signal.SIGINT)}
    assert benchmark(path) == 128 + signal.SIGINT
    done(calls)
    assert benchmark(path) == 0
    assert done(calls) == ["test no_seed_0", "fit true_seed_0", "test true_seed_0"]


def changed(path, row, **values):
    content = yaml.safe_load(path.read_text())
    content["rows"][row] |= values
    path.write_text(yaml.safe_dump(content))


def test_a_row_whose_configuration_changed_is_run_again_and_says_so(tmp_path, calls, capsys):
    path = write_benchmark(tmp_path)
    benchmark(path)
    done(calls)
    changed(path, 1, overrides={"model.init_args.features": 12})
    capsys.readouterr()
    assert benchmark(path) == 0
    assert done(calls) == ["fit true_seed_0", "test true_seed_0"]
    line = "true maps, seed 0: overrides.model.init_args.features changed, runs again"
    assert line in capsys.readouterr().out
    config = tmp_path / "tiny.yaml"
    content = yaml.safe_load(config.read_text())
    content["trainer"]["max_epochs"] = 5
    config.write_text("# a comment alone would change nothing\n" + yaml.safe_dump(content))
    benchmark(path)
    assert len(done(calls)) == 4
    assert "no maps, seed 0: config.trainer.max_epochs changed" in capsys.readouterr().out
    config.write_text("# another comment\n" + yaml.safe_dump(content))
    benchmark(path)
    assert done(calls) == []


def test_what_is_changed_of_the_test_alone_needs_no_training(tmp_path, calls, capsys):
    path = write_benchmark(tmp_path)
    benchmark(path)
    done(calls)
    changed(path, 0, test_overrides={"model.init_args.crop_border": 4})
    benchmark(path)
    assert done(calls) == ["test no_seed_0"]
    assert "crop_border changed, is tested again" in capsys.readouterr().out


def test_a_run_that_fails_does_not_end_the_others(tmp_path, calls, capsys):
    path = write_benchmark(tmp_path)
    why = ConfigError("model.features", found="-1", expected="more than 0")
    calls.fake.fails = {("fit", "true_seed_0"): why}
    assert benchmark(path) == 1
    text = capsys.readouterr().out
    assert "true maps, seed 0: failed: model.features: -1, expected more than 0" in text
    rows = table_of(tmp_path)["rows"]
    assert rows[1]["failed"] == {"0": str(why)}
    assert rows[0]["failed"] == {}
    assert "seed 0 failed: model.features: -1" in (tmp_path / "out" / "table.md").read_text()
    assert benchmark(path, "--join") == 1
    done(calls)
    assert benchmark(path) == 0
    assert done(calls) == ["fit true_seed_0", "test true_seed_0"]
    assert table_of(tmp_path)["rows"][1]["failed"] == {}


def test_a_defect_is_one_line_with_its_traceback_in_a_file(tmp_path, calls, capsys):
    calls.fake.fails = {("fit", "no_seed_0"): ZeroDivisionError("two\nlines")}
    assert benchmark(write_benchmark(tmp_path)) == 1
    assert "no maps, seed 0: failed: ZeroDivisionError: lines" in capsys.readouterr().out
    assert "Traceback" in next(tmp_path.rglob("error.txt")).read_text()


STARTED = {
    "name": "from no maps",
    "overrides": {"model.init_args.weights": "{best:no maps}"},
}


def chained(tmp_path, **more):
    path = write_benchmark(tmp_path, **more)
    content = yaml.safe_load(path.read_text())
    content["rows"].append({**STARTED, "config": content["rows"][0]["config"]})
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_row_may_start_from_another_of_the_same_seed(tmp_path, calls):
    path = chained(tmp_path, seeds=[0, 1])
    assert benchmark(path) == 0
    fits = [(run, words) for command, run, words in calls if command == "fit"]
    assert [run for run, _ in fits][2] == "from_seed_0"
    start = next(word for word in fits[-1][1] if word.startswith("--model.init_args.weights="))
    assert "seed_1" in start
    assert start.endswith("best.ckpt")
    done(calls)
    changed(path, 0, overrides={"model.init_args.use_blur": False, "data.init_args.batch_size": 1})
    benchmark(path)
    assert [one for one in done(calls) if "fit from" in one] == [
        "fit from_seed_0",
        "fit from_seed_1",
    ]


def test_a_row_that_needs_a_failed_one_fails_in_one_line(tmp_path, calls, capsys):
    path = chained(tmp_path)
    calls.fake.fails = {("fit", "no_seed_0"): ValueError("x")}
    assert benchmark(path) == 1
    assert "needs no maps, seed 0, which failed" in capsys.readouterr().out
    assert not [one for one in done(calls) if "from" in one]


def test_shards_share_the_work_and_join_to_the_table_of_one_run(tmp_path, calls, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    assert benchmark(chained(one, seeds=[0, 1])) == 0
    whole = set(done(calls))
    path = chained(two, seeds=[0, 1])
    shares = []
    for shard in ("1/3", "3/3", "2/3"):
        assert benchmark(path, "--shard", shard) == 0
        shares.append(done(calls))
        assert not (two / "out" / "table.json").exists()
    assert sorted(one for share in shares for one in share) == sorted(whole)
    chain = [share for share in shares if "fit from_seed_1" in share]
    assert "fit no_seed_1" in chain[0]  # what it starts from is made by the same shard
    assert "without --shard writes the table" in capsys.readouterr().out
    assert benchmark(path) == 0
    assert done(calls) == []
    first, second = table_of(one), table_of(two)
    for table in (first, second):
        for row in table["rows"]:
            for measured in ("training_seconds", "cpu_seconds"):
                row["costs"].pop(measured, None)
    assert first == second


def test_join_writes_what_is_finished_and_names_what_is_not(tmp_path, calls, capsys):
    path = write_benchmark(tmp_path, seeds=[0, 1])
    assert benchmark(path, "--join") == 2
    assert "no finished run" in capsys.readouterr().err
    benchmark(path, "--shard", "1/4")
    assert benchmark(path, "--join") == 0
    assert len(done(calls)) == 2
    assert "no maps: not run yet: seed 1" in capsys.readouterr().out


def test_a_folder_of_something_else_stays(tmp_path, calls, capsys):
    path = write_benchmark(tmp_path)
    benchmark(path)
    run = next((tmp_path / "out" / "runs").glob("no*/seed_0/run.json"))
    run.rename(run.with_name("mine.txt"))
    done(calls)
    assert benchmark(path) == 2
    assert "holds something without run.json" in capsys.readouterr().err
    assert done(calls) == []


def test_trained_checkpoints_are_tested_once_and_again_where_their_bytes_changed(tmp_path, calls):
    weights = tmp_path / "mine.ckpt"
    weights.write_bytes(b"one")
    path = write_benchmark(tmp_path, seeds=[0, 1])
    changed(path, 1, checkpoint=str(weights))
    benchmark(path)
    assert [one for one in done(calls) if "true" in one] == ["test true_seed_0"]
    weights.write_bytes(b"two")
    benchmark(path)
    assert done(calls) == ["test true_seed_0"]


def test_of_a_training_that_was_cut_and_resumed_the_newest_run_is_tested(tmp_path, calls):
    first, second = (tmp_path / f"logs/mine/version_{i}/checkpoints/last.ckpt" for i in (0, 1))
    for file in (first, second):
        file.parent.mkdir(parents=True)
    first.write_bytes(b"half learnt")
    path = write_benchmark(tmp_path, seeds=[0])
    changed(path, 1, checkpoint=str(tmp_path / "logs/mine/last.ckpt"))
    benchmark(path)
    done(calls)
    second.write_bytes(b"all learnt")
    benchmark(path)
    assert done(calls) == ["test true_seed_0"]
    benchmark(path)
    assert done(calls) == []


def test_a_row_that_tests_the_weights_of_another_is_tested_once(tmp_path, calls):
    path = write_benchmark(tmp_path, seeds=[0, 1])
    changed(path, 1, checkpoint="{last:no maps}")
    assert benchmark(path) == 0
    assert [one for one in done(calls) if "true" in one] == ["test true_seed_0", "test true_seed_1"]
    assert benchmark(path) == 0
    assert benchmark(path, "--join") == 0
    assert done(calls) == []
