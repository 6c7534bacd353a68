"""Two processes on one CPU (gloo) give the scores of one, share samples and stay equal."""

import csv
import json

import pytest
import torch
from tests.integration.conftest import ESTIMATORS, RESTORERS, UNEVEN, marked

from blindsr.cli.training.command import main


def scores(path):
    return json.loads((path / "scores.json").read_text())


def test_each_file_is_written_once(two):
    logs = two.logs / "cmos"
    assert {path.name for path in logs.glob("version_*")} == {"version_0"}
    version = logs / "version_0"
    assert len(list((version / "pictures").glob("*.png"))) == 1
    assert {path.name for path in (version / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    content = torch.load(version / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["global_step"] == 3  # six scenes, one per rank and step


@pytest.mark.parametrize("model", marked(ESTIMATORS))
def test_validation_and_test_scores_equal_those_of_one_process(model, two, capsys):
    logs = two.logs / model
    checkpoint = str(logs / "version_0" / "checkpoints" / "last.ckpt")
    words = ["-c", str(two.folder / f"{model}.yaml"), *UNEVEN, "--ckpt_path", checkpoint]
    pair = scores(logs / "test_0")
    assert main(["test", *words]) == 0
    one = scores(logs / "test_1")
    assert pair["images"] == one["images"] == 6  # two groups of three, no scene twice
    for group, row in one["scores"].items():
        assert pair["scores"][group] == pytest.approx(row, abs=1e-6), group
    with (logs / "version_0" / "metrics.csv").open() as file:
        fit_scores = [row for row in csv.DictReader(file) if row.get("val/blur_psnr")][-1]
    assert main(["validate", *words]) == 0
    with (logs / "validate_0" / "metrics.csv").open() as file:
        alone = [row for row in csv.DictReader(file) if row.get("val/blur_psnr")][-1]
    names = ("val/blur_psnr", "val/blur_ssim", *(["val/miou"] if model == "cmos" else []))
    for name in names:
        assert float(fit_scores[name]) == pytest.approx(float(alone[name]), abs=1e-4), name


@pytest.mark.parametrize("model", marked(RESTORERS))
def test_restoration_scores_equal_those_of_one_process(model, two):
    logs = two.logs / model
    checkpoint = str(logs / "version_0" / "checkpoints" / "last.ckpt")
    words = ["-c", str(two.folder / f"{model}.yaml"), *UNEVEN, "--ckpt_path", checkpoint]
    assert {path.name for path in logs.iterdir()} == {"version_0", "test_0"}
    drawn = list((logs / "version_0" / "pictures").glob("step_*.png"))
    assert len(drawn) == (2 if model == "pbasr" else 1)  # one for each epoch, by rank 0 alone
    pair = scores(logs / "test_0")
    assert main(["test", *words]) == 0
    one = scores(logs / "test_1")
    assert set(pair["images_by_group"].values()) == {3}
    assert pair["images_by_group"] == one["images_by_group"]
    for rows in (["scores"], *(["others", name] for name in one["others"])):
        mine, theirs = one, pair
        for key in rows:
            mine, theirs = mine[key], theirs[key]
        for group, row in mine.items():
            assert theirs[group] == pytest.approx(row, abs=1e-6), (rows, group)


def test_both_ranks_hold_the_same_branches_and_discriminators(two):
    first, second = (
        torch.load(two.folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)
    )
    assert len(first["names"]) == len(second["names"]) == 4
    for mine, theirs in zip(first["names"], second["names"], strict=True):
        assert mine != theirs  # each rank saw its own pictures
    assert first["logged"] == second["logged"]
    assert 0.99 < first["logged"]["lambda"] < 1
    assert first["logged"]["distance"] > 0
    assert {name.partition(".")[0] for name in first["weights"]} == {
        *("general", "blur", "discriminators")
    }
    for name, tensor in first["weights"].items():
        assert torch.equal(tensor, second["weights"][name]), name
    still = {n for n, tensor in first["weights"].items() if torch.equal(tensor, first["start"][n])}
    assert not any(name.startswith(("general", "blur")) for name in still)
    # in the last bias of a discriminator both halves of the hinge loss cancel
    assert still <= {f"discriminators.{name}.conv9.bias" for name in ("general", "blur")}


def test_mixed_branches_stay_equal(two):
    (steps, logged), (others, others_logged) = (
        torch.load(two.folder / f"interpolation{rank}.pt", weights_only=True) for rank in range(2)
    )
    assert len(steps) == len(others) == 5
    weights = [key for key in steps[0] if key.endswith(("weight", "bias"))]
    for step, other in zip(steps, others, strict=True):
        assert all(torch.equal(step[key], other[key]) for key in weights)
    # each rank saw its own samples
    assert not torch.equal(steps[0]["general.1.running_mean"], others[0]["general.1.running_mean"])
    assert logged == others_logged
    assert [len(values) for values in logged] == [0, 3, 3, 3, 3]
    assert not torch.equal(steps[1]["general.0.weight"], steps[1]["blur.0.weight"])


def test_two_processes_share_samples_and_draw_differently(two):
    seen = [json.loads((two.folder / f"samples{rank}.json").read_text()) for rank in range(2)]
    training = [(set(names), prints) for (names, repeats, prints), *_ in seen if not repeats]
    assert [len(names) for names, _ in training] == [3, 3]
    assert training[0][0] | training[1][0] == {f"{n:07d}" for n in range(5)}
    # the scene that both got to fill up was blurred in two ways
    assert len(set(training[0][1] + training[1][1])) == 6
    scored = [names[0] for rank in seen for names, repeats, _ in rank if repeats == [False]]
    assert sorted(scored) == [f"{1_000_000 + n:07d}" for n in range(3)]  # each picture once
    assert [len(rank) for rank in seen] == [3, 3]


def test_wandb_is_loaded_when_a_run_begins(two):
    assert json.loads((two.folder / "imports.json").read_text()) == {"wandb": [False, False]}
