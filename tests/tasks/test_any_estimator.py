"""Methods that restore by themselves as the estimator of another restorer, by class path."""

import pytest
import torch
from tests.helpers.restoration_data import Fake, trainer
from tests.helpers.saved_checkpoint import saved

from blindsr.tasks import BlindSRTask
from blindsr.weights.checkpoint import read_network

RESTORERS = {
    "RRDBSFT": {"condition": "lr", "window": [4, 4], "use_semantics": False},
    "RRDBSFTPCA": {},
}
ESTIMATORS = {
    "DAN": {"blocks": 1, "features": 8, "loops": 1, "kernel_size": 21},
    "DCLS": {"kernel_size": 11, "latent": 4, "blocks": 1, "groups": 1, "features": 8},
    "KOALAnet": {"features": 4, "down_kernel": 21},
    "MANet": {"features": [4, 8]},
}


def part(name, settings):
    return {"class_path": f"blindsr.networks.{name}", "init_args": settings}


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
@pytest.mark.parametrize("restorer", RESTORERS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_step_and_back_from_its_checkpoint(estimator, restorer, tmp_path):
    torch.manual_seed(0)
    small = {"code_length": 4, "features": 8, "growth": 4, "blocks": 1, **RESTORERS[restorer]}
    model = BlindSRTask(
        num_classes=6,
        estimator=part(estimator, ESTIMATORS[estimator]),
        restorer=part(restorer, small),
        learning_rate=1e-2,
    )
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    data = Fake(count=2)
    trainer(tmp_path, max_steps=1, limit_val_batches=0).fit(model, datamodule=data)
    after = model.network.state_dict()
    learnt = {name.split(".")[0] for name, v in after.items() if not torch.equal(v, before[name])}
    assert learnt == {"restorer"}
    again = read_network(saved(model, tmp_path / "pair.ckpt")).network()
    lr = data.sample(0)["lr"][None]
    with torch.no_grad():
        sr, estimate = model.network.eval()(lr)
        same, _ = again.eval()(lr)
    torch.testing.assert_close(same, sr)
    assert estimate.blur.shape == (1, 1, 64, 64)
