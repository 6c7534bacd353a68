"""A training that was killed in mid-epoch and resumed ends as one that was not."""

import pytest
import torch
from tests.helpers.configurations import write_config
from tests.helpers.resumed_runs import DieInCopy, ending_the_copy, equal, states, weights

from blindsr.cli.training import command

EPOCH_AFTER = ("cmos", "ssr")
"""Models that train an epoch after the one in which they were killed: it is the same for all."""


@pytest.mark.parametrize(
    ("model", "on_the_fly"),
    [
        ("cmos", "true"),
        ("rrdb_sft", "false"),
        ("blind", "true"),
        ("dan", "true"),
        ("koalanet", "false"),
        ("dcls", "true"),
        ("manet", "true"),
        ("rrdb_sft_pca", "true"),
        ("blind_mixed", "true"),
        ("svkr", "true"),
        ("ssr", "true"),
    ],
)
def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(
    model, on_the_fly, tmp_path, monkeypatch
):
    def fit(name, *words):
        config = write_config(tmp_path, name, model, max_epochs=3 if model in EPOCH_AFTER else 2)
        data = ["--data.on_the_fly", on_the_fly, "--data.train_count", "4", "--data.val_count", "1"]
        status = command.main(["fit", "-c", str(config), *data, *words])
        return status, tmp_path / "logs" / name / "version_0" / "checkpoints" / "last.ckpt"

    with monkeypatch.context() as patch, ending_the_copy():
        patch.setattr(command, "ScoreTable", DieInCopy)
        status, whole = fit("whole")
    assert status == 0
    killed = whole.with_name("killed.ckpt")
    cut = torch.load(killed, weights_only=False)
    assert cut["global_step"] == 3  # saved by the error itself
    status, resumed = fit("resumed", "--ckpt_path", str(killed))
    assert status == 0
    ended = weights(whole)
    assert equal(weights(resumed), ended)
    assert not equal(states(cut), ended)
