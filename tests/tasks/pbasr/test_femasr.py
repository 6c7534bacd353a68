"""PBaSR on FeMaSR at its real size: what is frozen, what learns, the loss in codes."""

from __future__ import annotations

import importlib.util
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tests.helpers.pbasr_task import data, task, trainer

from blindsr.errors import ConfigError
from blindsr.weights.anchors.classes import build_class, resolve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("free_memory"),
    pytest.mark.skipif(
        importlib.util.find_spec("spandrel_extra_arches") is None,
        reason="spandrel_extra_arches is not installed",
    ),
]
FEMASR = {"anchor": {"arch": "femasr"}, "recipe": "femasr", "losses": {"lpips": 0.0}}
SMALL = {"anchor": {"class_path": "tests.helpers.coded_network.CodedNetwork"}}


class FirstStep(torch.optim.SGD):
    """The first step of Adam, without what it and its gradients would occupy after it: 570 MB."""

    def __init__(self, params: Any, lr: float, **_: Any) -> None:
        super().__init__(params, lr)

    def step(self, closure: Any = None) -> Any:
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for parameter in self.param_groups[0]["params"]:
            parameter.grad.sign_()
        super().step()
        self.zero_grad()
        return loss


def sums(network: torch.nn.Module) -> dict[str, int]:
    """Checksums of the bits of all parameters."""
    return {n: zlib.crc32(p.detach().numpy().data) for n, p in network.named_parameters()}


def test_encoders_learn_from_codes_and_the_rest_is_frozen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blindsr.tasks.pbasr.adversaries.adam", FirstStep)
    torch.manual_seed(0)
    autoencoder = build_class(*resolve("femasr", {"LQ_stage": False}))
    assert sum(p.numel() for p in autoencoder.parameters()) == 12_176_707
    torch.save({"params": autoencoder.state_dict()}, tmp_path / "FeMaSR_HRP_model_g.pth")
    del autoencoder
    model = task(**FEMASR, learning_rate=1e-4, codebook=str(tmp_path / "FeMaSR_HRP_model_g.pth"))
    assert model.multiple == 16
    for name in model.branches:
        parameters = list(model.branch(name).parameters())
        assert sum(p.numel() for p in parameters if not p.requires_grad) == 5_766_787
        assert sum(p.numel() for p in parameters if p.requires_grad) == 28_293_184
    before = sums(model.general)
    loop = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    loop.fit(model, data(crop=64, batch_size=1))
    assert {type(optimizer) for optimizer in loop.optimizers} == {FirstStep}
    for name in ("general", "blur"):
        assert loop.callback_metrics[f"train/{name}/codebook"] > 0
        branch = model.branch(name)
        still = {n for n, after in sums(branch).items() if after == before[n]}
        assert still == {n for n, p in branch.named_parameters() if not p.requires_grad}
    assert not any("autoencoder" in name for name in model.state_dict())
    with torch.inference_mode():
        assert model.eval()(torch.rand(1, 3, 15, 16)).shape == (1, 3, 60, 64)


def test_codes_need_their_file() -> None:
    with pytest.raises(ConfigError, match=r"FeMaSR_HRP_model_g\.pth beside it.*model\.codebook"):
        task(**FEMASR | SMALL).preflight("fit", resumed=False)
