"""An estimator of one's own, in this file alone: trained, tested, saved, loaded, exported, used."""

import numpy as np
import pytest
import torch
from lightning import Trainer
from torch import nn
from torch.nn.functional import interpolate

import blindsr
from blindsr.cli.app import main
from blindsr.data import Scenes
from blindsr.networks import kinds
from blindsr.networks.roles import EstimatorNetwork
from blindsr.tasks import BlindSRTask, EstimationTask
from blindsr.types import Estimate


class Toy(EstimatorNetwork):
    """A few convolutions that say sigma."""

    estimates = ("blur",)

    def __init__(self, *, scale: int = 4, features: int = 8):
        super().__init__()
        self.scale = scale
        self.toy_layers = nn.Sequential(
            nn.Conv2d(3, features, 3, padding=1), nn.ReLU(), nn.Conv2d(features, 1, 3, padding=1)
        )

    def forward(self, lr):
        blur = interpolate(self.toy_layers(lr).abs(), scale_factor=self.scale, mode="bilinear")
        return Estimate(blur, None, None, None)


class ToyTask(EstimationTask):
    """Its preset."""

    title = "toy"
    linked_with_data = ("scale", "sigma_max")
    architecture = ("scale", "features")

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        features: int = 8,
        **options,
    ):
        super().__init__(**options)
        self.network = Toy(scale=scale, features=features)


@pytest.fixture(autouse=True)
def toy_kind():
    kinds.add(kinds.NetworkKind("toy", Toy, "Toy", marks=("toy_layers.",)))
    yield
    kinds.remove("toy")


def run(folder):
    return Trainer(
        accelerator="cpu",
        max_steps=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
def test_an_estimator_of_ones_own_is_a_first_class_one(tmp_path):
    data = Scenes(
        train_count=4, val_count=1, test_count=1, size=(64, 64), batch_size=2, crop=(8, 8)
    )
    task = ToyTask()
    trainer = run(tmp_path)
    trainer.fit(task, data)
    (scores,) = trainer.test(task, data, verbose=False)
    assert scores["test/blur_psnr"] > 0
    file = tmp_path / "toy.ckpt"
    trainer.save_checkpoint(file)

    model = blindsr.load(file, device="cpu")
    assert "Toy" in model.describe()
    picture = np.random.default_rng(0).integers(0, 256, (24, 30, 3)).astype(np.uint8)
    found = model.estimate(picture).blur
    lr = torch.from_numpy(picture.transpose(2, 0, 1).copy()).float()[None] / 255
    torch.testing.assert_close(torch.from_numpy(found), task.network(lr).blur[0, 0].detach())

    out = tmp_path / "toy.safetensors"
    assert main(["convert", "export", str(file), "-o", str(out)]) == 0
    np.testing.assert_array_equal(blindsr.load(out, device="cpu").estimate(picture).blur, found)

    small = {"features": 8, "growth": 4, "blocks": 1, "code_length": 8, "use_semantics": False}
    pipeline = BlindSRTask(
        num_classes=data.num_classes, weights={"estimator": str(out)}, restorer=small
    )
    trainer = run(tmp_path)
    trainer.fit(pipeline, data)
    both = tmp_path / "both.ckpt"
    trainer.save_checkpoint(both)
    model = blindsr.load(both, device="cpu")
    assert model.upscale(picture).shape == (96, 120, 3)
    np.testing.assert_array_equal(model.estimate(picture).blur, found)


def test_a_file_of_it_is_refused_where_the_kind_is_unknown(tmp_path):
    task = ToyTask()
    trainer = run(tmp_path)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "toy.ckpt")
    kinds.remove("toy")
    with pytest.raises(blindsr.errors.WeightsError, match="toy"):
        blindsr.load(tmp_path / "toy.ckpt", device="cpu")
    kinds.add(kinds.NetworkKind("toy", Toy, "Toy"))
