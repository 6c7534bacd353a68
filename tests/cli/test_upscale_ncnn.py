"""``blindsr upscale`` with a network of ncnn: all that it does for its own models."""

import json

import numpy as np
import pytest
from tests.helpers.make_ncnn import compact
from tests.helpers.upscale_command import names, picture, run

import blindsr
from blindsr.cli.pictures.records import INDEX
from blindsr.imaging.files import read_array, write_png


@pytest.fixture
def model(tmp_path):
    return compact(tmp_path, features=8)


def test_tiles_depth_consistency_and_maps(model, tmp_path, capsys):
    deep = picture(40, 52).astype(np.uint16) * 257
    write_png(tmp_path / "a.png", deep)
    words = "--consistency --consistency-map --save-maps --compare --tile 16 --keep-blur 0.3"
    out = tmp_path / "out"
    assert run(tmp_path / "a.png", "-o", out, "--model", model, *words.split()) == 0
    assert "consistency" in capsys.readouterr().out
    assert names(out) == [
        *("a.png", "a_compare.png", "a_consistency.png", "a_preview.png", "a_sigma.png"),
    ]
    assert read_array(out / "a.png").dtype == np.uint16
    assert read_array(out / "a_sigma.png").shape == (160, 208)
    made = json.loads((out / INDEX).read_text())["results"]["a.png"]["made_with"]
    assert made["keep_blur"] == 0.3


def test_the_map_is_that_of_the_estimator_in_the_box(model):
    network, lr = blindsr.load(model), picture(32, 40)
    assert not network.can_estimate
    assert network.shows_maps
    (strip,) = network.strips(lr, maps=True, keep_blur=0.0)
    assert strip.blur.shape == (128, 160)
    seen = blindsr.load().estimate(lr).blur
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(strip.blur - seen)[inner].mean() < 0.3  # enlarged from the size of the picture
    plain = network.upscale(lr, keep_blur=0.0)
    np.testing.assert_allclose(np.rint(strip.sr * 255), plain, atol=1)
