"""What a DataModule says of its samples reaches tasks, checkpoints and exports, or is refused."""

import json
from dataclasses import replace

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from tests.helpers.restoration_data import ESTIMATOR, RESTORER
from torch.utils.data import DataLoader

import blindsr
from blindsr.data import HRFolder, PBaSRScenes, Scenes
from blindsr.errors import ConfigError, WeightsError
from blindsr.tasks import BlindSRTask, CMOSTask, RRDBSFTTask
from blindsr.types import DataFacts
from blindsr.weights import read_network
from blindsr.weights.export import save_safetensors

# the estimator of a pipeline is frozen: that it stays in evaluation mode is the point
pytestmark = pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
FACTS = DataFacts(4, 1.5, "bicubic", 5.0, 21, 3, ("sky", "tree", "road"), metric_depth=True)


class Data(LightningDataModule):
    """Two samples of LR 16x16."""

    def __init__(self, facts=FACTS):
        super().__init__()
        self.facts = facts

    def train_dataloader(self):
        draw = torch.Generator().manual_seed(0)
        hr = torch.rand(3, 64, 64, generator=draw)
        sample = {
            "lr": torch.rand(3, 16, 16, generator=draw),
            "hr": hr,
            "blur": 5 * torch.rand(1, 64, 64, generator=draw),
            "seg": torch.randint(0, 3, (64, 64), generator=draw),
        }
        return DataLoader([sample, sample], batch_size=2)

    val_dataloader = test_dataloader = train_dataloader


def trainer(folder, **options):
    settings = {"accelerator": "cpu", "logger": False, "max_steps": 1, "num_sanity_val_steps": 0}
    return Trainer(
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **settings | options,
    )


def restorer(**options):
    return RRDBSFTTask(**RESTORER | {"num_classes": 3, "skip": "bicubic", "phase": 1.5} | options)


def trained(folder, model, facts=FACTS):
    run = trainer(folder)
    run.fit(model, datamodule=Data(facts))
    path = folder / "run.ckpt"
    run.save_checkpoint(path)
    return path


def test_data_modules_say_what_holds_for_all_samples():
    facts = Scenes(scale=4, downsampler="area").facts
    assert (facts.scale, facts.phase, facts.downsampler) == (4, 1.5, "area")
    assert (facts.sigma_max, facts.window_taps) == (5.0, 21)
    assert facts.num_classes == len(facts.class_names) == 8
    assert facts.metric_depth is True
    assert Scenes(downsampler="sfold").facts.phase == 0
    assert Scenes(photographs=0.5).facts.metric_depth is False
    folder = HRFolder(degradation="realesrgan", scale=2).facts
    assert folder == DataFacts(2, 0.5, "bicubic", 0.0, 1)
    assert PBaSRScenes().facts.num_classes == 0
    with pytest.raises(AttributeError):
        folder.scale = 3


@pytest.mark.parametrize(("phase", "theirs"), [(0.0, FACTS), (1.5, replace(FACTS, phase=0.0))])
def test_a_network_that_enlarges_in_another_phase_is_refused(tmp_path, phase, theirs):
    message = rf"model.phase: {phase}, expected {theirs.phase} .*as in the data \(Data\)"
    with pytest.raises(ConfigError, match=message):
        trainer(tmp_path).fit(restorer(phase=phase), datamodule=Data(theirs))
    trainer(tmp_path).fit(restorer(phase=phase, skip="none"), datamodule=Data(theirs))


def test_the_restorer_of_a_pipeline_is_held_to_the_phase_too(tmp_path):
    options = {"estimator": ESTIMATOR, "num_classes": 3}
    parts = RESTORER | {"skip": "bicubic"}
    with pytest.raises(ConfigError, match=r"model.restorer.phase: 0.0, expected 1.5"):
        trainer(tmp_path).fit(BlindSRTask(restorer=parts, **options), datamodule=Data())
    trainer(tmp_path).fit(
        BlindSRTask(restorer=parts | {"phase": 1.5}, **options), datamodule=Data()
    )


@pytest.mark.parametrize(
    ("name", "value"), [("scale", 2), ("num_classes", 40), ("sigma_max", 15.0)]
)
def test_every_other_disagreement_is_one_line(tmp_path, name, value):
    facts = replace(FACTS, class_names=(), **{name: value})
    with pytest.raises(ConfigError, match=rf"model.{name}: .*, expected {value} as in the data"):
        trainer(tmp_path).test(restorer(), datamodule=Data(facts), verbose=False)


@pytest.mark.parametrize("said", [None, {"scale": 4}])
def test_a_data_module_that_says_nothing_is_told_what_is_missing(tmp_path, said):
    with pytest.raises(
        ConfigError, match=r"data: Data without facts, expected .*DataFacts"
    ) as told:
        trainer(tmp_path).fit(restorer(), datamodule=Data(said))
    assert "\n" not in str(told.value)


