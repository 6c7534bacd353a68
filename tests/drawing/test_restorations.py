import numpy as np
import pytest

from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.drawing.page import GAP, MARGIN, SCORE, BlockShape, lay_out, tile_side
from blindsr.drawing.palette import blur_to_rgb
from blindsr.drawing.restorations import BOX_COLOURS, save_restoration_sheet
from blindsr.errors import DataError
from blindsr.imaging import read_array

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


def draw(path, samples, **options):
    options = {"methods": METHODS, "sigma_max": 5, **options}
    save_restoration_sheet(path, samples, **options)
    return read_array(path)[..., :3]


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def near(picture, colour, tolerance=12):
    return np.abs(picture.astype(int) - np.asarray(colour, int)).max(-1) <= tolerance


def page_of(*samples, columns=4, heading=24, titled=False):
    shapes = [
        BlockShape(
            HEIGHT, WIDTH, len(s.get("boxes", (0, 0))), "blur" in s, bool(s.get("scores", ()))
        )
        for s in samples
    ]
    return lay_out(shapes, columns=columns, tile=tile_side(12), heading=heading, titled=titled)


# where to look closer


def test_crops_lie_where_restorations_differ_and_something_is_to_be_seen():
    hr = np.full((64, 64, 3), 0.5)
    hr[:, :32] = noise(1, 64, 32)  # detail on the left alone
    bicubic = hr.copy()
    other = hr.copy()
    other[:16] += 0.2  # the upper rows differ: with detail on the left, without on the right
    (box,) = choose_boxes(bicubic, [other], reference=hr, count=1, side=16)
    assert box[0] == 0
    assert box[1] <= 16
    first, second = choose_boxes(bicubic, [other], reference=hr, count=2, side=16)
    assert first == box
    assert max(abs(first[0] - second[0]), abs(first[1] - second[1])) >= 16


def test_crops_never_overlap_and_stop_when_there_is_no_room():
    boxes = choose_boxes(noise(1), [noise(2)], reference=noise(3), count=99, side=16)
    assert 4 <= len(boxes) <= 12
    covered = np.zeros((HEIGHT, WIDTH), int)
    for row, column in boxes:
        assert row + 16 <= HEIGHT
        assert column + 16 <= WIDTH
        covered[row : row + 16, column : column + 16] += 1
    assert covered.max() == 1


def test_crops_are_the_same_every_time_even_where_nothing_differs():
    flat = np.full((HEIGHT, WIDTH, 3), 0.3)
    assert choose_boxes(flat, [flat], reference=flat, count=1, side=12) == [(0, 0)]
    detail = flat.copy()
    detail[30:40, 40:50] = noise(4, 10, 10)
    ((row, column),) = choose_boxes(flat, [], reference=detail, count=1, side=12)
    assert 25 <= row <= 32
    assert 35 <= column <= 42
    arguments = {"reference": noise(3), "count": 3, "side": 12}
    assert choose_boxes(noise(1), [noise(2)], **arguments) == choose_boxes(
        noise(1), [noise(2)], **arguments
    )


def test_distant_crops_are_preferred():
    hr = np.full((32, 160, 3), 0.5)
    hr[:, :48] = np.tile([[[0.0], [1.0]], [[1.0], [0.0]]], (16, 24, 1))
    hr[:, 128:] = np.tile([[[0.1], [0.9]], [[0.9], [0.1]]], (16, 16, 1))  # a little less detail
    blurred = np.full_like(hr, 0.5)
    first, second = choose_boxes(blurred, [hr], reference=hr, count=2, side=16)
    assert first[1] < 48
    assert second[1] >= 112


def test_crops_suit_the_picture():
    assert crop_side(480, 640) == 120
    assert crop_side(3000, 4000) == 192
    assert crop_side(3, 200) == 1
    for side in (1, 12, 48, 100, 192, 500):
        assert tile_side(side) % side == 0
        assert tile_side(side) >= 100
    with pytest.raises(DataError, match=r"crop_size: 49 pixels, expected 1\.\.48"):
        choose_boxes(noise(), [noise(1)], reference=noise(), count=1, side=49)


# the page


def test_nothing_on_the_page_overlaps_or_leaves_it():
    one = sample(blur=np.zeros((HEIGHT, WIDTH)), scores={"ours": "1"})
    page = page_of(one, sample(), columns=5, titled=True)
    first, second = page.blocks
    assert first.picture.bottom < first.maps[0].top
    assert first.maps[0].left + first.maps[0].width < first.maps[1].left
    assert abs(first.maps[1].left + first.maps[1].width - (MARGIN + first.picture.width)) <= 1
    assert first.bottom == first.rows[-1] + page.tile + SCORE
    assert second.picture.top > first.bottom
    assert first.picture.left + first.picture.width < page.columns[0]
    assert set(np.diff(page.columns)) == {page.tile + GAP}
    assert page.columns[-1] + page.tile + MARGIN == page.width
    assert page.bar.top > second.bottom
    assert page.bar.bottom < page.height


