import numpy as np
import pytest

from blindsr.drawing.page import BOX_COLOURS, Picture, Words
from blindsr.drawing.palette import blur_to_rgb
from blindsr.drawing.restorations import restoration_page
from blindsr.errors import DataError

HEIGHT, WIDTH = 48, 64
METHODS = ("bicubic", "ours")


def noise(seed=0, height=HEIGHT, width=WIDTH):
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def sample(**changes):
    hr = noise()
    images = {"LR": hr * 0.5, "bicubic": hr * 0.6, "ours": hr * 0.9, "HR": hr}
    full = {
        "name": "scene",
        "images": {**images, **changes.pop("images", {})},
        "boxes": [(0, 0), (30, 40)],
    }
    full["images"] = {k: v for k, v in full["images"].items() if v is not None}
    return {key: value for key, value in (full | changes).items() if value is not None}


def page_of(*samples, **options):
    return restoration_page(samples, **{"sigma_max": 5, **options})


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def near(picture, colour, tolerance=12):
    return np.abs(picture.astype(int) - np.asarray(colour, int)).max(-1) <= tolerance


def crops_of(page):
    """Pictures with a frame: the crops, by rows."""
    return [item for item in page.items if isinstance(item, Picture) and item.frame]


def wholes_of(page):
    """Pictures in which crops are marked: the whole picture, then its maps."""
    return [item for item in page.items if isinstance(item, Picture) and item.boxes]


def words_of(page):
    return [item.text for item in page.items if isinstance(item, Words)]


def shown(page, place):
    return page.draw()[place.top : place.bottom, place.left : place.right]


def test_crops_are_enlarged_pixel_by_pixel():
    one = sample()
    page = page_of(one, title="A title")
    crops = iter(crops_of(page))
    for top, left in one["boxes"]:
        for name in ("LR", "bicubic", "ours", "HR"):
            crop = one["images"][name][top : top + 12, left : left + 12]
            tile = shown(page, next(crops).place)
            zoom = len(tile) // 12
            exact = np.rint(crop * 255).astype(np.uint8).repeat(zoom, 0).repeat(zoom, 1)
            np.testing.assert_array_equal(tile, exact)


def test_frames_have_the_colours_of_their_rows_and_lie_around_the_crop():
    flat = {name: np.full((HEIGHT, WIDTH, 3), 0.5) for name in ("LR", *METHODS, "HR")}
    one = sample(images=flat, boxes=[(10, 5), (30, 40)])
    page = page_of(one)
    whole = wholes_of(page)[0].place
    zoom = whole.width / WIDTH
    rows = np.array_split(crops_of(page), 2)
    for (top, left), row, colour in zip(one["boxes"], rows, BOX_COLOURS, strict=False):
        marked = np.argwhere(near(shown(page, whole), rgb(colour)))
        expected = np.array([[top, left], [top + 12, left + 12]]) * zoom
        np.testing.assert_allclose([marked.min(0), marked.max(0)], expected, atol=3)
        for crop in row:
            edge = page.draw()[crop.place.top - 1, crop.place.left : crop.place.right]
            assert near(edge, rgb(colour), 0).all()


def test_sigma_maps_share_a_fixed_scale_with_one_bar():
    blur = np.full((HEIGHT, WIDTH), 2.5)
    page = page_of(sample(blur=blur, blur_estimate=np.full((HEIGHT, WIDTH), 99.0), boxes=[(0, 0)]))
    whole, *maps = wholes_of(page)
    for item, sigma in zip(maps, (2.5, 5.0), strict=True):
        assert near(item.image, blur_to_rgb(np.array([[sigma]]), 5)[0, 0], 0).all()
        assert item.place.top >= whole.place.bottom
    alone = page_of(sample(blur_estimate=blur))
    picture, only = wholes_of(alone)
    assert only.place.left == whole.place.left  # the first place
    assert abs(only.place.width - picture.place.width) <= 1  # and no second one that stays empty
    assert "estimated sigma" in words_of(alone)
    assert "true sigma" not in words_of(alone)
    assert "sigma [HR px]" not in words_of(page_of(sample()))


