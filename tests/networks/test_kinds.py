"""The table of network kinds: what may be added, and what a file may name."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tests.helpers.restoration_data import RESTORER
from tests.helpers.saved_checkpoint import saved
from torch import nn

import blindsr
from blindsr.cli.app import main
from blindsr.errors import ConfigError, WeightsError
from blindsr.imaging.resize import upsample
from blindsr.inference.tiles.plan import plan_run
from blindsr.networks import (
    CMOS,
    DAN,
    DCLS,
    RRDBSFT,
    RRDBSFTPCA,
    SSR,
    SVKR,
    BlindSR,
    BlurUNet,
    KOALAnet,
    MANet,
    MANetSR,
    kinds,
)
from blindsr.networks.blur_sr import BlurSR
from blindsr.networks.roles import EstimatorNetwork
from blindsr.tasks import BlurUNetTask
from blindsr.weights import NetworkFile, read_network, save_safetensors
from blindsr.weights.checkpoint import SETTINGS_KEY

BLUR_ONLY = {**RESTORER, "use_semantics": False, "window": [4, 4]}


def blur_unet(scale=1):
    torch.manual_seed(0)
    return BlurUNet(scale=scale, width=8).eval()


def pipeline(phase):
    """A restorer that adds bicubic, told by an estimator that looks at LR alone."""
    restorer = RRDBSFT(**BLUR_ONLY).eval()
    settings = {"estimator": {"kind": "blur_unet", "scale": 1, "width": 8}, "restorer": BLUR_ONLY}
    network = BlindSR(blur_unet(), restorer, phase=phase).eval()
    return network, {**settings, "phase": phase}


def smooth(height=40, width=52):
    draw = torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(3))
    return nn.functional.interpolate(draw, (height, width), mode="bicubic").clamp(0, 1)


def array(lr):
    return lr[0].permute(1, 2, 0).contiguous().numpy()


@pytest.mark.parametrize("name", kinds.names())
def test_every_kind_has_a_role_and_marks_of_its_own(name):
    kind = kinds.by_name(name)
    networks = {"cmos": lambda: CMOS(5, backbone="pyramid_small", window=(4, 4))}
    networks |= {"rrdb_sft": lambda: RRDBSFT(**RESTORER), "blur_unet": blur_unet, "blur_sr": BlurSR}
    networks["dan"] = lambda: DAN(kernel_size=5, code_length=2, blocks=1, features=4)
    networks["koalanet"] = lambda: KOALAnet(down_kernel=5, features=4)
    networks["dcls"] = lambda: DCLS(4, 11, 8, blocks=1, groups=1, features=8)
    networks["manet"] = lambda: MANet(kernel_size=5, features=(4, 8))
    networks["rrdb_sft_pca"] = lambda: RRDBSFTPCA(2, kernel_size=5, blocks=1, features=8, growth=4)
    networks["manet_sr"] = lambda: MANetSR(networks["manet"](), networks["rrdb_sft_pca"]())
    networks["svkr"] = lambda: SVKR(width=8, blocks=1)
    networks["ssr"] = lambda: SSR(kernel_width=8, kernel_blocks=1, width=8, blocks=1)
    networks["blind"] = lambda: BlindSR(networks["cmos"](), networks["rrdb_sft"]())
    network = networks[name]()
    assert kinds.kind_of(network) is kind
    assert kinds.recognised(network.state_dict()) is kind
    assert (kind.role == "pipeline") == (name in (kinds.PIPELINE, "manet_sr"))


class NoRole(nn.Module):
    pass


class WithText(EstimatorNetwork):
    def __init__(self, path: str = "x"):
        super().__init__()


class WithoutLimits(EstimatorNetwork):
    def __init__(self, reach: float = 1.0):
        super().__init__()


class WithKind(EstimatorNetwork):
    def __init__(self, kind: int = 1):
        super().__init__()


@pytest.mark.parametrize(
    ("network", "name", "part"),
    [
        (NoRole, "new", "which has no role"),
        (WithText, "new", r"WithText\.path: <class 'str'>"),
        (WithoutLimits, "new", r"WithoutLimits\.reach: .* without limits"),
        (WithKind, "new", r"WithKind\.kind: taken by the table"),
        (WithText, "cmos", "'cmos' for WithText, expected a name not taken"),
    ],
)
def test_what_could_not_be_checked_in_a_file_is_no_kind(network, name, part):
    before = kinds.names()
    with pytest.raises(ConfigError, match=part):
        kinds.add(kinds.NetworkKind(name, network, "New"))
    assert kinds.names() == before


def test_a_checkpoint_of_blur_unet_loads_estimates_and_is_exported(tmp_path, capsys):
    torch.manual_seed(0)
    task = BlurUNetTask(width=8)
    path = saved(task, tmp_path / "blur.ckpt")
    model = blindsr.load(path, device="cpu")
    assert (model.title, model.scale, model.num_classes) == ("BlurUNet", 1, None)
    lr = smooth()
    with torch.no_grad():
        expected = task.network.eval()(lr).blur[0, 0]
    maps = model.estimate(array(lr))
    assert maps.seg is None
    torch.testing.assert_close(torch.from_numpy(maps.blur), expected, rtol=1e-4, atol=1e-4)
    out = tmp_path / "blur.safetensors"
    assert main(["convert", "export", path, "-o", str(out)]) == 0
    assert "BlurUNet" in capsys.readouterr().out
    again = blindsr.load(out, device="cpu").estimate(array(lr))
    assert (again.blur == maps.blur).all()


def test_checkpoints_from_before_kinds_were_stored_are_recognised(tmp_path):
    path = saved(BlurUNetTask(width=8), tmp_path / "old.ckpt")
    content = torch.load(path, weights_only=True)
    content.pop("network", None)
    torch.save(content, path)
    file = read_network(path)
    assert (file.kind, file.settings["width"]) == ("blur_unet", 8)


@pytest.mark.parametrize("size", [(609, 1201)])
def test_tiles_of_blur_unet_are_the_whole_picture(size, tmp_path):
    lr = array(smooth(*size))
    model = blindsr.load(saved(BlurUNetTask(width=8), tmp_path / "blur.ckpt"), device="cpu")
    grid = plan_run(model._model, model_picture(lr), 1, upscale=False).estimating
    assert len(grid) > 1
    whole, tiled = (model.estimate(lr, tile=tile).blur for tile in (0, 1))
    difference = abs(whole - tiled)
    assert difference.mean() < 1e-4
    # random weights lean on far neighbours more than trained ones, which stay below 1e-4
    assert difference.max() < 2e-3


def model_picture(pixels):
    from blindsr.inference.pictures import read_pictures

    return read_pictures(pixels, 1).items[0]


@pytest.mark.parametrize("phase", [0.0, 1.5])
def test_an_estimate_at_lr_reaches_hr_in_the_phase_of_the_data(phase, tmp_path):
    network, settings = pipeline(phase)
    lr = smooth()
    with torch.no_grad():
        low = network.estimator(lr)
        sr, estimate = network(lr)
    enlarged = 4 * upsample(low.blur, 4, phase=phase, method="bilinear")
    torch.testing.assert_close(estimate.blur, enlarged)
    scales = 4 * upsample(low.blur_scale, 4, phase=phase, method="bilinear")
    torch.testing.assert_close(estimate.blur_scale, scales)
    path = tmp_path / "blind.safetensors"
    save_safetensors(path, NetworkFile("made", "blind", settings, network.state_dict()))
    model = blindsr.load(path, device="cpu")
    assert (model.title, model.scale) == ("BlindSR (BlurUNet + RRDB-SFT)", 4)
    maps = model.estimate(array(lr))
    torch.testing.assert_close(
        torch.from_numpy(maps.blur), estimate.blur[0, 0], rtol=1e-4, atol=1e-4
    )
    found = torch.from_numpy(model.upscale(array(lr), keep_blur=0))
    expected = sr[0].permute(1, 2, 0).clamp(0, 1)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_an_estimator_must_give_what_the_restorer_needs():
    with pytest.raises(ConfigError, match="estimates seg, which the restorer needs"):
        BlindSR(blur_unet(), RRDBSFT(**RESTORER))
    with pytest.raises(ConfigError, match="an estimator of x2, expected x4"):
        BlindSR(blur_unet(scale=2), RRDBSFT(**BLUR_ONLY))


@pytest.mark.parametrize(
    "kind", ["os.system", "blindsr.networks.CMOS", "rrdb_sft", "blind", None, 3, ["cmos"], {}]
)
def test_a_file_that_names_another_kind_of_part_is_one_line(kind, tmp_path):
    network, settings = pipeline(0.0)
    settings["estimator"] = {**settings["estimator"], "kind": kind}
    about = {"kind": "blind", "settings": settings, "sigma_max": 5.0}
    path = tmp_path / "x.safetensors"
    save_file(network.state_dict(), path, metadata={SETTINGS_KEY: json.dumps(about)})
    with pytest.raises(WeightsError, match=r"x\.safetensors: estimator\.kind .* cmos or blur_unet"):
        read_network(path)


@pytest.mark.parametrize("kind", ["os.system", None, 3, ["cmos"]])
def test_a_checkpoint_that_names_another_kind_is_one_line(kind, tmp_path):
    path = saved(BlurUNetTask(width=8), tmp_path / "x.ckpt")
    content = torch.load(path, weights_only=True)
    content["network"] = {"kind": kind, "settings": {"width": 8}}
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"x\.ckpt: a network of kind "):
        read_network(path)
