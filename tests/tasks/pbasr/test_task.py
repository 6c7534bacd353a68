"""PBaSR: two branches, their adversaries, their average."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from tests.helpers.pbasr_task import TINY, data, state, task, trainer

import blindsr
from blindsr.callbacks import EMA, SkipNonFinite, WeightInterpolation
from blindsr.cli import app
from blindsr.data import PBaSRScenes
from blindsr.errors import ConfigError, FileError, WeightsError
from blindsr.networks import UNetDiscriminator
from blindsr.tasks import PBaSRTask
from blindsr.weights import average_branches, build_anchor, read_anchor
from blindsr.weights.anchors.classes import as_released


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_branches_start_equal_and_part(tmp_path: Path) -> None:
    model = task()
    before = state(model.general)
    assert equal(before, state(model.blur))
    assert set(model.discriminators) == {"general", "blur"}
    judges = {name: state(network) for name, network in model.discriminators.items()}
    loop = trainer(tmp_path, max_epochs=2)
    loop.fit(model, data())
    assert model.iterations == 4
    assert loop.global_step == 4 * 4  # four optimisers
    assert not equal(before, state(model.general))
    assert not equal(state(model.general), state(model.blur))
    assert all(not equal(judges[n], state(d)) for n, d in model.discriminators.items())
    assert all(p.requires_grad for p in model.parameters())
    scores = loop.callback_metrics
    assert {"train/general/gan", "train/blur/pixel", "train/blur/discriminator"} <= set(scores)
    assert all(torch.isfinite(value) for name, value in scores.items() if name.startswith("train"))
    parts = [scores[f"train/blur/discriminator_{region}"] for region in ("blurred", "sharp")]
    torch.testing.assert_close(sum(parts), scores["train/blur/discriminator"])
    assert all(part > 0 for part in parts)
    assert "train/general/discriminator_blurred" not in scores  # it has no mask


def test_validation_scores_the_average_and_both_branches(tmp_path: Path) -> None:
    model, datamodule = task(), data()
    trainer(tmp_path, limit_val_batches=0).fit(model, datamodule)
    found = trainer(tmp_path).validate(model, datamodule, verbose=False)[0]
    for group in ("general", "blur"):
        for row in ("", "general branch/", "blur branch/"):
            assert f"val/{group}/{row}psnr" in found
    assert found["val/blur/texture"] > 0
    assert found["val/blur/psnr"] != found["val/blur/blur branch/psnr"]
    gmsd = [found["val/general/gmsd"], found["val/blur/gmsd"]]
    assert found["val/lpips_or_gmsd"] == pytest.approx(sum(gmsd) / 2)
    expected = average_branches(model.general.state_dict(), model.blur.state_dict())
    assert equal(state(model.average()), expected)


def test_test_has_a_row_for_each_network(tmp_path: Path) -> None:
    model, datamodule = task(), data()
    loop = trainer(tmp_path, limit_val_batches=0)
    loop.fit(model, datamodule)
    loop.save_checkpoint(tmp_path / "run.ckpt")
    again = task(compare={"the same run": str(tmp_path / "run.ckpt")})
    again.load_state_dict(model.state_dict())
    found = trainer(tmp_path).test(again, datamodule, verbose=False)[0]
    for row in ("bicubic/", "general branch/", "blur branch/", "the same run/", ""):
        assert f"test/blur/{row}blurred_psnr" in found
        assert f"test/blur/{row}texture" in found
    assert found["test/blur/the same run/psnr"] == pytest.approx(found["test/blur/psnr"])
    assert found["test/mean/bicubic/psnr"] != found["test/psnr"]


def test_the_average_keeps_the_facts_of_its_data(tmp_path: Path) -> None:
    loop = trainer(tmp_path, limit_val_batches=0)
    loop.fit(task(), data())
    loop.save_checkpoint(tmp_path / "run.ckpt")
    out = tmp_path / "average.safetensors"
    assert app.main(["convert", "average", str(tmp_path / "run.ckpt"), "-o", str(out)]) == 0
    for path in (tmp_path / "run.ckpt", out):
        model = blindsr.load(path)
        assert model.facts == data().facts
        assert "LR by bicubic in phase 1.5" in model.describe()
    out.write_bytes(out.read_bytes().replace(b"bicubic", b"lanczos"))
    with pytest.raises(WeightsError, match=r"facts\.downsampler 'lanczos'"):
        blindsr.load(out)


def test_a_run_is_read_back_as_its_average(tmp_path: Path) -> None:
    model = task()
    loop = trainer(tmp_path, limit_val_batches=0)
    loop.fit(model, data())
    loop.save_checkpoint(tmp_path / "run.ckpt")
    read = read_anchor(tmp_path / "run.ckpt")
    assert read.facts == data().facts
    network = read.network.eval()
    lr = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        assert torch.equal(network(lr), model.average()(lr))
    content = torch.load(tmp_path / "run.ckpt", weights_only=True)
    assert content["iterations"] == 2
    assert content["anchor"]["title"] == "ESRGAN"


def test_resume_in_mid_interval_equals_no_interruption(tmp_path: Path) -> None:
    def mixing() -> WeightInterpolation:
        return WeightInterpolation(every=3, lambda0=0.6)

    whole = task()
    trainer(tmp_path, max_epochs=4, limit_val_batches=0, callbacks=[mixing()]).fit(whole, data())
    first = task()
    part = trainer(tmp_path, max_epochs=2, limit_val_batches=0, callbacks=[mixing()])
    part.fit(first, data())
    part.save_checkpoint(tmp_path / "part.ckpt")
    resumed = task()
    trainer(tmp_path, max_epochs=4, limit_val_batches=0, callbacks=[mixing()]).fit(
        resumed, data(), ckpt_path=tmp_path / "part.ckpt"
    )
    assert resumed.iterations == whole.iterations == 8
    assert equal(state(whole), state(resumed))


def test_interpolation_draws_the_branches_together(tmp_path: Path) -> None:
    apart, together = task(), task()
    trainer(tmp_path, max_epochs=2, limit_val_batches=0).fit(apart, data())
    mixing = WeightInterpolation(every=1, lambda0=0.5, form="constant")
    trainer(tmp_path, max_epochs=2, limit_val_batches=0, callbacks=[mixing]).fit(together, data())

    def distance(model: PBaSRTask) -> float:
        pairs = zip(model.general.parameters(), model.blur.parameters(), strict=True)
        return float(torch.stack([(a - b).detach().square().sum() for a, b in pairs]).sum())

    assert distance(apart) > 0
    assert distance(together) < 1e-10  # lambda 0.5 makes both equal after every step


def saved_branch(path: Path, seed: int) -> Path:
    """A file of the anchor's network with other weights."""
    torch.manual_seed(seed)
    network = build_anchor(class_path="esrgan", init_args=TINY["init_args"]).network
    torch.save(as_released(network.state_dict()), path)
    return path


