import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.helpers.filled import filled
from torch import nn

import blindsr
from blindsr.data.scenes.render import render_scene
from blindsr.errors import ConfigError, DataError, FileError, WeightsError
from blindsr.inference import tiled_run
from blindsr.inference.model import Model, Upscaler
from blindsr.inference.open_model import engine_parts
from blindsr.inference.tile_sizes import lay_tiles
from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.networks.tile_needs import TileNeeds
from blindsr.restore import Restorer
from blindsr.weights.checkpoint import NetworkFile
from blindsr.weights.export import save_safetensors

CLASSES = 6
CMOS_SETTINGS = {"num_classes": CLASSES, "backbone": "pyramid_small", "window": (6, 8)}
RESTORER_SETTINGS = {
    "code_length": 8,
    "features": 8,
    "growth": 4,
    "blocks": 1,
    "window": (6, 8),
    "embed": "onehot",
    "num_classes": CLASSES,
    "skip": "bicubic",
    "condition": "lr",
}
TILE = 48


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def blind(**options):
    """Formula-made weights, scaled to what training gives: flows of pixels, pictures in [0, 1]."""
    network = filled(
        BlindSR(CMOS(**CMOS_SETTINGS), RRDBSFT(**{**RESTORER_SETTINGS, **options})).eval()
    )
    with torch.no_grad():
        network.restorer.upsampler[0].weight.mul_(0.1)
        network.restorer.upsampler[0].bias.mul_(0.1)
        network.restorer.trunk_conv.weight.mul_(0.3)
    return network.eval()


def export(path, kind, network, settings, **about):
    save_safetensors(path, NetworkFile("made", kind, settings, network.state_dict(), **about))
    return path


