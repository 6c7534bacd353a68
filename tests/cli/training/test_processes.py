"""What several processes cannot do with a task is one line, before a run leaves a trace."""

import pytest
import yaml
from tests.conftest import REPOSITORY
from tests.helpers.configurations import save_config, write_config
from tests.helpers.fsdp_on_cpu import FSDPOnCPU
from tests.helpers.pbasr_configuration import tiny_config

from blindsr.cli.training.command import main

SPLIT = {"class_path": f"{FSDPOnCPU.__module__}.{FSDPOnCPU.__name__}"}
LEFT_TO_THE_TASK = {"class_path": "lightning.pytorch.strategies.ModelParallelStrategy"}


def line(config, capsys, *words):
    """The only line of an error; no folder of a run is left."""
    assert main(["fit", "-c", str(config), *words]) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert not (config.parent / "logs").exists()
    (found,) = [one for one in error.splitlines() if one.startswith("blindsr: error: ")]
    return found.removeprefix("blindsr: error: ")


def test_split_weights_need_a_gpu(tmp_path, capsys):
    found = line(write_config(tmp_path), capsys, "--trainer.strategy", "fsdp")
    assert found.startswith("trainer.strategy: fsdp without a GPU")
    assert "--trainer.strategy ddp" in found


def test_weights_that_are_averaged_are_not_split(tmp_path, capsys):
    overlay = REPOSITORY / "experiments/overlays/ema.yaml"
    config = write_config(tmp_path, strategy=SPLIT)
    found = line(config, capsys, "-c", str(overlay))
    assert found.startswith("trainer.strategy: FSDPOnCPU, expected a strategy that keeps whole")
    assert "for EMA" in found


@pytest.mark.parametrize("strategy", [SPLIT, LEFT_TO_THE_TASK])
@pytest.mark.parametrize("mixing", [True, False])
def test_a_task_that_steps_its_optimisers_itself_is_not_split(strategy, mixing, tmp_path, capsys):
    content = yaml.safe_load(tiny_config(tmp_path).read_text())
    content["trainer"]["strategy"] = strategy
    if not mixing:
        del content["trainer"]["callbacks"]
    found = line(save_config(content, tmp_path, "pbasr"), capsys)
    assert "expected a strategy that keeps whole weights in each process, for PBaSRTask" in found


def test_a_task_does_not_split_itself(tmp_path, capsys):
    found = line(write_config(tmp_path, strategy=LEFT_TO_THE_TASK), capsys)
    assert found.startswith("trainer.strategy: ModelParallelStrategy, expected one that needs no")
    assert "--trainer.strategy fsdp" in found


def test_a_run_of_whole_weights_with_frozen_parts_is_not_gone_on_with(tmp_path, capsys):
    short = ["--trainer.limit_train_batches", "1", "--trainer.limit_val_batches", "1"]
    (tmp_path / "whole").mkdir()
    whole = write_config(tmp_path / "whole", model="blind", max_epochs=1)
    assert main(["fit", "-c", str(whole), *short]) == 0
    (last,) = (tmp_path / "whole/logs").rglob("last.ckpt")
    capsys.readouterr()
    config = write_config(tmp_path, model="blind", strategy=SPLIT)
    found = line(config, capsys, "--ckpt_path", str(last))
    assert found.startswith(f"--ckpt_path: {last}, of a run without FSDP, expected one of FSDP")