def test_plain_loaders_train_and_have_no_row_of_bicubic(tmp_path):
    model, loader = restorer(), Data().train_dataloader()
    run = trainer(tmp_path)
    run.fit(model, loader, loader)
    run.save_checkpoint(tmp_path / "plain.ckpt")
    assert read_network(tmp_path / "plain.ckpt").facts is None
    found = trainer(tmp_path).test(model, loader, verbose=False)[0]
    assert "test/psnr" in found
    assert not any("bicubic" in name for name in found)


@pytest.mark.parametrize("kind", ["cmos", "rrdb_sft", "blind"])
def test_checkpoints_and_exports_keep_the_facts_and_tell_them(tmp_path, kind):
    model = {
        "cmos": lambda: CMOSTask(3, **ESTIMATOR),
        "rrdb_sft": restorer,
        "blind": lambda: BlindSRTask(3, estimator=ESTIMATOR, restorer=RESTORER),
    }[kind]()
    path = trained(tmp_path, model)
    plain = torch.load(path, weights_only=True)["facts"]
    assert json.loads(json.dumps(plain)) == plain
    file = read_network(path)
    assert file.facts == FACTS
    save_safetensors(tmp_path / "x.safetensors", file)
    assert read_network(tmp_path / "x.safetensors").facts == FACTS
    for name in (path, tmp_path / "x.safetensors"):
        loaded = blindsr.load(name)
        assert loaded.facts == FACTS
        assert "LR by bicubic in phase 1.5" in loaded.describe()
        assert "21 pixels" in loaded.describe()
        assert "depth in metres" in loaded.describe()


def test_a_test_on_other_data_does_not_change_what_it_was_trained_on(tmp_path):
    path = trained(tmp_path, restorer(skip="none"))
    model = RRDBSFTTask.load_from_checkpoint(path)
    assert model.trained_on == FACTS
    run = trainer(tmp_path)
    run.test(model, datamodule=Data(replace(FACTS, phase=0.0, downsampler="sfold")), verbose=False)
    run.save_checkpoint(tmp_path / "again.ckpt")
    assert read_network(tmp_path / "again.ckpt").facts == FACTS


def test_files_of_before_load_without_facts(tmp_path):
    path = trained(tmp_path, restorer())
    content = torch.load(path, weights_only=True)
    del content["facts"]
    torch.save(content, path)
    assert read_network(path).facts is None
    assert blindsr.load(path).facts is None
    assert "phase" not in blindsr.load(path).describe()
    assert RRDBSFTTask.load_from_checkpoint(path).trained_on is None


WRONG = [
    ({"scale": "4"}, r"facts\.scale '4'"),
    ({"scale": 2}, r"facts of data at x2, expected x4"),
    ({"scale": 4.5}, r"facts\.scale 4\.5, expected a whole number"),
    ({"phase": float("nan")}, r"facts\.phase nan"),
    ({"phase": -1}, r"facts\.phase -1"),
    ({"downsampler": "lanczos"}, r"facts\.downsampler 'lanczos', expected 'sfold' or"),
    ({"sigma_max": True}, r"facts\.sigma_max True"),
    ({"window_taps": 10**9}, r"facts\.window_taps 1000000000"),
    ({"num_classes": -3}, r"facts\.num_classes -3"),
    ({"class_names": ["sky"]}, r"facts\.class_names 1, expected 3, or none"),
    ({"class_names": ["\x1b[2J", "a", "b"]}, r"facts\.class_names"),
    ({"metric_depth": "yes"}, r"facts\.metric_depth 'yes'"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_facts_of_a_stranger_are_checked(tmp_path, content, change, message):
    torch.save({**content, "facts": {**content["facts"], **change}}, tmp_path / "x.ckpt")
    with pytest.raises(WeightsError, match=message):
        read_network(tmp_path / "x.ckpt")


def test_facts_of_a_stranger_are_whole(tmp_path, content):
    path = tmp_path / "x.ckpt"
    torch.save({**content, "facts": [1]}, path)
    with pytest.raises(WeightsError, match=r"facts .*, expected a dictionary"):
        read_network(path)
    missing = {name: value for name, value in content["facts"].items() if name != "phase"}
    torch.save({**content, "facts": missing}, path)
    with pytest.raises(WeightsError, match=r"no facts\.phase"):
        read_network(path)


@pytest.fixture(scope="module")
def content(one_file):
    """What a checkpoint holds, but for the optimiser."""
    stored = torch.load(one_file, weights_only=True)
    del stored["optimizer_states"]
    return stored


@pytest.fixture(scope="module")
def one_file(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("one"), restorer())
