"""PBaSR on FeMaSR at its real size: what is frozen, what learns, the loss in codes."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest
import torch
from tests.helpers.pbasr_task import data, state, task, trainer

from blindsr.errors import ConfigError
from blindsr.weights.anchors.classes import build_class, resolve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("spandrel_extra_arches") is None,
        reason="spandrel_extra_arches is not installed",
    ),
]
FEMASR = {"anchor": {"arch": "femasr"}, "recipe": "femasr", "losses": {"lpips": 0.0}}


def test_encoders_learn_from_codes_and_the_rest_is_frozen(tmp_path: Path) -> None:
    torch.manual_seed(0)
    autoencoder = build_class(*resolve("femasr", {"LQ_stage": False}))
    assert sum(p.numel() for p in autoencoder.parameters()) == 12_176_707
    torch.save({"params": autoencoder.state_dict()}, tmp_path / "FeMaSR_HRP_model_g.pth")
    model = task(**FEMASR, learning_rate=1e-4, codebook=str(tmp_path / "FeMaSR_HRP_model_g.pth"))
    assert model.multiple == 16
    for name in model.branches:
        parameters = list(model.branch(name).parameters())
        assert sum(p.numel() for p in parameters if not p.requires_grad) == 5_766_787
        assert sum(p.numel() for p in parameters if p.requires_grad) == 28_293_184
    before = state(model.general)
    loop = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    loop.fit(model, data(crop=64, batch_size=1))
    for name in ("general", "blur"):
        assert loop.callback_metrics[f"train/{name}/codebook"] > 0
        after = dict(model.branch(name).named_parameters())
        still = {n for n, p in after.items() if torch.equal(p, before[n])}
        assert still == {n for n, p in after.items() if not p.requires_grad}
    assert not any("autoencoder" in name for name in model.state_dict())
    with torch.inference_mode():
        assert model.eval()(torch.rand(1, 3, 17, 16)).shape == (1, 3, 68, 64)


def test_codes_need_their_file() -> None:
    with pytest.raises(ConfigError, match=r"FeMaSR_HRP_model_g\.pth beside it.*model\.codebook"):
        task(**FEMASR).preflight("fit", resumed=False)
