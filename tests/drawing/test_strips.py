import numpy as np
import pytest

from blindsr.drawing.strips import blur_to_rgb, class_palette, classes_to_rgb, save_blur_strips
from blindsr.errors import DataError
from blindsr.imaging import read_array, read_rgb


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


def test_sigma_colours_are_a_fixed_scale():
    wide = blur_to_rgb(np.array([[0.0, 2.5, 5.0, 99.0, -1.0]]), 5)
    assert wide.dtype == np.uint8
    assert wide.shape == (1, 5, 3)
    np.testing.assert_array_equal(wide[0, 2], wide[0, 3])
    np.testing.assert_array_equal(wide[0, 0], wide[0, 4])
    # A map that only reaches 2.5 is not stretched to its own range.
    np.testing.assert_array_equal(blur_to_rgb(np.array([[0.0, 2.5]]), 5), wide[:, :2])
    brightness = blur_to_rgb(np.linspace(0, 5, 50)[None], 5)[0] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(brightness) > 0).all()


def test_palette_is_distinct_stable_and_never_black():
    palette = class_palette(40).astype(int)
    distance = np.abs(palette[:, None] - palette[None]).sum(-1) + 1000 * np.eye(40, dtype=int)
    assert distance.min() > 50
    assert palette.max(1).min() > 60
    np.testing.assert_array_equal(class_palette(19), class_palette(40)[:19])


def test_class_colours():
    seg = np.array([[0, 3, 255]], np.uint8)
    picture = classes_to_rgb(seg, 4)
    np.testing.assert_array_equal(picture[0, :2], class_palette(4)[[0, 3]])
    np.testing.assert_array_equal(picture[0, 2], (0, 0, 0))
    with pytest.raises(DataError, match=r"class 4, expected 0\.\.3 or 255"):
        classes_to_rgb(np.array([[4]]), 4)
    with pytest.raises(DataError, match=r"expected \(H, W\)"):
        classes_to_rgb(np.zeros((1, 2, 2), int), 4)


def test_a_strip_shows_every_map(tmp_path):
    names = ["wall", "floor", "cabinet", "bed", "chair"]
    path = tmp_path / "pictures" / "strip.png"
    save_blur_strips(
        path, [sample(), sample(name="other")], sigma_max=5, class_names=names, title="A title"
    )
    picture = read_array(path)[..., :3]
    for colour in class_palette(5)[:4]:
        assert contains(picture, colour)
    assert not contains(picture, class_palette(5)[4])  # the class that never occurs
    for colour in blur_to_rgb(np.array([[0.0, 5.0]]), 5)[0]:
        assert contains(picture, colour)
    assert [entry.name for entry in path.parent.iterdir()] == ["strip.png"]


def test_columns_follow_what_there_is(tmp_path):
    widths = {}
    for name, one in {
        "all": sample(),
        "blur": sample(seg=None, seg_estimate=None),
        "estimates": sample(blur=None, seg=None),
        "lr": sample(blur=None, blur_estimate=None, seg=None, seg_estimate=None),
    }.items():
        save_blur_strips(tmp_path / f"{name}.png", [one], sigma_max=5)
        widths[name] = read_rgb(tmp_path / f"{name}.png").shape[1]
    tile = (widths["all"] - widths["lr"]) / 5
    assert widths["blur"] == pytest.approx(widths["lr"] + 3 * tile, abs=2)
    assert widths["estimates"] == pytest.approx(widths["lr"] + 2 * tile, abs=2)


def test_a_sample_may_lack_what_another_has(tmp_path):
    poor = sample(blur=None, seg=None, name="x" * 200)
    save_blur_strips(tmp_path / "strip.png", [sample(), poor], sigma_max=15)
    one = tmp_path / "one.png"
    save_blur_strips(one, [sample()], sigma_max=15)
    assert read_rgb(tmp_path / "strip.png").shape[0] > read_rgb(one).shape[0]


def test_nothing_to_draw_is_an_error(tmp_path):
    with pytest.raises(DataError, match="samples"):
        save_blur_strips(tmp_path / "strip.png", [], sigma_max=5)
    assert list(tmp_path.iterdir()) == []


def test_the_global_backend_is_left_alone(tmp_path):
    import matplotlib
    import matplotlib.backends

    before = matplotlib.rcParams._get("backend")
    save_blur_strips(tmp_path / "strip.png", [sample()], sigma_max=5)
    assert matplotlib.rcParams._get("backend") is before


def test_a_long_legend_is_spread_under_all_tiles(tmp_path):
    names = [f"some class {index}" for index in range(40)]
    heights = {}
    for count in (6, 40):
        seg = np.arange(48 * 64).reshape(48, 64) % count
        one = sample(blur=None, seg=None, seg_estimate=seg)
        save_blur_strips(tmp_path / f"{count}.png", [one], sigma_max=5, class_names=names)
        picture = read_rgb(tmp_path / f"{count}.png")
        heights[count] = picture.shape[0]
        below = picture[picture.shape[0] * 3 // 4 :, : picture.shape[1] // 3]
        assert (below.std() > 0.05) == (count == 40)  # under the first tile
    line = 0.15 * 130
    assert heights[40] - heights[6] < 12 * line  # not 34 lines more