def test_the_average_of_two_trainings_can_be_scored(tmp_path: Path) -> None:
    files = [saved_branch(tmp_path / f"{seed}.pth", seed) for seed in (1, 2)]
    model = task(anchor={"weights": str(files[0])}, blur_weights=str(files[1]))
    one, other = state(model.general), state(model.blur)
    assert not torch.equal(one["model.0.weight"], other["model.0.weight"])
    for name, tensor in model.average().state_dict().items():
        torch.testing.assert_close(tensor, (one[name] + other[name]) / 2)
    with pytest.raises(ConfigError, match="blur_weights"):
        task(branches="unified", blur_weights=str(files[1]))
    with pytest.raises(WeightsError, match=r"2\.pth"):
        task(anchor={"arch": "compact", "init_args": {"num_feat": 4}}, blur_weights=str(files[1]))


def test_unified_training_has_one_branch_and_sees_both_streams(tmp_path: Path) -> None:
    model = task(branches="unified")
    seen: list[int] = []
    model.general.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    loop = trainer(tmp_path, limit_val_batches=0)
    loop.fit(model, data())
    assert seen == [4, 4]  # two of each stream
    assert not hasattr(model, "blur")
    assert list(model.discriminators) == ["general"]
    assert isinstance(model.discriminators["general"], UNetDiscriminator)
    assert loop.callback_metrics["train/general/discriminator_blurred"] > 0
    loop.save_checkpoint(tmp_path / "run.ckpt")
    assert equal(state(read_anchor(tmp_path / "run.ckpt").network), state(model.general))


def test_frozen_words_iterations_and_schedule(tmp_path: Path) -> None:
    model = task(frozen=["conv_first", "model.0"], max_iterations=3, halve_at=[1, 2])
    fixed = {n: p.clone() for n, p in model.general.named_parameters() if not p.requires_grad}
    assert fixed
    loop = trainer(tmp_path, max_epochs=100, limit_val_batches=0)
    loop.fit(model, data())
    assert model.iterations == 3
    parameters = dict(model.general.named_parameters())
    assert all(torch.equal(parameters[name], value) for name, value in fixed.items())
    rates = {group["lr"] for optimizer in loop.optimizers for group in optimizer.param_groups}
    assert rates == {1e-3 / 4, 1e-4 / 4}


def test_ema_averages_each_branch(tmp_path: Path) -> None:
    class Save(Callback):
        """At the end of training the average takes the place of the weights: look before it."""

        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            trainer.save_checkpoint(tmp_path / "run.ckpt")

    trainer(tmp_path, limit_val_batches=0, callbacks=[EMA(0.5), Save()]).fit(task(), data())
    content = torch.load(tmp_path / "run.ckpt", weights_only=True)
    averaged, raw = content["state_dict"], content["current_model_state"]
    for branch in ("general.", "blur."):
        names = [name for name in averaged if name.startswith(branch)]
        assert names
        assert any(not torch.equal(averaged[name], raw[name]) for name in names)


