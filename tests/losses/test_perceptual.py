"""Perceptual losses against torchvision's and torchmetrics' networks; weights are random here."""

import pickle

import pytest
import torch
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from blindsr.errors import BlindSRError, ConfigError, DataError, FileError, WeightsError
from blindsr.losses import LPIPSLoss, PerceptualLoss
from blindsr.losses.perceptual import REAL_ESRGAN

SHALLOW = {"conv1_2": 0.1, "conv2_2": 0.5}


def images(n=2, size=(32, 40), seed=0):
    generator = torch.Generator().manual_seed(seed)
    hr = torch.rand(n, 3, *size, generator=generator)
    return hr + 0.2 * torch.randn(hr.shape, generator=generator), hr


def random_vgg(config, stop=None):
    """The convolutions of a VGG network with random weights, and the tensors of its file."""
    torch.manual_seed(0)
    features = make_layers(cfgs[config])[:stop]
    for parameter in features.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter)
        else:
            nn.init.normal_(parameter, std=0.1)
    state = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    return features, {**state, "classifier.0.bias": torch.zeros(3)}


@pytest.fixture(scope="module")
def vgg19(tmp_path_factory):
    features, state = random_vgg("E")
    path = tmp_path_factory.mktemp("vgg") / "vgg19-dcbb9e9d.pth"
    torch.save(state, path)
    return features, path


@pytest.fixture(scope="module")
def shallow(tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "shallow.pth"
    torch.save(random_vgg("E", 8)[1], path)
    return path


def test_real_esrgan_recipe_with_the_network_of_torchvision(vgg19):
    features, path = vgg19
    sr, hr = images()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    # before their ReLU; number of the layer in torchvision's VGG19 -> weight
    places = {2: 0.1, 7: 0.1, 16: 1.0, 25: 1.0, 34: 1.0}
    expected = 0.0
    x, y = ((i.movedim(1, 3) - mean).div(std).movedim(3, 1) for i in (sr, hr))
    with torch.no_grad():
        for number, layer in enumerate(features):
            x, y = layer(x.clone()), layer(y.clone())
            if number in places:
                expected += places[number] * (x - y).abs().mean()
    assert list(REAL_ESRGAN.values()) == list(places.values())
    torch.testing.assert_close(PerceptualLoss(path)(sr, hr), expected, rtol=1e-5, atol=0)


def test_layers_add_up_by_their_weights_and_deeper_ones_need_not_be_in_the_file(shallow):
    sr, hr = images()
    parts = [PerceptualLoss(shallow, {name: 1.0})(sr, hr) for name in SHALLOW]
    expected = sum(w * p for w, p in zip(SHALLOW.values(), parts, strict=True))
    torch.testing.assert_close(PerceptualLoss(shallow, SHALLOW)(sr, hr), expected)
    assert PerceptualLoss(shallow, SHALLOW)(hr, hr).item() == 0


def test_vgg16_differs_in_depth(tmp_path):
    torch.save(random_vgg("D", 17)[1], tmp_path / "vgg16.pth")
    sr, hr = images()
    layers = {"conv3_3": 1.0}
    assert PerceptualLoss(tmp_path / "vgg16.pth", layers, "vgg16")(sr, hr) > 0
    with pytest.raises(ConfigError, match=r"layers: 'conv3_4', expected of conv1_1, .*conv3_3"):
        PerceptualLoss(tmp_path / "vgg16.pth", net="vgg16")


def test_gradients_reach_the_restored_image_alone_and_point_to_the_true_one(shallow):
    loss = PerceptualLoss(shallow, SHALLOW)
    sr, hr = images()
    sr.requires_grad_(), hr.requires_grad_()
    before = loss(sr, hr)
    before.backward()
    assert hr.grad is None
    assert sr.grad.abs().amax((1, 2, 3)).gt(0).all()
    stepped = (sr - 0.01 * sr.grad / sr.grad.std()).detach()
    assert loss(stepped, hr) < before
    assert all(parameter.grad is None for parameter in loss._network[0].parameters())


@pytest.mark.parametrize("kind", ["vgg", "lpips"])
def test_a_task_neither_trains_nor_saves_the_network(kind, shallow, alex):
    loss = PerceptualLoss(shallow, SHALLOW) if kind == "vgg" else LPIPSLoss(alex[1], "alex")
    task = nn.Module()
    task.loss = loss
    task.train()
    assert task.state_dict() == {}
    assert list(task.parameters()) == []
    network = loss._network[0]
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_half_precision_images_are_compared_in_float(shallow):
    loss = PerceptualLoss(shallow, SHALLOW)
    sr, hr = images()
    half = loss(sr.bfloat16(), hr)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss(sr, hr), rtol=0.01, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(sr, hr).dtype == torch.float32


@pytest.fixture(scope="module")
def alex(tmp_path_factory):
    """torchmetrics' LPIPS with a random AlexNet, and that as torchvision's file."""
    from torchmetrics.functional.image.lpips import _LPIPS

    torch.manual_seed(0)
    network = _LPIPS(net="alex", pnet_rand=True)
    state = {f"features.{n.partition('.')[2]}": t for n, t in network.net.state_dict().items()}
    path = tmp_path_factory.mktemp("lpips") / "alexnet-owt-7be5be79.pth"
    torch.save(state, path)
    return network, path


def test_lpips_is_that_of_torchmetrics_and_falls_along_its_gradient(alex):
    network, path = alex
    loss = LPIPSLoss(path, "alex")
    sr, hr = images(size=(64, 64))
    expected = network(2 * sr - 1, 2 * hr - 1).mean()
    value = loss(sr.requires_grad_(), hr)
    torch.testing.assert_close(value, expected)
    assert value > 0
    value.backward()
    assert loss(sr - 0.01 * sr.grad / sr.grad.std(), hr) < value
    assert loss(hr, hr).item() == 0


def test_lpips_knows_its_file(alex, tmp_path):
    with pytest.raises(ConfigError, match="net: 'squeeze', expected 'vgg' or 'alex'"):
        LPIPSLoss(alex[1], "squeeze")
    torch.save(random_vgg("E", 8)[1], tmp_path / "vgg.pth")
    with pytest.raises(WeightsError, match=r"no features.0.weight .*alexnet-owt-7be5be79.pth"):
        LPIPSLoss(tmp_path / "vgg.pth", "alex")
    with pytest.raises(DataError, match="at least 32 x 32"):
        LPIPSLoss(alex[1], "alex")(*images(size=(32, 31)))


def one_line(error, path):
    text = str(error.value)
    return text.startswith(str(path)) and "\n" not in text and "vgg19-dcbb9e9d.pth" in text


def test_missing_file(tmp_path):
    path = tmp_path / "none.pth"
    with pytest.raises(FileError, match=r"no such file.* Copy vgg19-dcbb9e9d.pth there") as error:
        PerceptualLoss(path)
    assert one_line(error, path)


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit",)


@pytest.mark.parametrize("content", [b"", b"no weights", pickle.dumps(Evil())])
def test_unreadable_file_runs_nothing(tmp_path, content):
    path = tmp_path / "foreign.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not readable as weights") as error:
        PerceptualLoss(path, SHALLOW)
    assert one_line(error, path)


