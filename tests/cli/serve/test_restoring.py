"""What the page of ``blindsr serve`` calls, without the page."""

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.helpers.fake_model import FakeModel
from tests.helpers.upscale_command import picture

from blindsr.cli.serve import restoring
from blindsr.cli.serve.restoring import Restoring
from blindsr.errors import BlindSRError
from blindsr.imaging.files import read_rgb, write_png
from blindsr.imaging.photo import read_photo
from blindsr.imaging.resize import upsample


@pytest.fixture
def source(tmp_path):
    write_png(tmp_path / "dog.png", picture(20, 26))
    return tmp_path / "dog.png"


@pytest.fixture
def page(tmp_path):
    (tmp_path / "served").mkdir()
    return Restoring(FakeModel(), tmp_path / "served")


def size(path):
    with Image.open(path) as image:
        return image.size


def test_result_and_what_is_shown_of_it(page, source):
    told = []
    made = page.restore(source, 0.4, 0.7, lambda *parts: told.append(parts))
    expected = upsample(picture(20, 26).astype(np.float32), 2, phase=0.0).clip(0, 255)
    assert made.result.name == "dog_x2.png"
    np.testing.assert_allclose(read_rgb(made.result) * 255, expected, atol=0.51)
    for shown in (made.before, made.after):  # this model is the bicubic enlargement
        np.testing.assert_allclose(read_rgb(shown) * 255, expected, atol=0.51)
    assert size(made.blur)[0] > 600
    assert made.facts.startswith("26x20 -> 52x40, 8 bit RGB, ")
    assert page.model.finished[:2] == (0.4, 0.7)
    assert told[-1] == (2, 2)


def test_depth_and_alpha_of_the_photograph_stay_in_the_file(page, tmp_path):
    deep = np.dstack([picture(), picture(seed=1)[..., :1]]).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", extrasamples=["unassalpha"])
    made = page.restore(tmp_path / "a.tif", 0.0, 1.0)
    photo = read_photo(made.result)
    assert (photo.bits, photo.alpha is not None) == (16, True)
    assert read_rgb(made.after).shape == (40, 52, 3)


def test_a_model_without_maps_draws_none(tmp_path, source):
    page = Restoring(FakeModel(can_estimate=False), tmp_path)
    assert page.restore(source, 0.0, 1.0).blur is None


def test_large_results_are_shown_small_and_kept_whole(page, source, monkeypatch):
    monkeypatch.setattr(restoring, "LARGEST_SHOWN", 26)
    made = page.restore(source, 0.0, 1.0)
    assert size(made.before) == size(made.after) == (26, 20)
    assert size(made.result) == (52, 40)


def test_a_photograph_that_no_browser_shows_is_shown(page, tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.tif")
    assert size(page.look(tmp_path / "a.tif")) == (26, 20)


def test_errors_are_one_line_that_names_the_file_alone(page, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(BlindSRError, match=r"^bad.png: not an image, expected PNG"):
        page.look(tmp_path / "bad.png")
    with pytest.raises(BlindSRError, match=r"^bad.png: not an image, expected PNG"):
        page.restore(tmp_path / "bad.png", 0.3, 1.0)


def test_stop_ends_the_photograph_at_work_and_not_the_next(page, source):
    with pytest.raises(BlindSRError, match=r"^dog.png: stopped$"):
        page.restore(source, 0.3, 1.0, lambda *_: page.stop())
    assert page.restore(source, 0.3, 1.0).result.is_file()


def test_old_results_are_removed_and_names_are_never_used_again(page, source):
    made = [page.restore(source, 0.3, 1.0) for _ in range(restoring._KEPT + 1)]
    assert [one.result.exists() for one in made] == [False, *[True] * restoring._KEPT]
    assert len({one.after for one in made}) == len(made)