@pytest.fixture(scope="module", autouse=True)
def small_tiles():
    """The true overlap would make these pictures one tile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blindsr.networks.tile_needs.CMOS_OVERLAP", 32)
        yield


@pytest.fixture(scope="module")
def blind_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("restore") / "blind.safetensors"
    settings = {"estimator": CMOS_SETTINGS, "restorer": RESTORER_SETTINGS}
    return export(path, "blind", blind(), settings, class_names=tuple("abcdef"))


@pytest.fixture(scope="module")
def model(blind_file):
    return blindsr.load(blind_file, device="cpu")


def scene(height=200, width=300, index=1):
    return render_scene(0, index, (height, width)).rgb


def as_float(image):
    return image.astype(np.float32) / 255


# --- what tiles change


def plain_upscaler(scale=2):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3 * scale**2, 5, padding=2)]
    network = nn.Sequential(*layers, nn.PixelShuffle(scale), nn.Sigmoid()).eval()
    upscaler = Upscaler(lambda lr, *_: network(lr), TileNeeds((3, 5), overlap=16))
    return Restorer(Model("plain", "here", scale, torch.device("cpu"), upscaler=upscaler))


@pytest.mark.parametrize("size", [(16, 16), (33, 200), (100, 31), (120, 150)])
def test_convolutions_with_enough_overlap_do_not_notice_tiles(size):
    image = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
    model = plain_upscaler()
    whole = model.upscale(image, tile=0)
    assert whole.shape == (2 * size[0], 2 * size[1], 3)
    for tile in (1, 24):
        assert np.abs(model.upscale(image, tile=tile) - whole).max() < 1e-5


@torch.inference_mode()
def test_untiled_is_the_network_itself(model):
    image = as_float(scene(40, 53))
    sr, estimate = blind()(torch.from_numpy(image).permute(2, 0, 1)[None])
    maps = model.estimate(image)
    np.testing.assert_allclose(maps.sigma, estimate.blur[0, 0], atol=1e-4)
    classes = estimate.seg_logits.argmax(1)[0].numpy()
    assert (maps.classes == classes).mean() > 0.999
    found = model.upscale(image)
    expected = sr[0].permute(1, 2, 0).clamp(0, 1).numpy()
    assert np.quantile(np.abs(found - expected), 0.99) < 1e-4


def errors(model, image, monkeypatch, rounds):
    monkeypatch.setattr(tiled_run, "ROUNDS", rounds)
    whole, tiled = (model.upscale(image, tile=tile) for tile in (0, TILE))
    return 255 * np.abs(whole - tiled)


@pytest.mark.parametrize("condition", ["hr", "lr"])
def test_tiles_hardly_change_the_result(condition, monkeypatch):
    monkeypatch.setattr("blindsr.networks.tile_needs.CMOS_OVERLAP", 64)
    model = Restorer(made_model(blind(condition=condition)))
    image = as_float(scene(*((100, 140) if condition == "hr" else (150, 200))))
    difference = errors(model, image, monkeypatch, 1)
    assert difference.max() > 0  # there are tiles
    assert difference.mean() <= 0.001
    assert np.quantile(difference, 0.999) <= 0.1
    # Means of a tile instead of the picture's: what a tool that only cuts and blends would do.
    without = errors(model, image, monkeypatch, 0)
    assert without.mean() > 3 * difference.mean()


def made_model(network):
    device = torch.device("cpu")
    return Model("made", "here", 4, device, "float32", *engine_parts(network, device))


def test_memory_is_that_of_a_tile(monkeypatch):
    """No tensor that enters a network grows with the picture, and neither do the strips."""
    model = Restorer(made_model(blind()))
    largest, strips = [], []
    for height, width in ((100, 130), (260, 130), (100, 300)):
        seen = [0]

        def watch(part, seen=seen):
            def run(*inputs, **maps):
                seen.append(max(x.numel() for x in (*inputs, *maps.values())))
                return part.run(*inputs, **maps)

            return run

        inner = model._model
        watched = replace(
            inner,
            estimator=replace(inner.estimator, run=watch(inner.estimator)),
            upscaler=replace(inner.upscaler, run=watch(inner.upscaler)),
        )
        image = np.zeros((height, width, 3), np.uint8)
        results = list(Restorer(watched).strips(image, tile=TILE))
        largest.append(max(seen))
        strips.append(max(len(strip.sr) for strip in results))
    assert largest == [largest[0]] * 3
    assert max(strips) <= 4 * (TILE + 2 * 32)


def test_auto_follows_the_budget(model, monkeypatch):
    needs = TileNeeds((48, 64), 32, bytes_per_pixel=1000)
    assert len(lay_tiles((100, 100), needs, "auto", 10_000_000)) == 1
    for size in ((1000, 2000), (3000, 90), (90, 3000)):
        for budget in (20_000_000, 300_000_000):
            grid = lay_tiles(size, needs, "auto", budget)
            assert len(grid) > 1 or size[0] * size[1] * 1000 <= budget
            seen = max((r.stop - r.start) * (c.stop - c.start) for r, c in grid)
            assert seen * 1000 <= budget
            grid = lay_tiles(size, needs, "auto", budget, strip_bytes=50)
            rows, columns = grid.rows[0].stop, grid.columns[0].stop
            assert rows * (1000 * columns + 50 * size[1]) <= budget
    tiny = lay_tiles((1000, 1000), needs, "auto", 1)  # the least that the network can do
    assert tiny.rows[0].stop == 48 + 32


# --- kinds of images


def equal(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b))


def test_every_kind_comes_back_as_itself(model):
    image = scene(20, 24)
    expected = model.upscale(as_float(image))
    assert expected.dtype == np.float32
    assert expected.shape == (80, 96, 3)
    assert 0 <= expected.min() < expected.max() <= 1
    eight = model.upscale(image)
    assert eight.dtype == np.uint8
    assert np.abs(eight / 255 - expected).max() < 0.51 / 255
    sixteen = model.upscale(image.astype(np.uint16) * 257)
    assert sixteen.dtype == np.uint16
    assert np.abs(sixteen / 65535 - expected).max() < 1e-4
    picture = model.upscale(Image.fromarray(image))
    assert (picture.mode, picture.size) == ("RGB", (96, 80))
    assert equal(picture, eight)
    grey = model.upscale(Image.fromarray(image).convert("L"))
    assert (grey.mode, grey.size) == ("L", (96, 80))
    tensor = torch.from_numpy(as_float(image)).permute(2, 0, 1)
    one = model.upscale(tensor)
    assert one.shape == (3, 80, 96)
    assert one.dtype == torch.float32
    assert np.abs(one.permute(1, 2, 0).numpy() - expected).max() < 1e-6
    two = model.upscale(torch.stack([tensor, tensor.flip(2)]).double())
    assert two.shape == (2, 3, 80, 96)
    assert two.dtype == torch.float64
    assert (two[0] - one).abs().max() < 1e-6
    assert not torch.equal(two[0], two[1])


def test_maps_are_of_the_kind_of_the_image(model):
    image = scene(20, 24)
    sigma, classes = model.estimate(image)
    assert (sigma.dtype, classes.dtype) == (np.float32, np.uint8)
    assert sigma.shape == classes.shape == (80, 96)
    assert classes.max() < CLASSES
    tensor = torch.from_numpy(as_float(image)).permute(2, 0, 1)
    maps = model.estimate(tensor[None])
    assert maps.sigma.shape == (1, 80, 96)
    assert np.abs(maps.sigma[0].numpy() - sigma).max() < 1e-5
    assert isinstance(model.estimate(tensor).classes, torch.Tensor)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (5, 40), (1, 1)])
def test_small_pictures_work(model, size):
    image = scene(40, 40)[: size[0], : size[1]]
    assert model.upscale(image).shape == (4 * size[0], 4 * size[1], 3)
    assert model.estimate(image).sigma.shape == (4 * size[0], 4 * size[1])
    strips = list(model.strips(image, maps=True))
    assert sum(len(strip.sr) for strip in strips) == 4 * size[0]
    assert strips[0].sigma.shape == strips[0].sr.shape[:2]


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((20, 20), np.uint8), r"shape \(20, 20\)"),
        (np.zeros((20, 20, 4), np.uint8), r"shape \(20, 20, 4\)"),
        (np.zeros((0, 20, 3), np.uint8), r"shape \(0, 20, 3\)"),
        (np.zeros((20, 20, 3), np.int32), "int32"),
        (np.zeros((20, 20, 3)), "float64"),
        (np.full((20, 20, 3), 255, np.float32), "values from 255 to 255"),
        (np.full((20, 20, 3), np.nan, np.float32), "values from nan"),
        (torch.zeros(20, 20, 3), "a tensor of shape"),
        (torch.zeros(3, 20, 20, dtype=torch.uint8), "uint8"),
        (torch.full((3, 20, 20), -0.5), "values from -0.5"),
        (Image.new("CMYK", (20, 20)), "mode CMYK"),
        ("photo.jpg", "a str"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_other_images_are_refused(model, image, found):
    for call in (model.upscale, model.estimate, model.strips):
        with pytest.raises(DataError, match=f"^image: .*{found}"):
            call(image)


def test_wrong_tiles_are_refused(model):
    for tile in (-1, 1.5, "big", True, None):
        for call in (model.upscale, model.estimate, model.strips):
            with pytest.raises(ConfigError, match="tile"):
                call(scene(20, 20), tile=tile)


# --- strips, progress, threads


def test_strips_are_the_picture_and_the_maps(model):
    image, calls = scene(100, 130), []
    strips = list(model.strips(image, tile=TILE, maps=True, on_progress=lambda *n: calls.append(n)))
    assert len(strips) > 1
    tops = np.cumsum([0, *(len(strip.sr) for strip in strips)])
    assert [strip.top for strip in strips] == list(tops[:-1])
    joined = [np.concatenate([strip[i] for strip in strips]) for i in (1, 2, 3)]
    assert equal(np.rint(joined[0] * 255).astype(np.uint8), model.upscale(image, tile=TILE))
    maps = model.estimate(image, tile=TILE)
    # The last of the rounds that collect means saw no restorer here: the maps are the same.
    assert equal(joined[1], maps.sigma)
    assert equal(joined[2], maps.classes)
    done, total = zip(*calls, strict=True)
    assert done == tuple(range(1, total[0] + 1))
    assert set(total) == {len(calls)}
    assert next(model.strips(image, tile=TILE)).sigma is None


def test_threads_get_what_they_would_get_alone(model):
    images = [scene(100, 130, index) for index in (1, 2)]
    alone = [model.upscale(image, tile=TILE) for image in images]
    together = {}

    def work(i):
        together[i] = model.upscale(images[i], tile=TILE)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in (0, 1):
        assert equal(together[i], alone[i])
    assert not equal(alone[0], alone[1])


def test_nothing_of_a_tile_stays_behind(model):
    strips = model.strips(scene(100, 130), tile=TILE)
    next(strips)
    assert not torch.is_inference_mode_enabled()
    small = scene(20, 24)
    assert equal(model.upscale(small), Restorer(model._model).upscale(small))


# --- files


def test_what_a_file_says_of_itself(model, blind_file):
    assert model.title == "BlindSR (CMOS + RRDB-SFT)"
    assert (model.scale, model.sigma_max, model.num_classes) == (4, 5.0, CLASSES)
    assert model.class_names == tuple("abcdef")
    assert model.can_upscale
    assert model.can_estimate
    assert not model.needs_maps
    assert "\n" not in model.describe()
    assert blind_file.name in model.describe()


def test_trained_for_is_read_from_the_metadata(blind_file, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(blind_file, "pt") as file:
        metadata = dict(file.metadata())
    path = tmp_path / "x.safetensors"
    save_file(load_file(blind_file), path, {**metadata, "trained_for": "defocus"})
    assert blindsr.load(path, device="cpu").describe().endswith("trained for defocus")


def test_the_small_network_is_the_default(blind_file, tmp_path, monkeypatch):
    monkeypatch.setattr("blindsr.inference.open_model.ASSETS", tmp_path)
    for arguments in ((), ("small",)):
        with pytest.raises(WeightsError, match=r"^small: no weights in this installation"):
            blindsr.load(*arguments, device="cpu")
    shutil.copy(blind_file, tmp_path / "small.safetensors")
    assert blindsr.load(device="cpu").scale == blindsr.load("small", device="cpu").scale == 4


def test_checkpoints_of_a_training(tmp_path):
    network = blind()
    parts = {"estimator": CMOS_SETTINGS, "restorer": RESTORER_SETTINGS}
    files = {
        "cmos": (network.estimator, CMOS_SETTINGS),
        "rrdb_sft": (network.restorer, RESTORER_SETTINGS),
        "blind": (network, parts),
    }
    models = {}
    for kind, (part, settings) in files.items():
        state = {f"network.{name}": tensor for name, tensor in part.state_dict().items()}
        path = tmp_path / f"{kind}.ckpt"
        torch.save({"state_dict": state, "hyper_parameters": {**settings, "sigma_max": 7}}, path)
        models[kind] = blindsr.load(path, device="cpu")
    image = scene(20, 24)
    maps = models["cmos"].estimate(image)
    assert equal(maps.sigma, models["blind"].estimate(image).sigma)
    told = models["rrdb_sft"].upscale(image, sigma=maps.sigma, classes=maps.classes)
    assert equal(told, models["blind"].upscale(image))
    assert models["cmos"].sigma_max == 7


def test_an_estimator_alone_restores_nothing(tmp_path):
    path = export(tmp_path / "x.safetensors", "cmos", blind().estimator, CMOS_SETTINGS)
    model = blindsr.load(path, device="cpu")
    assert not model.can_upscale
    for call in (model.upscale, model.strips):
        with pytest.raises(ConfigError, match="estimates maps and restores nothing"):
            call(scene(20, 20))
    strips = list(model.strips(scene(20, 20), maps=True))
    assert strips[0].sr is None
    assert strips[0].sigma.shape == (80, 80)


def test_a_restorer_alone_must_be_told(tmp_path):
    path = export(tmp_path / "x.safetensors", "rrdb_sft", blind().restorer, RESTORER_SETTINGS)
    model = blindsr.load(path, device="cpu")
    image = scene(150, 20)
    assert model.needs_maps
    for call in (model.upscale, model.strips):
        with pytest.raises(ConfigError, match=r"no sigma, expected upscale\(image, sigma=...\)"):
            call(image)
    with pytest.raises(ConfigError, match="estimates no maps"):
        model.estimate(image)
    constant = model.upscale(image, sigma=1.5, classes=2)
    maps = np.full((600, 80), 1.5), np.full((600, 80), 2)
    assert equal(constant, model.upscale(image, sigma=maps[0], classes=maps[1]))
    assert not equal(constant, model.upscale(image, sigma=3, classes=2))
    tiled = model.upscale(image, sigma=1.5, classes=2, tile=32)
    assert np.abs(tiled.astype(int) - constant).max() <= 1
    for wrong in ({"sigma": -1.0}, {"sigma": np.nan}, {"sigma": np.zeros((3, 3))}):
        with pytest.raises(DataError, match="sigma"):
            model.upscale(image, **{"classes": 2, **wrong})
    for wrong in (0.5, 256, -1):
        with pytest.raises(DataError, match="classes"):
            model.upscale(image, sigma=1, classes=wrong)


def test_told_what_it_does_not_ask(model):
    with pytest.raises(ConfigError, match="sigma: a value for BlindSR"):
        model.upscale(scene(20, 20), sigma=1)


@pytest.fixture
def esrgan(tmp_path):
    spandrel = pytest.importorskip("spandrel")
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    torch.manual_seed(0)
    network = RRDBNet(num_filters=8, num_blocks=1, scale=4)
    path = tmp_path / "esrgan.pth"
    torch.save({"params_ema": network.state_dict()}, path)
    assert spandrel.ModelLoader().load_from_file(path).scale == 4
    return path, network.eval()


@torch.inference_mode()
def test_networks_of_other_projects(esrgan):
    path, network = esrgan
    model = blindsr.load(path, device="cpu")
    assert (model.title, model.scale) == ("ESRGAN", 4)
    assert not model.can_estimate
    image = as_float(scene(60, 70))
    sr = network(torch.from_numpy(image).permute(2, 0, 1)[None]).clamp(0, 1)
    whole = model.upscale(image)
    np.testing.assert_allclose(whole, sr[0].permute(1, 2, 0), atol=1e-6)
    assert np.abs(model.upscale(image, tile=32) - whole).max() < 1e-3
    assert model.upscale(scene(3, 70)).shape == (12, 280, 3)
    with pytest.raises(ConfigError, match="estimates no maps"):
        model.estimate(image)


def test_files_that_nobody_knows(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        blindsr.load(tmp_path / "none.pth")
    text = tmp_path / "text.pth"
    text.write_text("hello")
    foreign = tmp_path / "foreign.pth"
    torch.save({"a.weight": torch.zeros(3)}, foreign)
    grey = tmp_path / "pickle.pth"
    torch.save({"a": Restorer}, grey)
    for path in (text, foreign, grey):
        with pytest.raises(WeightsError) as error:
            blindsr.load(path, device="cpu")
        assert str(error.value).startswith(str(path))
        assert "\n" not in str(error.value)


def test_official_files_need_a_layout(tmp_path):
    path = tmp_path / "official.pth"
    names = {f"cmos.{name}": torch.zeros(1) for name in ("heads.0.x",)}
    torch.save({**names, "cmos.predict.seg.last_layer.3.weight": torch.zeros(40, 1)}, path)
    with pytest.raises(WeightsError, match="expected layout='legacy' or 'fixed'"):
        blindsr.load(path, device="cpu")
    with pytest.raises(WeightsError, match="missing"):
        blindsr.load(path, device="cpu", layout="legacy")


def test_wrong_options(blind_file):
    with pytest.raises(ConfigError, match="device: nowhere"):
        blindsr.load(blind_file, device="nowhere")
    with pytest.raises(ConfigError, match="precision: 'half'"):
        blindsr.load(blind_file, device="cpu", precision="half")


def test_half_precision_is_near(model, blind_file):
    image = as_float(scene(20, 24))
    half = blindsr.load(blind_file, device="cpu", precision="bf16").upscale(image)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - model.upscale(image)).mean() < 0.02


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "1", "I;16"])
def test_pil_images_of_other_modes_come_back_as_their_nearest(model, mode):
    rng = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65535, (20, 24), dtype=np.uint16))
    else:
        image = Image.fromarray(rng.integers(0, 255, (20, 24, 4), dtype=np.uint8)).convert(mode)
    result = model.upscale(image)
    expected = {"P": "RGB", "PA": "RGBA", "1": "L"}.get(mode, mode)
    assert (result.mode, result.size) == (expected, (96, 80))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_white_disc_on_transparent_black_keeps_its_white_edge(mode):
    def bicubic(lr, *_):
        return nn.functional.interpolate(lr, scale_factor=4, mode="bicubic").clamp(0, 1)

    upscaler = Upscaler(bicubic, TileNeeds((1, 1), overlap=8))
    model = Restorer(Model("bicubic", "here", 4, torch.device("cpu"), upscaler=upscaler))
    rows, columns = np.mgrid[:24, :32]
    inside = (rows - 12) ** 2 + (columns - 16) ** 2 < 64
    disc = np.dstack([inside * 255] * len(mode)).astype(np.uint8)
    result = model.upscale(Image.fromarray(disc))
    assert result.mode == mode
    alpha = np.asarray(result)[..., -1]
    assert {int(alpha[0, 0]), int(alpha[48, 64])} == {0, 255}
    white = Image.new("RGBA", result.size, "white")
    seen = np.asarray(Image.alpha_composite(white, result.convert("RGBA")))
    assert seen.min() >= 250


def test_pil_images_come_upright_with_their_profile(model):
    import io

    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "me"
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", exif=exif, icc_profile=profile, dpi=(300, 300))
    with Image.open(file) as image:
        result = model.upscale(image)
    assert result.size == (80, 96)
    assert result.info["icc_profile"] == profile
    assert round(result.info["dpi"][0]) == 300
    np.testing.assert_array_equal(
        np.asarray(result), model.upscale(np.ascontiguousarray(np.rot90(pixels, -1)))
    )
    again = io.BytesIO()
    result.save(again, "PNG", exif=result.info["exif"])
    with Image.open(again) as image:
        assert image.info["icc_profile"] == profile
        assert (image.getexif()[0x0112], image.getexif()[0x013B]) == (1, "me")


def test_equal_channels_stay_equal(model):
    grey = np.random.default_rng(0).integers(0, 255, (20, 24, 1), dtype=np.uint8)
    same = np.repeat(grey, 3, 2)
    for result in (model.upscale(same), np.asarray(model.upscale(Image.fromarray(same)))):
        assert result.shape == (80, 96, 3)
        assert (result == result[..., :1]).all()
    deep = model.upscale(same.astype(np.uint16) * 257)
    assert (deep == deep[..., :1]).all()