@pytest.mark.parametrize(
    "content",
    [
        {"features.0.weight": torch.zeros(64, 3, 11, 11)},
        {"features.0.weight": 1},
        {},
        torch.ones(2),
    ],
    ids=["alexnet", "number", "empty", "tensor"],
)
def test_foreign_file(tmp_path, content):
    path = tmp_path / "foreign.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"no features.0.weight of shape \(64, 3, 3, 3\)") as e:
        PerceptualLoss(path, SHALLOW)
    assert one_line(e, path)


def test_shallow_file_lacks_the_deep_layers(shallow):
    with pytest.raises(WeightsError, match=r"no features.10.weight"):
        PerceptualLoss(shallow, {**SHALLOW, "conv3_1": 1.0})


@pytest.mark.parametrize("name", ["conv1_3", "conv6_1", "relu1_2", "1_2", "conv"])
def test_unknown_layer(shallow, name):
    with pytest.raises(ConfigError, match=f"layers: '{name}', expected of conv1_1, .*conv5_4"):
        PerceptualLoss(shallow, {name: 1.0})


def test_bad_options_and_images(shallow):
    with pytest.raises(ConfigError, match="layers: none"):
        PerceptualLoss(shallow, {})
    with pytest.raises(ConfigError, match="net: 'vgg11', expected 'vgg19' or 'vgg16'"):
        PerceptualLoss(shallow, SHALLOW, "vgg11")
    loss = PerceptualLoss(shallow, SHALLOW)
    sr, hr = images()
    for call in ((sr[:, :1], hr), (sr, hr[:1]), (sr[..., :1], hr[..., :1]), (sr[0], hr[0])):
        with pytest.raises(BlindSRError, match=r"^(sr|hr): shape") as error:
            loss(*call)
        assert "\n" not in str(error.value)
