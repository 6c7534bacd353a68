"""Stage 3: the estimator stays as it is, the restorer learns, the truth bounds it."""

import pytest
import torch
from tests.helpers.restoration_data import ESTIMATOR, RESTORER, Fake, trainer
from tests.helpers.saved_checkpoint import saved

from blindsr.errors import ConfigError
from blindsr.tasks import BlindSRTask, CMOSTask, RRDBSFTTask

# the estimator is frozen: that it stays in evaluation mode is the point
pytestmark = pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")


def task(**changes):
    torch.manual_seed(0)
    settings = {"estimator": ESTIMATOR, "restorer": RESTORER, "learning_rate": 1e-3}
    return BlindSRTask(num_classes=6, **settings | changes)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """(estimator, restorer, their files) with weights that no constructor gives."""
    folder = tmp_path_factory.mktemp("parts")
    torch.manual_seed(7)
    estimator = CMOSTask(6, **ESTIMATOR)
    restorer = RRDBSFTTask(6, **RESTORER)
    with torch.no_grad():
        for tensor in [*estimator.network.state_dict().values(), *restorer.parameters()]:
            if tensor.is_floating_point():
                tensor.mul_(1.01)
    files = {
        "estimator": saved(estimator, folder / "estimator.ckpt"),
        "restorer": saved(restorer, folder / "restorer.ckpt"),
    }
    return estimator.network, restorer.network, files


def test_only_the_restorer_learns(tmp_path):
    model = task()
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    run = trainer(tmp_path, max_epochs=3)
    run.fit(model, datamodule=Fake())
    for name, tensor in model.network.state_dict().items():
        same = torch.equal(tensor, before[name])
        assert same == name.startswith("estimator."), name
    assert "val/psnr" in run.callback_metrics


def test_parts_bring_weights_and_settings_and_the_checkpoint_needs_neither_file(parts, tmp_path):
    estimator, restorer, files = parts
    model = BlindSRTask(num_classes=6, weights=files)
    assert model.hparams["restorer"]["features"] == RESTORER["features"]
    model.preflight("fit", resumed=False)
    for ours, theirs in (
        (model.network.estimator, estimator),
        (model.network.restorer, restorer),
    ):
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        assert all(torch.equal(v, theirs.state_dict()[k]) for k, v in ours.state_dict().items())
    path = saved(model, tmp_path / "blind.ckpt")
    for file in files.values():
        assert file not in str(torch.load(path, weights_only=True)["state_dict"].keys())
    again = BlindSRTask.load_from_checkpoint(path, weights=None)
    lr = torch.rand(1, 3, 16, 16)
    model.eval(), again.eval()
    with torch.no_grad():
        assert torch.equal(again(lr)[0], model(lr)[0])
    whole = BlindSRTask(num_classes=6, weights={"blind": path})
    whole.preflight("test", resumed=False)
    with torch.no_grad():
        assert torch.equal(whole.eval()(lr)[0], model(lr)[0])


def test_a_test_scores_images_maps_and_the_bounds(tmp_path):
    model, data = task(), Fake(groups=("Group1", "Group2"))
    run = trainer(tmp_path)
    run.test(model, datamodule=data, verbose=False)
    logged = {name: float(value) for name, value in run.callback_metrics.items()}
    assert {"test/psnr", "test/blur_psnr", "test/miou", "test/Group2/blur_ssim"} <= set(logged)
    for row in ("bicubic", "constant sigma", "true maps"):
        assert f"test/Group1/{row}/ssim" in logged
    told = RRDBSFTTask(num_classes=6, **RESTORER)
    told.network.load_state_dict(model.network.restorer.state_dict())
    alone = trainer(tmp_path)
    alone.test(told, datamodule=data, verbose=False)
    bound = float(alone.callback_metrics["test/psnr"])
    assert logged["test/mean/true maps/psnr"] == pytest.approx(bound)
    without = trainer(tmp_path)
    without.test(task(), datamodule=Fake(without=("blur", "seg")), verbose=False)
    assert "test/mean/true maps/psnr" not in without.callback_metrics
    assert "test/psnr" in without.callback_metrics


def test_contradictions_are_named(parts):
    *_, files = parts
    with pytest.raises(ConfigError, match=r"expected 'estimator', 'restorer' or 'blind'"):
        BlindSRTask(num_classes=6, weights={"cmos": files["estimator"]})
    with pytest.raises(ConfigError, match="a rrdb_sft network, which is no estimator"):
        BlindSRTask(num_classes=6, weights={"estimator": files["restorer"]})
    with pytest.raises(ConfigError, match=r"features: 16 .* expected 8"):
        BlindSRTask(num_classes=6, weights=files, restorer={"features": 16}).preflight(
            "fit", resumed=False
        )
    with pytest.raises(ConfigError, match=r"num_classes: 5 .* expected 6"):
        BlindSRTask(num_classes=5, weights=files).preflight("fit", resumed=False)


def test_released_schedule_is_constant_and_may_be_halved(tmp_path):
    model = task(schedule="constant", halve_at=(2, 3))
    model.trainer = trainer(tmp_path)
    factor = model.schedule()
    assert [factor(step) for step in range(5)] == [1.0, 1.0, 0.5, 0.25, 0.25]
