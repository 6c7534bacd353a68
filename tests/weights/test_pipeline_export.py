"""An estimator and a restorer become one file."""

import numpy as np
import pytest
import torch

import blindsr
from blindsr.cli.app import main
from blindsr.networks import BlindSR, BlurUNet
from blindsr.networks.blur_sr import BlurSR
from blindsr.tasks import BlindSRTask
from blindsr.weights.export import save_safetensors
from blindsr.weights.network_file import NetworkFile

ESTIMATOR = {"scale": 1, "width": 4}
RESTORER = {"scale": 4, "features": 4, "blocks": 1, "phase": 1.5}


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    made = {}
    for name, kind, network, settings in (
        ("estimator", "blur_unet", BlurUNet(**ESTIMATOR), ESTIMATOR),
        ("restorer", "blur_sr", BlurSR(**RESTORER), RESTORER),
    ):
        for tensor in network.parameters():
            torch.nn.init.normal_(tensor, std=0.05)
        path = tmp_path / f"{name}.safetensors"
        save_safetensors(path, NetworkFile("made", kind, settings, network.state_dict()))
        made[name] = (path, network.eval())
    return made


def test_one_file_computes_what_both_do(files, tmp_path, capsys):
    (estimator, first), (restorer, second) = files["estimator"], files["restorer"]
    out = tmp_path / "both.safetensors"
    words = ["convert", "export", str(restorer), "--estimator", str(estimator), "-o", str(out)]
    assert main(words) == 0
    assert "BlurUNet + BlurSR" in capsys.readouterr().out
    picture = torch.rand(1, 3, 20, 24)
    with torch.inference_mode():
        sr, _ = BlindSR(first, second, phase=1.5).eval()(picture)
    given = np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())
    model = blindsr.load(out, device="cpu", precision="float32")
    found = model.upscale(given, keep_blur=0, tile=0)
    np.testing.assert_allclose(found, sr[0].permute(1, 2, 0).clamp(0, 1).numpy(), atol=1e-5)


def test_parts_in_each_others_place_are_named(files, tmp_path, capsys):
    (estimator, _), (restorer, _) = files["estimator"], files["restorer"]
    words = ["convert", "export", str(estimator), "--estimator", str(restorer), "-o"]
    assert main([*words, str(tmp_path / "a.safetensors")]) == 2
    error = capsys.readouterr().err
    assert f"{restorer}: a restorer, expected an own estimator" in error.replace("\n", " ")
    assert not (tmp_path / "a.safetensors").exists()


def test_the_restorer_of_a_pipeline_gets_another_estimator(files, tmp_path):
    (estimator, _), (restorer, _) = files["estimator"], files["restorer"]
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    words = ["convert", "export", str(restorer), "--estimator", str(estimator), "-o", str(first)]
    assert main(words) == 0
    words = ["convert", "export", str(first), "--estimator", str(first), "-o", str(second)]
    assert main(words) == 0
    picture = np.random.default_rng(0).random((20, 24, 3), np.float32)
    one, two = (blindsr.load(path, device="cpu").upscale(picture) for path in (first, second))
    np.testing.assert_array_equal(one, two)


def test_the_estimator_in_the_box_by_its_name(files, tmp_path, capsys):
    """Alike whether it is put in front of a restorer in a file or in a configuration."""
    restorer, _ = files["restorer"]
    out = tmp_path / "told.safetensors"
    words = ["convert", "export", str(restorer), "--estimator", "small", "-o", str(out)]
    assert main(words) == 0
    picture = np.random.default_rng(0).random((20, 24, 3), np.float32)
    own = blindsr.load(device="cpu").estimate(picture)
    np.testing.assert_array_equal(blindsr.load(out, device="cpu").estimate(picture).blur, own.blur)
    task = BlindSRTask(weights={"estimator": "small", "restorer": str(restorer)})
    task.preflight("fit", resumed=False)
    there = BlindSRTask(weights={"blind": str(out)})
    there.preflight("fit", resumed=False)
    mine, others = task.network.state_dict(), there.network.state_dict()
    assert mine.keys() == others.keys()
    assert all(torch.equal(mine[name], others[name]) for name in mine)


def test_a_name_that_is_none_is_refused(files, tmp_path, capsys):
    restorer, _ = files["restorer"]
    words = ["convert", "export", str(restorer), "--estimator", "smal", "-o"]
    assert main([*words, str(tmp_path / "x.safetensors")]) == 2
    assert "Did you mean small?" in capsys.readouterr().err
