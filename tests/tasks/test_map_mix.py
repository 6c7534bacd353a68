"""Which blur maps a restorer learns with."""

import copy

import pytest
import torch
import yaml
from lightning import Trainer
from tests.conftest import REPOSITORY

from blindsr.cli.training.command import main
from blindsr.data import RestorationScenes
from blindsr.errors import ConfigError
from blindsr.tasks import BlindSRTask
from blindsr.tasks.map_mix import check_shares, mixed_maps
from blindsr.weights.checkpoint import read_network

ESTIMATOR = {"kind": "blur_unet", "scale": 1, "width": 4}
RESTORER = {"kind": "blur_sr", "features": 8, "blocks": 1}
EVERY = {"estimated": 0.4, "truth": 0.3, "disturbed": 0.3}


def trainer(path, **options):
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=path,
        **options,
    )


def pipeline(**options):
    torch.manual_seed(0)
    arguments = {"num_classes": 0, "estimator": ESTIMATOR, "restorer": RESTORER, "map_mix": EVERY}
    return BlindSRTask(sigma_max=8.0, learning_rate=1e-3, **(arguments | options))


@pytest.fixture
def data():
    return RestorationScenes(
        count=4, pictures=2, val_count=1, size=64, crop=16, batch_size=2, num_workers=0
    )


@pytest.fixture
def maps():
    torch.manual_seed(0)
    truth = torch.rand(64, 1, 8, 8) * 6
    return truth, truth + 1, torch.full_like(truth, 0.7)


def test_one_source_alone_is_that_source(maps):
    truth, estimate, scale = maps
    blur, spread = mixed_maps({"truth": 1.0}, *maps)
    assert torch.equal(blur, truth)
    assert not spread.any()
    blur, spread = mixed_maps({"estimated": 1.0}, *maps)
    assert torch.equal(blur, estimate)
    assert torch.equal(spread, scale)


def test_shares_are_kept(maps):
    truth, estimate, _ = maps
    blur, _ = mixed_maps({"truth": 0.5, "estimated": 0.5}, *maps)
    true = sum(torch.equal(one, other) for one, other in zip(blur, truth, strict=True))
    estimated = sum(torch.equal(one, other) for one, other in zip(blur, estimate, strict=True))
    assert true + estimated == 64
    assert 20 < true < 44


def test_a_disturbed_map_is_as_far_off_as_its_uncertainty_says(maps):
    truth = maps[0].expand(64, 1, 8, 8)
    blur, spread = mixed_maps({"disturbed": 1.0}, truth, truth, torch.zeros_like(truth))
    away = (blur - truth).abs()
    assert (blur >= 0).all()
    assert 0.5 < float(away.mean() / spread.mean()) < 2
    unsure = spread.mean(dim=(1, 2, 3)).argsort()
    assert away[unsure[:16]].mean() < 0.5 * away[unsure[-16:]].mean()


@pytest.mark.parametrize(
    ("shares", "named"),
    [
        ({"guessed": 1.0}, "guessed"),
        ({"truth": 0.5}, "0.5"),
        ({"truth": 2.0, "estimated": -1.0}, "2"),
    ],
)
def test_wrong_shares_are_refused(shares, named):
    with pytest.raises(ConfigError, match=named):
        check_shares(shares)


def test_a_mix_of_maps_needs_networks_that_know_uncertainty():
    small = {"features": 8, "growth": 4, "blocks": 1, "code_length": 8, "use_semantics": False}
    with pytest.raises(ConfigError, match=r"model\.map_mix: BlurUNet \+ RRDB-SFT"):
        pipeline(num_classes=40, restorer=small)


def test_a_wrong_share_is_named_by_its_key():
    with pytest.raises(ConfigError, match=r"model\.map_mix\.truth: 1\.5"):
        pipeline(map_mix={"truth": 1.5})


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
def test_a_restorer_learns_from_a_mix_and_the_estimator_stays_as_it_is(tmp_path, data):
    task = pipeline()
    assert task.title == "BlurUNet + BlurSR"
    before = copy.deepcopy(task.network)
    trainer(tmp_path, max_steps=2).fit(task, data)
    assert not torch.equal(before.restorer.last.weight, task.network.restorer.last.weight)
    for name, tensor in before.estimator.state_dict().items():
        assert torch.equal(task.network.estimator.state_dict()[name], tensor), name
    (scores,) = trainer(tmp_path).test(task, data, verbose=False)
    rows = {key.split("/")[-2] for key in scores if key.startswith("test/mean/")}
    assert rows == {"bicubic", "constant sigma", "true maps"}


def test_data_of_another_phase_than_the_restorers_are_refused(tmp_path, data):
    task = pipeline(restorer=RESTORER | {"phase": 0.0})
    with pytest.raises(ConfigError, match=r"restorer\.phase: 0\.0"):
        trainer(tmp_path, max_steps=1).fit(task, data)


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
def test_an_estimator_learns_with_the_restorer_if_it_is_to(tmp_path, data):
    data.blurred = True
    task = pipeline(estimator_loss=0.01, map_mix={"estimated": 1.0})
    before = copy.deepcopy(task.network.state_dict())
    running = trainer(tmp_path, max_steps=2)
    running.fit(task, data)
    assert "train/estimator_loss" in running.callback_metrics
    moved = {
        k.split(".")[0] for k, v in task.network.state_dict().items() if (v != before[k]).any()
    }
    assert moved == {"estimator", "restorer"}