def test_the_bar_goes_under_the_last_maps():
    maps = {"blur": np.zeros((HEIGHT, WIDTH))}
    last = page_of(sample(), sample(**maps))
    assert last.bar.top > last.blocks[-1].maps[0].bottom
    assert page_of(sample()).bar is None
    assert page_of(sample()).height < page_of(sample(**maps)).height


# the picture


def test_crops_are_enlarged_pixel_by_pixel(tmp_path):
    one = sample()
    picture = draw(tmp_path / "sheet.png", [one], title="A title")
    page = page_of(one, titled=True)
    assert picture.shape[:2] == (page.height, page.width)
    zoom = page.tile // 12
    for column, name in enumerate(("LR", "bicubic", "ours", "HR")):
        for row, (top, left) in zip(page.blocks[0].rows, one["boxes"], strict=True):
            x = page.columns[column]
            tile = picture[row : row + page.tile, x : x + page.tile]
            shown = tile[zoom // 2 :: zoom, zoom // 2 :: zoom].astype(int)
            crop = one["images"][name][top : top + 12, left : left + 12]
            assert np.abs(shown - np.rint(crop * 255)).max() <= 1
            inner = tile[zoom : 2 * zoom, zoom : 2 * zoom].reshape(-1, 3)
            assert (inner == inner[0]).all()  # no pixel is a mixture of two


def test_frames_have_the_colours_of_their_rows_and_lie_around_the_crop(tmp_path):
    flat = {name: np.full((HEIGHT, WIDTH, 3), 0.5) for name in ("LR", *METHODS, "HR")}
    one = sample(images=flat, boxes=[(10, 5), (30, 40)])
    picture = draw(tmp_path / "sheet.png", [one])
    page = page_of(one)
    whole = page.blocks[0].picture
    zoom = whole.width / WIDTH
    shown = picture[whole.top : whole.bottom, whole.left : whole.left + whole.width]
    for (top, left), row, colour in zip(
        one["boxes"], page.blocks[0].rows, BOX_COLOURS, strict=False
    ):
        marked = np.argwhere(near(shown, rgb(colour)))
        expected = np.array([[top, left], [top + 12, left + 12]]) * zoom
        np.testing.assert_allclose([marked.min(0), marked.max(0)], expected, atol=3)
        for x in page.columns:
            edge = picture[row, x + 10 : x + page.tile - 10]
            assert near(edge, rgb(colour)).all()


def test_sigma_maps_share_a_fixed_scale_with_one_bar(tmp_path):
    blur = np.full((HEIGHT, WIDTH), 2.5)
    both = sample(blur=blur, blur_estimate=np.full((HEIGHT, WIDTH), 99.0))
    picture = draw(tmp_path / "both.png", [both])
    page = page_of(both)
    for rectangle, sigma in zip(page.blocks[0].maps, (2.5, 5.0), strict=True):
        y, x = rectangle.top + rectangle.height // 2, rectangle.left + rectangle.width // 2
        assert near(picture[y, x], blur_to_rgb(np.array([[sigma]]), 5)[0, 0], 2)
    bar = picture[page.bar.top + page.bar.height // 2, page.bar.left :][: page.bar.width]
    ends = blur_to_rgb(np.array([[0.0, 5.0]]), 5)[0]
    assert near(bar[2], ends[0], 4)
    assert near(bar[-3], ends[1], 4)
    # An estimate alone takes the first place.
    alone = draw(tmp_path / "alone.png", [sample(blur_estimate=blur)])
    first = page.blocks[0].maps[0]
    middle = alone[first.top + first.height // 2, first.left + first.width // 2]
    assert near(middle, blur_to_rgb(np.array([[2.5]]), 5)[0, 0], 2)


def test_scores_stand_under_their_column_alone(tmp_path):
    one = sample(scores={"ours": "31.42 dB"})
    picture = draw(tmp_path / "sheet.png", [one])
    page = page_of(one)
    under = page.blocks[0].rows[-1] + page.tile + 3
    written = [
        (picture[under : under + SCORE, x : x + page.tile] < 128).any() for x in page.columns
    ]
    assert written == [False, False, True, False]


def test_without_hr_the_enlarged_lr_is_the_whole_picture(tmp_path):
    red = np.zeros((HEIGHT, WIDTH, 3))
    red[..., 0] = 1
    one = sample(images={"HR": None, "LR": red})
    picture = draw(tmp_path / "sheet.png", [one])
    page = page_of(one, columns=3)
    assert picture.shape[1] == page.width
    whole = page.blocks[0].picture
    assert near(picture[whole.bottom - 4, whole.left + 4], (255, 0, 0), 0)


def test_a_sample_without_hr_leaves_the_column_of_others_empty(tmp_path):
    both = [sample(), sample(images={"HR": None})]
    picture = draw(tmp_path / "sheet.png", both)
    page = page_of(*both)
    first, second = page.blocks
    assert (picture[: first.bottom, page.columns[-1] :] < 128).any()
    assert (picture[second.rows[0] - 24 :, page.columns[-1] :] == 255).all()


def test_crops_are_chosen_where_methods_leave_bicubic(tmp_path):
    base = noise() * 0.5
    ours = base.copy()
    ours[20:40, 30:50] += 0.5
    one = sample(images={"bicubic": base, "ours": ours, "HR": base, "LR": base}, boxes=None)
    picture = draw(tmp_path / "sheet.png", [one], crops=1)
    again = draw(tmp_path / "again.png", [one], crops=1)
    np.testing.assert_array_equal(picture, again)
    given = draw(tmp_path / "given.png", [one | {"boxes": [(24, 34)]}], crops=1)
    assert given.shape == picture.shape
    page = page_of(one | {"boxes": [0]})
    row, x = page.blocks[0].rows[0], page.columns[2]
    # The whole crop shows the part that differs: brighter than bicubic everywhere.
    tile = picture[row + 4 : row + page.tile - 4, x + 4 : x + page.tile - 4]
    assert tile.min() >= 126


def test_samples_of_different_sizes_share_a_sheet(tmp_path):
    big = {name: noise(5, 96, 80) for name in ("LR", *METHODS, "HR")}
    one = draw(tmp_path / "one.png", [sample(boxes=None)])
    two = draw(tmp_path / "two.png", [sample(boxes=None), {"images": big}])
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > 1.5 * one.shape[0]


def test_a_diverged_network_is_still_drawn(tmp_path):
    broken = np.full((HEIGHT, WIDTH, 3), np.nan)
    one = sample(
        images={"ours": broken}, blur_estimate=np.full((HEIGHT, WIDTH), np.inf), boxes=None
    )
    assert draw(tmp_path / "sheet.png", [one]).shape[0] > 100


def test_long_names_are_broken_and_cut(tmp_path):
    long = "RRDB-SFT with the sigma maps of an estimator that was never trained"
    images = {name: noise() for name in ("LR", long, "HR")}
    one = {"images": images, "name": "x" * 300}
    plain = {"images": {**images, "short": noise()}, "name": "x"}
    wide = draw(tmp_path / "long.png", [one], methods=[long])
    narrow = draw(tmp_path / "short.png", [plain], methods=["short"])
    assert wide.shape[1] == narrow.shape[1]
    assert wide.shape[0] > narrow.shape[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": {"ours": None}}, r"samples\[0\].images: no 'ours' among 'LR', 'bicubic', 'HR'"),
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
def test_bad_samples_are_one_line_and_leave_no_file(tmp_path, change, message):
    with pytest.raises(DataError, match=message) as error:
        draw(tmp_path / "sheet.png", [sample(**change)])
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        ([], {}, "samples: none, expected at least one"),
        ([{}], {}, "found no|no 'LR' among no images"),
        (None, {"methods": []}, "methods: none"),
        (None, {"methods": ["ours", "HR"]}, "methods: ours, HR, expected each once, no LR"),
        (None, {"crops": 0}, "crops: 0, expected at least 1"),
        (None, {"crop_size": 49}, "49 pixels"),
    ],
)
def test_bad_arguments_are_one_line(tmp_path, samples, options, message):
    samples = [sample(boxes=None)] if samples is None else samples
    with pytest.raises(DataError, match=message):
        draw(tmp_path / "sheet.png", samples, **options)
    assert list(tmp_path.iterdir()) == []


def test_the_sheet_is_written_at_once_and_the_global_backend_left_alone(tmp_path):
    import matplotlib

    before = matplotlib.rcParams._get("backend")
    path = tmp_path / "pictures" / "sheet.png"
    draw(path, [sample()])
    assert [entry.name for entry in path.parent.iterdir()] == ["sheet.png"]
    assert matplotlib.rcParams._get("backend") is before
