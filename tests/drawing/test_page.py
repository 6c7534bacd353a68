"""Whatever is drawn: nothing overlaps, nothing is cut, words keep to their room."""

import numpy as np
import pytest
from PIL import Image

from blindsr.drawing.comparison import open_comparison
from blindsr.drawing.page import MARGIN, Fill, Page, Picture, Rectangle, Words
from blindsr.drawing.restorations import restoration_page
from blindsr.drawing.strips import strip_page
from blindsr.drawing.words import HEADING, TITLE, shorten, text_width, wrap

RNG = np.random.default_rng(0)
IMAGE = RNG.random((48, 64, 3)).astype(np.float32)
SIGMA = np.tile(np.linspace(0, 5, 64, dtype=np.float32), (48, 1))
LONG = "a/very_long_name/" * 20


BEYOND = ["0", "1", "2", "3", "4", "≥5"]


def strips(**changes):
    seg = np.arange(48 * 64).reshape(48, 64) % 30
    full = {"name": LONG, "lr": IMAGE, "blur": SIGMA, "blur_estimate": SIGMA, "seg": seg}
    full["seg_estimate"] = np.where(seg > 5, 255, seg)
    return strip_page([full | changes, {"name": "", "lr": IMAGE}], sigma_max=5, title=LONG)


def restorations(height=48, **changes):
    images = dict.fromkeys(("LR", "bicubic", LONG, "HR"), IMAGE[:height])
    maps = {"blur": SIGMA[:height], "blur_estimate": SIGMA[:height]}
    full = {"name": LONG, "images": images, **maps, "scores": dict.fromkeys(images, LONG)}
    options = {"sigma_max": 5, "title": LONG}
    return restoration_page([full | changes, {"images": images}, full], **options)


def compared(tmp_path, monkeypatch, shape=(48, 64), sigma=SIGMA):
    kept = []
    monkeypatch.setattr(Page, "save", lambda page, _path, **_: kept.append(page))
    lr = IMAGE[: shape[0] // 4, : shape[1] // 4]
    with open_comparison(tmp_path / "a.png", lr, scale=4, phase=1.5) as comparison:
        comparison.add(0, IMAGE[: shape[0], : shape[1]], sigma[: shape[0], : shape[1]])
        comparison.save(title=LONG, method=LONG, sigma_max=5.0)
    return kept[0]


def overlap(first, second):
    return (
        first.left < second.right
        and second.left < first.right
        and first.top < second.bottom
        and second.top < first.bottom
    )


def assert_tidy(page):
    width, height = page.right + MARGIN, page.bottom + MARGIN
    assert page.draw().shape == (height, width, 3)
    for index, item in enumerate(page.items):
        place = item.place
        assert place.left >= MARGIN - 3
        assert place.top >= MARGIN
        assert place.width > 0 or not item.text
        assert place.height > 0
        for other in page.items[:index]:
            dash = isinstance(other, Fill) and isinstance(item, Words) and item.text == "–"
            assert dash or not overlap(place, other.place), (item, other)
    title = Rectangle(MARGIN, MARGIN, page.right - MARGIN, TITLE)
    assert not any(overlap(item.place, title) for item in page.items if page.title)
    border = np.ones((height, width), bool)
    border[MARGIN - 4 : 4 - MARGIN, MARGIN - 4 : 4 - MARGIN] = False
    assert (page.draw()[border] == 255).all()


@pytest.mark.parametrize(
    "changes",
    [{}, {"lr": IMAGE[:, :4]}, {"lr": IMAGE[:2], "blur": SIGMA[:2], "blur_estimate": SIGMA[:2]}],
)
def test_strips_are_tidy(changes):
    assert_tidy(strips(**changes))


@pytest.mark.parametrize("height", [48, 5])
@pytest.mark.parametrize("changes", [{}, {"blur": None}, {"scores": {}}])
def test_pages_of_restorations_are_tidy(changes, height):
    assert_tidy(restorations(height, **changes))


@pytest.mark.parametrize("shape", [(48, 64), (48, 4), (4, 64)])
def test_comparisons_are_tidy(shape, tmp_path, monkeypatch):
    assert_tidy(compared(tmp_path, monkeypatch, shape))


def test_every_sigma_scale_is_the_same_bar_with_its_unit(tmp_path, monkeypatch):
    for page in (strips(), restorations(), compared(tmp_path, monkeypatch)):
        words = [item.text for item in page.items if isinstance(item, Words)]
        label = words.index("sigma [HR px]")
        assert words[label - 6 : label] == ["0", "1", "2", "3", "4", "5"]


def test_a_bar_says_where_maps_go_beyond_its_end(tmp_path, monkeypatch):
    wide = 1.2 * SIGMA
    comparison = compared(tmp_path, monkeypatch, sigma=wide)
    for page in (strips(blur_estimate=wide), restorations(blur=wide), comparison):
        words = [item.text for item in page.items if isinstance(item, Words)]
        label = words.index("sigma [HR px]")
        assert words[label - 6 : label] == BEYOND
        assert_tidy(page)


def test_words_are_cut_in_their_middle_and_headings_broken():
    assert shorten("short", 200, HEADING) == "short"
    cut = shorten(LONG, 200, HEADING)
    assert cut.startswith("a/v")
    assert cut.endswith("me/")
    assert "…" in cut
    assert 150 < text_width(cut, HEADING) <= 200
    lines = wrap("a method with a very long name", 120)
    assert " ".join(lines) == "a method with a very long name"
    assert max(text_width(line, HEADING) for line in lines) <= 120
    assert "".join(wrap("x" * 60, 120)) == "x" * 60


def test_measured_words_are_as_wide_as_drawn_ones():
    page = Page()
    page.words("Wide WORDS, and tails: gjpqy", MARGIN, MARGIN, 500)
    place = page.items[0].place
    drawn = np.argwhere(page.draw().min(-1) < 200)
    assert drawn[:, 0].min() >= place.top
    assert drawn[:, 0].max() < place.bottom
    assert drawn[:, 1].min() >= place.left
    assert place.right - 4 <= drawn[:, 1].max() < place.right


def test_names_are_no_formulas_and_may_hold_anything(tmp_path):
    page = Page("$x^2$ \n \udcff 写真")
    page.words("$\\alpha$\x00\n\udcff", MARGIN, page.bottom, 300)
    page.save(tmp_path / "folder" / "page.png", text={"key": "value"})
    with Image.open(tmp_path / "folder" / "page.png") as image:
        assert image.text == {"key": "value"}
        assert image.size == (page.right + MARGIN, page.bottom + MARGIN)


def test_small_pictures_keep_their_pixels_and_large_ones_are_averaged():
    page = Page()
    small = (RNG.random((6, 8, 3)) * 255).astype(np.uint8)
    page.picture(Rectangle(MARGIN, MARGIN, 32, 24), small)
    large = np.zeros((48, 64, 3), np.uint8)
    large[:, ::2] = 200
    page.picture(Rectangle(MARGIN, MARGIN + 40, 32, 24), large)
    drawn = page.draw()
    np.testing.assert_array_equal(
        drawn[MARGIN : MARGIN + 24, MARGIN : MARGIN + 32], small.repeat(4, 0).repeat(4, 1)
    )
    assert (drawn[MARGIN + 40 : MARGIN + 64, MARGIN : MARGIN + 32] == 100).all()
    assert [type(item) for item in page.items] == [Picture, Picture]
