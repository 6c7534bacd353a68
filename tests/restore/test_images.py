"""Images of every kind come back as their kind."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.helpers.made_pipeline import CLASSES, as_float, equal, scene
from torch import nn

from blindsr.errors import DataError
from blindsr.inference.model import Model, Upscaler
from blindsr.networks.tile_needs import TileNeeds
from blindsr.restore import Restorer


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
    blur, seg = model.estimate(image)
    assert (blur.dtype, seg.dtype) == (np.float32, np.uint8)
    assert blur.shape == seg.shape == (80, 96)
    assert seg.max() < CLASSES
    tensor = torch.from_numpy(as_float(image)).permute(2, 0, 1)
    maps = model.estimate(tensor[None])
    assert maps.blur.shape == (1, 80, 96)
    assert np.abs(maps.blur[0].numpy() - blur).max() < 1e-5
    assert isinstance(model.estimate(tensor).seg, torch.Tensor)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (5, 40), (1, 1)])
def test_small_pictures_work(model, size):
    image = scene(40, 40)[: size[0], : size[1]]
    assert model.upscale(image).shape == (4 * size[0], 4 * size[1], 3)
    assert model.estimate(image).blur.shape == (4 * size[0], 4 * size[1])
    strips = list(model.strips(image, maps=True))
    assert sum(len(strip.sr) for strip in strips) == 4 * size[0]
    assert strips[0].blur.shape == strips[0].sr.shape[:2]


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
        (b"photo", "a bytes"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_other_images_are_refused(model, image, found):
    for call in (model.upscale, model.estimate, model.strips):
        with pytest.raises(DataError, match=f"^image: .*{found}"):
            call(image)


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