@pytest.mark.parametrize("gan", ["hinge", "literal", "vanilla"])
@pytest.mark.parametrize("condition", ["concat", "identity", "none"])
def test_every_form_of_the_adversary_trains(tmp_path: Path, gan: str, condition: str) -> None:
    model = task(gan=gan, condition=condition, gradient_clip=1.0)
    loop = trainer(tmp_path, limit_val_batches=0, limit_train_batches=1)
    loop.fit(model, data())
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert model.conditional == (condition != "none")


def test_without_an_adversarial_weight_there_is_no_adversary(tmp_path: Path) -> None:
    model = task(losses={"perceptual": 0.0, "gan": 0.0}, blur_losses={"gan": 0.2})
    assert list(model.discriminators) == ["blur"]
    trainer(tmp_path, limit_val_batches=0).fit(model, data())
    model = task(losses={"perceptual": 0.0, "gan": 0.0})
    assert not len(model.discriminators)
    trainer(tmp_path, limit_val_batches=0).fit(model, data())


def test_the_mask_reaches_the_blur_discriminator(tmp_path: Path) -> None:
    model = task()
    seen: list[torch.Tensor] = []
    model.discriminators["blur"].register_forward_hook(lambda _, given, __: seen.append(given[1]))
    trainer(tmp_path, limit_val_batches=0, limit_train_batches=1).fit(model, data())
    assert len(seen) == 3  # the restorer's step, real and restored
    assert all(set(mask.unique().tolist()) <= {0.0, 1.0} for mask in seen)


def test_both_discriminators_start_from_a_published_one(tmp_path: Path) -> None:
    torch.manual_seed(1)
    published = UNetDiscriminator(features=8)
    torch.save({"params": published.state_dict()}, tmp_path / "netD.pth")
    path = str(tmp_path / "netD.pth")
    model = task(discriminator_weights=path, condition="identity")
    model.preflight("fit", resumed=False)
    image, mask = torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    nets = [copy.deepcopy(n).eval() for n in (published, *model.discriminators.values())]
    with torch.no_grad():
        logits = [nets[0](image), nets[1](image), nets[2](image, mask)]
    torch.testing.assert_close(logits[1], logits[0])
    torch.testing.assert_close(logits[2], logits[0])
    with pytest.raises(WeightsError, match="condition identity"):
        task(discriminator_weights=path).preflight("fit", resumed=False)


def test_a_loss_that_is_not_finite_costs_a_step(tmp_path: Path) -> None:
    model = task(losses={"perceptual": 0.0, "gan": 0.0})
    before = state(model.blur)

    class Poison(PBaSRScenes):
        def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
            if "blur" in batch:
                batch["blur"]["hr"][:] = float("nan")
            return batch

    settings = {"train_count": 4, "size": (64, 64), "crop": 32, "batch_size": 2}
    loop = trainer(tmp_path, limit_val_batches=0, callbacks=[SkipNonFinite()])
    loop.fit(model, Poison(**settings, operator="gather"))
    assert equal(before, state(model.blur))
    assert all(torch.isfinite(p).all() for p in model.general.parameters())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"recipe": "gan"}, "recipe.*one of esrgan, femasr, srformer"),
        ({"losses": {"l1": 1.0}}, "losses: l1, expected one of pixel"),
        ({"losses": {"gan": -1.0}}, r"losses\.gan: -1\.0, expected 0 or more"),
        ({"scale": 2}, "anchor: a network of x4, expected x2"),
        ({"frozen": [""]}, "frozen.*leave parameters free"),
        ({"anchor": {"architecture": "esrgan"}}, "'architecture', expected of arch, class_path"),
        ({"anchor": {}}, "anchor: neither weights nor a class"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        task(**options)
    assert "\n" not in str(caught.value)


def test_losses_that_need_a_file_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"perceptual: 1 without.*vgg19-dcbb9e9d.*model\.vgg19"):
        task(losses={}).preflight("fit", resumed=False)
    with pytest.raises(FileError, match="vgg19-dcbb9e9d"):
        task(losses={}, vgg19=str(tmp_path / "none.pth")).preflight("fit", resumed=False)
    with pytest.raises(ConfigError, match="codebook: RRDBNet, which has no codes"):
        task(losses={"perceptual": 0.0, "codebook": 1.0}).preflight("fit", resumed=False)


def test_batches_without_two_streams_or_masks(tmp_path: Path) -> None:
    model = task()
    model.preflight("fit", resumed=False)
    with pytest.raises(ConfigError, match="also general, blur for PBaSRTask"):
        model._streams({"lr": torch.zeros(1)})  # type: ignore[dict-item]
    part = {"lr": torch.rand(1, 3, 8, 8), "hr": torch.rand(1, 3, 32, 32)}
    with pytest.raises(ConfigError, match="also mask"):
        model._streams({"general": part, "blur": part})  # type: ignore[dict-item]