def test_the_bar_goes_under_everything():
    maps = {"blur": np.zeros((HEIGHT, WIDTH))}
    for samples in ([sample(), sample(**maps)], [sample(**maps), sample()]):
        page = page_of(*samples)
        label = next(item for item in page.items if getattr(item, "text", "") == "sigma [HR px]")
        assert label.place.bottom == page.bottom


def test_scores_stand_under_their_column_alone():
    page = page_of(sample(scores={"ours": "31.42 dB"}))
    score = next(item.place for item in page.items if getattr(item, "text", "") == "31.42 dB")
    ours = crops_of(page)[-2].place
    assert ours.left < score.left < score.right < ours.right
    assert score.top > ours.bottom


def test_without_hr_the_enlarged_lr_is_the_whole_picture():
    red = np.zeros((HEIGHT, WIDTH, 3))
    red[..., 0] = 1
    page = page_of(sample(images={"HR": None, "LR": red}))
    assert len(crops_of(page)) == 2 * 3
    assert (wholes_of(page)[0].image == (255, 0, 0)).all()
    assert "scene (LR)" in words_of(page)


def test_a_sample_without_hr_leaves_the_column_of_others_empty():
    page = page_of(sample(), sample(images={"HR": None}))
    crops = crops_of(page)
    assert len(crops) == 2 * 4 + 2 * 3
    last = max(crop.place.left for crop in crops)
    assert sum(crop.place.left == last for crop in crops) == 2
    assert words_of(page).count("HR") == 1


def test_crops_are_chosen_where_methods_leave_bicubic():
    base = noise() * 0.5
    ours = base.copy()
    ours[20:40, 30:50] += 0.5
    one = sample(images={"bicubic": base, "ours": ours, "HR": base, "LR": base}, boxes=None)
    page, again = page_of(one, crops=1), page_of(one, crops=1)
    np.testing.assert_array_equal(page.draw(), again.draw())
    # The whole crop shows the part that differs: brighter than bicubic everywhere.
    assert crops_of(page)[2].image.min() >= 126
    chosen = page_of(one | {"boxes": [(24, 34)]}, crops=1)
    assert chosen.draw().shape == page.draw().shape


def test_samples_of_different_sizes_share_a_page():
    big = {name: noise(5, 96, 80) for name in ("LR", *METHODS, "HR")}
    one = page_of(sample(boxes=None)).draw()
    two = page_of(sample(boxes=None), {"images": big}).draw()
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > 1.5 * one.shape[0]


def test_a_diverged_network_is_still_drawn():
    broken = np.full((HEIGHT, WIDTH, 3), np.nan)
    one = sample(
        images={"ours": broken}, blur_estimate=np.full((HEIGHT, WIDTH), np.inf), boxes=None
    )
    assert page_of(one).draw().shape[0] > 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": {"bicubic": None, "ours": None}}, r"samples\[0\].images: no 'method' among LR"),
        ({"images": {"LR": None}}, r"no 'LR' among"),
        (
            {"images": {"LR": noise(0, 12, 16)}},
            r"images\['LR'\]: shape \(12, 16, 3\), expected \(48, 64, 3\) as the others. Enlarge",
        ),
        (
            {"images": dict.fromkeys(("LR", *METHODS, "HR"), np.zeros((4, 5)))},
            r"shape \(4, 5\), expected \(H, W, 3\)$",
        ),
        ({"blur": np.zeros((12, 16))}, r"samples\[0\].blur: shape \(12, 16\), expected \(48, 64\)"),
        ({"boxes": [(40, 0)]}, r"boxes: \(40, 0\) with 12 pixels a side, expected a crop inside"),
    ],
)
def test_bad_samples_are_one_line(change, message):
    with pytest.raises(DataError, match=message) as error:
        page_of(sample(**change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        ([], {}, "samples: none, expected at least one"),
        ([{}], {}, "no 'LR' among none"),
        ([sample(), sample(images={"ours": None})], {}, r"samples\[1\].images: no 'ours' among LR"),
    ],
)
def test_bad_arguments_are_one_line(samples, options, message):
    samples = [sample(boxes=None)] if samples is None else samples
    with pytest.raises(DataError, match=message):
        page_of(*samples, **options)
