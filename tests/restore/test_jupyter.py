"""Paths instead of arrays, and what Jupyter shows."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import blindsr
from blindsr.errors import FileError
from blindsr.inference.results import Maps


@pytest.fixture(scope="module")
def model():
    return blindsr.load(device="cpu")


def test_a_path_is_a_picture_of_pillow(model, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    result = model.upscale(path)
    assert isinstance(result, Image.Image)
    np.testing.assert_array_equal(np.asarray(result), model.upscale(pixels))
    np.testing.assert_array_equal(model.estimate(str(path)).blur, model.estimate(pixels).blur)


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_other_files_are_refused_by_name(model, tmp_path, content):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=r"a\.png"):
        model.upscale(path)


def test_maps_show_themselves(model):
    maps = model.estimate(np.random.default_rng(0).random((24, 32, 3), dtype=np.float32))
    shown = Image.open(BytesIO(maps._repr_png_()))
    assert min(shown.size) > 100
    assert len(np.unique(np.asarray(shown).reshape(-1, shown.mode.count("A") + 3), axis=0)) > 20


def test_a_batch_of_maps_has_no_picture():
    assert Maps(np.zeros((2, 8, 8)), None)._repr_png_() is None
    assert Maps(None, None)._repr_png_() is None


def test_a_model_shows_its_card(model):
    words = model._repr_html_()
    assert "BlindSR" in words
    assert "trained for" in words
    assert "<script" not in words
