"""The three stages on a tiny Cityscapes-BSR, as their files have them: fit, then test."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.helpers.make_cityscapes import make

from blindsr.cli.training.command import main
from blindsr.data import prepare_cityscapes

SMALL = {
    "cmos": ["--model.backbone=pyramid_small", "--model.pretrained=false"],
    "rrdb_sft": ["--model.blocks=1", "--data.crop=[8,8]"],
}
ENOUGH = [
    *("--trainer.accelerator=cpu", "--trainer.limit_val_batches=1", "--data.num_workers=0"),
    *("--data.batch_size=1", "--trainer.limit_train_batches=1", "--trainer.precision=32-true"),
]
ONCE = ["--trainer.val_check_interval=1", "--trainer.max_steps=1"]


def config(stage: str, kind: str) -> str:
    return str(REPOSITORY / "experiments" / f"{stage}_cityscapes{kind}.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", "_paper"])
def test_stages_follow_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare_cityscapes(make(tmp_path / "source"), "data/cityscapes_bsr", size=(64, 96))
    for stage, small in SMALL.items():
        words = [*small, *ENOUGH]
        if stage == "rrdb_sft":
            words += ONCE
        else:
            words += ["--trainer.check_val_every_n_epoch=1", "--trainer.max_epochs=1"]
        assert main(["fit", "-c", config(stage, kind), *words]) == 0
        assert list((tmp_path / f"logs/{stage}_cityscapes{kind}").rglob("best.ckpt"))
    blind = ["-c", config("blind", kind), *ENOUGH, *ONCE]
    assert main(["fit", *blind]) == 0
    best = f"logs/blind_cityscapes{kind}/best.ckpt"  # by the name of the run
    assert main(["test", *blind, "--ckpt_path", best]) == 0  # without labels