def test_what_is_wrong_with_the_restoration_reaches_the_estimator(data):
    data.setup("fit")
    batch = {k: v[None] for k, v in data.train_set[0].items() if k != "name"}
    task = pipeline(estimator_loss=0.01, map_mix={"estimated": 1.0})
    torch.nn.init.normal_(task.network.restorer.last.weight)  # it starts as bicubic, without maps
    for block in task.network.restorer.blocks:
        torch.nn.init.normal_(block.modulation.weight)
    sr, losses = task.restore_to_learn(batch)
    (gradient,) = torch.autograd.grad(sr.sum(), task.network.estimator.head.weight)
    assert gradient.abs().sum() > 0
    assert set(losses) == {"estimator_loss"}


def test_an_estimator_learns_from_mixed_maps_alone():
    with pytest.raises(ConfigError, match=r"model\.estimator_loss: 0\.01 for BlurUNet"):
        pipeline(estimator_loss=0.01, map_mix=None)


def test_a_weight_below_zero_is_refused(tmp_path, data):
    with pytest.raises(ConfigError, match=r"model\.estimator_loss: -1, expected 0 or more"):
        trainer(tmp_path, max_steps=1).fit(pipeline(estimator_loss=-1), data)


TINY = {"count": 3, "val_count": 1, "num_workers": 0}
SMALL = {
    "blur": ({"width": 4}, TINY | {"size": 32, "scenes": 2}),
    "blur_sr": ({"restorer": RESTORER}, TINY | {"size": 64, "crop": 16, "pictures": 2}),
    "blur_lr": ({"width": 4}, TINY | {"size": 32, "scenes": 2, "reduced_pictures": 2}),
    "blind": ({"restorer": RESTORER}, TINY | {"size": 64, "crop": 16, "pictures": 2}),
    "wide": ({}, TINY | {"size": 64, "crop": 16, "pictures": 2}),
    "data_step": (
        {"restorer": RESTORER | {"data_step": True}},
        TINY | {"size": 64, "crop": 16, "pictures": 2},
    ),
}
"""What is smaller than in the files of the model in the box, in the order of its recipe."""


def test_a_restorer_with_a_data_step_starts_from_one_without(tmp_path):
    files = {}
    for name, data_step in (("without", False), ("with", True)):
        task = pipeline(restorer=RESTORER | {"data_step": data_step})
        torch.nn.init.normal_(task.network.restorer.last.weight)
        files[name] = str(tmp_path / f"{name}.ckpt")
        running = trainer(tmp_path)
        running.strategy.connect(task)
        running.save_checkpoint(files[name], weights_only=True)
    wanted = RESTORER | {"data_step": True}
    task = pipeline(restorer=wanted, weights={"restorer": files["without"]})
    task.preflight("fit", resumed=False)
    found = task.network.restorer
    assert torch.equal(
        found.last.weight, read_network(files["without"]).network().restorer.last.weight
    )
    assert not found.data_step.gate[-1].weight.any()
    with pytest.raises(ConfigError, match=r"data_step: False in the configuration, expected True"):
        pipeline(
            restorer=RESTORER | {"data_step": False}, weights={"restorer": files["with"]}
        ).preflight("fit", resumed=False)


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
def test_a_part_of_the_restorer_learns_alone(tmp_path, data):
    task = pipeline(restorer=RESTORER | {"data_step": True}, learns="data_step")
    before = copy.deepcopy(task.network.state_dict())
    trainer(tmp_path, max_steps=2).fit(task, data)
    moved = {k for k, v in task.network.state_dict().items() if (v != before[k]).any()}
    assert moved
    assert all(name.startswith("restorer.data_step.") for name in moved)


@pytest.mark.parametrize(("part", "restorer"), [("data_step", RESTORER), ("lats", RESTORER)])
def test_a_part_that_the_restorer_lacks_is_refused(part, restorer):
    with pytest.raises(ConfigError, match=rf"model\.learns: '{part}', expected one of .*blocks, "):
        pipeline(restorer=restorer, learns=part)


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
def test_the_recipe_of_the_model_in_the_box_runs_from_end_to_end(tmp_path, monkeypatch):
    """As written, but for sizes: every training starts from the files of those before it."""
    monkeypatch.chdir(tmp_path)
    for part, (model, data) in SMALL.items():
        path = REPOSITORY / "experiments" / f"small_{part}.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["trainer"] |= {"max_steps": 1, "limit_val_batches": 1}
        content["model"]["init_args"] |= model
        content["data"]["init_args"] |= data
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(content))
        assert main(["fit", "-c", "run.yaml", "--trainer.enable_progress_bar", "false"]) == 0, part
        assert list((tmp_path / "logs" / f"small_{part}").rglob("last.ckpt")), part
