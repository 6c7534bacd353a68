"""What ``blindsr upscale`` makes of transparency, grey stored as colour, and metadata."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import nn

from blindsr.cli import app
from blindsr.inference.model import Model, Upscaler
from blindsr.inference.tiles.sizes import TileNeeds
from blindsr.restore import Restorer

SCALE = 4


def tinted_bicubic(lr, *_):
    """A network that shifts colours a little, as trained ones do."""
    sr = nn.functional.interpolate(lr, scale_factor=SCALE, mode="bicubic")
    return (sr * torch.tensor([1.0, 0.99, 0.98])[None, :, None, None]).clamp(0, 1)


@pytest.fixture(autouse=True)
def model(monkeypatch):
    upscaler = Upscaler(tinted_bicubic, TileNeeds((1, 1), overlap=8))
    made = Restorer(Model("bicubic", "here", SCALE, torch.device("cpu"), upscaler=upscaler))
    monkeypatch.setattr("blindsr.restore.load", lambda *_, **__: made)


def upscaled(tmp_path, capsys, name, *words):
    """Run the command on one picture; return the result and what was said."""
    status = app.main(["upscale", str(tmp_path / name), "-o", str(tmp_path / "out"), *words])
    captured = capsys.readouterr()
    assert status == 0, captured
    (path,) = (p for p in (tmp_path / "out").iterdir() if not p.name.startswith("."))
    with Image.open(path) as image:
        image.load()
    return image, captured.out


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_white_disc_on_transparent_black_stays_white(tmp_path, capsys, mode):
    rows, columns = np.mgrid[:24, :32]
    inside = (rows - 12) ** 2 + (columns - 16) ** 2 < 64
    disc = np.dstack([inside * 255] * len(mode)).astype(np.uint8)
    Image.fromarray(disc).save(tmp_path / "a.png")
    image, _ = upscaled(tmp_path, capsys, "a.png")
    assert image.mode == mode
    white = Image.new("RGBA", image.size, "white")
    assert np.asarray(Image.alpha_composite(white, image.convert("RGBA"))).min() >= 249


@pytest.mark.parametrize("form", ["png", "tiff", "webp"])
def test_equal_channels_stay_equal(tmp_path, capsys, form):
    grey = np.random.default_rng(0).integers(0, 255, (20, 30, 1), dtype=np.uint8)
    Image.fromarray(np.repeat(grey, 3, 2)).save(tmp_path / "a.png")
    image, _ = upscaled(tmp_path, capsys, "a.png", "--format", form, "--quality", "100")
    assert image.mode == "RGB"
    pixels = np.asarray(image).astype(int)
    assert np.abs(pixels - pixels[..., :1]).max() <= (2 if form == "webp" else 0)


def test_text_and_resolution_are_kept_or_their_loss_is_said(tmp_path, capsys):
    info = PngInfo()
    info.add_text("parameters", "a castle, steps 20")
    colours = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png", pnginfo=info, dpi=(300, 300))
    image, said = upscaled(tmp_path, capsys, "a.png")
    assert image.info["parameters"] == "a castle, steps 20"
    assert round(image.info["dpi"][0]) == 300
    assert "dropped" not in said
    (tmp_path / "out" / "a.png").unlink()
    image, said = upscaled(tmp_path, capsys, "a.png", "--format", "jpg")
    assert round(image.info["dpi"][0]) == 300
    assert "; text dropped, as JPEG gets none" in said


def test_an_intact_first_page_is_used_and_said(tmp_path, capsys):
    first = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", np.stack([first, first]), photometric="rgb")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        end = file.pages[1].offset
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[: end + 9])
    _, said = upscaled(tmp_path, capsys, "a.tif")
    assert "the first of several pages; the others are damaged" in said
