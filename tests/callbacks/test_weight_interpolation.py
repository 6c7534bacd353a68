"""The cross-branch step in a training: when it acts, what it logs, resume."""

import copy
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.strategies import FSDPStrategy
from tests.helpers.two_branches import Branches, Recorder, branch, mixing
from torch import nn
from torch.utils.data import DataLoader

from blindsr.callbacks import WeightInterpolation
from blindsr.errors import ConfigError
from blindsr.networks.mixing import cosine, distance, interpolate_, mix_coefficient

BATCHES = 6


class Summed(Branches):
    """The same with one optimiser and Lightning's own loop."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = True

    def training_step(self, batch, _):
        return sum(net(batch).square().mean() for net in self.nets.values())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


class Unstarted(Branches):
    """Must not reach a batch."""

    def training_step(self, batch, _):
        raise AssertionError


def fit(folder, *callbacks, epochs=1, resume=None, model=None, **settings):
    torch.manual_seed(0)
    model = Branches() if model is None else model
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=list(callbacks), default_root_dir=folder,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks), **settings,
    )  # fmt: skip
    data = torch.randn(BATCHES, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    loader = DataLoader(data.unsqueeze(1).expand(-1, 4, -1, -1, -1).reshape(-1, 1, 6, 6), 4)
    trainer.fit(model, loader, ckpt_path=resume, weights_only=True)
    return trainer, model


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("form", ["paper", "per_tensor", "constant"])
def test_acts_after_every_kth_batch_and_logs_what_it_did(tmp_path, form):
    before, after = Recorder(), Recorder()
    fit(tmp_path, before, mixing(every=2, lambda0=0.6, form=form), after)
    acted = [not same(*pair) for pair in zip(before.steps, after.steps, strict=True)]
    assert acted == [False, True] * (BATCHES // 2)
    pair = nn.ModuleDict({"general": branch(), "blur": branch()})
    for position in range(1, BATCHES, 2):
        pair.load_state_dict(before.steps[position])
        nets = pair["general"], pair["blur"]
        cos = cosine(*nets, form="per_tensor" if form == "per_tensor" else "global")
        lam = mix_coefficient(cos, 0.6, "released" if form == "per_tensor" else form)
        logged = {
            "interpolation/lambda": float(lam),
            "interpolation/one_minus_cosine": float(1 - cos),
            "interpolation/distance": float(distance(*nets)),
        }
        assert after.logged[position] == pytest.approx(logged, rel=1e-6)
        interpolate_(*nets, lam)
        assert same(pair.state_dict(), after.steps[position])
    assert after.logged[0] == {}  # nothing before the first mixing


def test_the_rest_of_the_module_and_adam_stay(tmp_path):
    class Moments(Callback):
        def __init__(self):
            self.seen = []

        def on_train_batch_end(self, trainer, pl_module, *_):
            states = [optimizer.state_dict() for optimizer in trainer.optimizers]
            self.seen.append(copy.deepcopy((states, pl_module.critic.state_dict())))

    before, after = Moments(), Moments()
    fit(tmp_path, before, mixing(every=3), after)
    for (states, critic), (new_states, new_critic) in zip(before.seen, after.seen, strict=True):
        assert same(critic, new_critic)
        for state, new in zip(states, new_states, strict=True):
            assert len(state["state"]) == 6
            assert all(same(state["state"][key], new["state"][key]) for key in state["state"])


def test_gradient_accumulation_counts_batches(tmp_path):
    before, after = Recorder(), Recorder()
    fit(tmp_path, before, mixing(), after, model=Summed(), accumulate_grad_batches=2)
    acted = [not same(*pair) for pair in zip(before.steps, after.steps, strict=True)]
    assert acted == [position == 3 for position in range(BATCHES)]


def test_resume_between_two_mixings_is_exact(tmp_path):
    whole, _ = fit(tmp_path, mixing(lambda0=0.6), epochs=3)  # acts at 4, 8, 12, 16
    first, _ = fit(tmp_path, mixing(lambda0=0.6), epochs=1)  # 6 batches: two into the second
    path = tmp_path / "middle.ckpt"
    first.save_checkpoint(path)
    callback = mixing(lambda0=0.6)
    second, _ = fit(tmp_path, callback, epochs=3, resume=path)
    assert callback.iterations == 3 * BATCHES
    assert same(second.model.state_dict(), whole.model.state_dict())

    content = torch.load(path, weights_only=True)
    assert content["callbacks"].pop(callback.state_key) == {"iterations": BATCHES}
    torch.save(content, path)
    forgetful, _ = fit(tmp_path, mixing(lambda0=0.6), epochs=3, resume=path)
    assert not same(forgetful.model.state_dict(), whole.model.state_dict())


# it warns that weights are saved after the optimisers' steps: that is what is wanted
@pytest.mark.filterwarnings("ignore:Using ModelCheckpoint with manual optimization")
@pytest.mark.parametrize("batches", [3, 4, 5])
def test_checkpoint_inside_an_epoch_holds_weights_and_count_of_one_moment(tmp_path, batches):
    saving = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=2, save_top_k=-1)
    recorder = Recorder()
    fit(tmp_path, saving, mixing(), recorder)  # Lightning moves the checkpoint to the end
    path = tmp_path / f"step={2 * batches}.ckpt"  # each of two optimisers counts
    content = torch.load(path, weights_only=True)
    assert content["callbacks"][mixing().state_key] == {"iterations": batches}
    saved = {key.removeprefix("nets."): value for key, value in content["state_dict"].items()}
    assert same(recorder.steps[batches - 1], saved)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nets.general", "nets.defocus"), r"nets\.defocus: .* one of nets\.general, nets\.blur$"),
        (("general", "blur"), "general: no such submodule, expected one of nets, critic$"),
        (("critic", "nets.blur"), r"weight: \(2, 2\) in critic, missing in nets\.blur"),
        (("nets.general.0", "nets.general.2"), r"weight: \(3, 1, 3, 3\) in nets\.general\.0, \("),
    ],
)
def test_wrong_branches_are_refused_before_the_first_batch(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message) as caught:
        fit(tmp_path, WeightInterpolation(*arguments), model=Unstarted())
    assert "\n" not in str(caught.value)


def test_senseless_settings_are_refused():
    with pytest.raises(ConfigError, match="second: blur, expected another submodule"):
        WeightInterpolation("blur", "blur")
    with pytest.raises(ConfigError, match="every: 0"):
        WeightInterpolation(every=0)
    with pytest.raises(ConfigError, match=r"lambda0: 1\.5, expected 0\.\.1"):
        WeightInterpolation(lambda0=1.5)
    with pytest.raises(ConfigError, match="form: mean, expected one of paper, per_tensor"):
        WeightInterpolation(form="mean")
    sharded = SimpleNamespace(strategy=object.__new__(FSDPStrategy))
    with pytest.raises(ConfigError, match="FSDPStrategy, expected a strategy that keeps whole"):
        WeightInterpolation().on_fit_start(sharded, Branches())
