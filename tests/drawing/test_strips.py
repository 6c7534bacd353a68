import numpy as np
import pytest

from blindsr.drawing.page import Fill, Words
from blindsr.drawing.palette import blur_to_rgb, class_palette
from blindsr.drawing.strips import strip_page
from blindsr.errors import DataError


def sample(**changes):
    rng = np.random.default_rng(0)
    blur = np.tile(np.linspace(0, 5, 64, dtype=np.float32), (48, 1))
    seg = (np.arange(48)[:, None] // 12 + np.zeros((1, 64), np.int64)).astype(np.int64)
    seg[0] = 255
    full = {
        "name": "scene",
        "lr": rng.random((12, 16, 3)).astype(np.float32),
        "blur": blur,
        "blur_estimate": blur[:, ::-1],
        "seg": seg,
        "seg_estimate": seg[::-1],
    }
    return {key: value for key, value in (full | changes).items() if value is not None}


def contains(picture, colour):
    return bool((np.abs(picture.astype(int) - np.asarray(colour, int)).max(-1) <= 2).any())


def words_of(page):
    return [item.text for item in page.items if isinstance(item, Words)]


def test_a_strip_shows_every_map():
    names = ["wall", "floor", "cabinet", "bed", "chair"]
    page = strip_page([sample(), sample(name="other")], sigma_max=5, class_names=names, title="T")
    picture = page.draw()
    for colour in class_palette(5)[:4]:
        assert contains(picture, colour)
    assert not contains(picture, class_palette(5)[4])  # the class that never occurs
    for colour in blur_to_rgb(np.array([[0.0, 5.0]]), 5)[0]:
        assert contains(picture, colour)
    words = words_of(page)
    assert [*words[:6], words.count("scene"), words.count("other")] == [
        *("LR", "true sigma", "estimated sigma", "absolute error"),
        *("true classes", "estimated classes", 1, 1),
    ]
    assert words[-5:] == ["wall", "floor", "cabinet", "bed", "no label"]
    assert "≥2.5" in words


def test_columns_follow_what_there_is():
    columns = {
        "all": sample(),
        "blur": sample(seg=None, seg_estimate=None),
        "estimates": sample(blur=None, seg=None),
        "lr": sample(blur=None, blur_estimate=None, seg=None, seg_estimate=None),
    }
    widths = {name: strip_page([one], sigma_max=5).draw().shape[1] for name, one in columns.items()}
    tile = (widths["all"] - widths["lr"]) / 5
    assert widths["blur"] == pytest.approx(widths["lr"] + 3 * tile, abs=2)
    assert widths["estimates"] == pytest.approx(widths["lr"] + 2 * tile, abs=2)


def test_a_sample_may_lack_what_another_has():
    poor = sample(blur=None, seg=None, name="x" * 200)
    page = strip_page([sample(), poor], sigma_max=15)
    assert page.bottom > strip_page([sample()], sigma_max=15).bottom
    assert words_of(page).count("–") == 3  # true sigma, error, true classes


def test_names_of_faulty_samples_are_red():
    page = strip_page([{"name": "bad", "faulty": True}, {"name": "good"}], sigma_max=5)
    colours = {item.text: item.colour for item in page.items if isinstance(item, Words)}
    assert colours["bad"] != colours["good"]


def test_nothing_to_draw_is_an_error():
    with pytest.raises(DataError, match="samples"):
        strip_page([], sigma_max=5)


def test_a_long_legend_is_spread_under_all_tiles():
    names = [f"some class {index}" for index in range(40)]
    lefts, heights = {}, {}
    for count in (6, 40):
        seg = np.arange(48 * 64).reshape(48, 64) % count
        one = sample(blur=None, seg=None, seg_estimate=seg)
        page = strip_page([one], sigma_max=5, class_names=names)
        swatches = [i.place for i in page.items if isinstance(i, Fill) and i.place.width == 12]
        assert len(swatches) == count
        lefts[count], heights[count] = min(place.left for place in swatches), page.bottom
    assert lefts[40] < 20
    assert lefts[6] > 500
    assert heights[40] - heights[6] < 12 * 18  # not 34 lines more
