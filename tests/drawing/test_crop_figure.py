"""Figures of enlarged crops."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from blindsr.drawing.crop_figure import crop_figure
from blindsr.drawing.page import BOX_COLOURS
from blindsr.errors import DataError

PICTURE = np.random.default_rng(0).random((48, 64, 3), dtype=np.float32)


def test_a_row_of_crops_for_each_frame():
    images = {"input": PICTURE, "result": 0.5 * PICTURE}
    boxes = [(2, 5), (20, 30)]
    figure = crop_figure(("HR", PICTURE), images, notes={"result": "25.00 dB"}, boxes=boxes, side=8)
    whole, *crops = [axes for axes in figure.axes if axes.images]
    assert whole.get_title() == "HR"
    frames = [(p.get_x(), p.get_y(), to_hex(p.get_edgecolor())) for p in whole.patches]
    assert frames == [(4.5, 1.5, BOX_COLOURS[0]), (29.5, 19.5, BOX_COLOURS[1])]
    assert not any(patch.get_clip_on() for patch in whole.patches)  # whole at the border too
    assert [axes.get_title() for axes in crops] == ["input", "result\n25.00 dB", "", ""]
    for axes, (y, x), image in zip(
        crops, [boxes[0], boxes[0], boxes[1], boxes[1]], 2 * [*images.values()], strict=True
    ):
        np.testing.assert_allclose(axes.images[0].get_array(), image[y : y + 8, x : x + 8])
        assert axes.images[0].get_interpolation() == "nearest"
    assert {to_hex(axes.spines["left"].get_edgecolor()) for axes in crops[:2]} == {BOX_COLOURS[0]}


@pytest.mark.parametrize("size", [(48, 64), (64, 24)])
def test_nothing_overlaps(size):
    picture = np.random.default_rng(1).random((*size, 3))
    images = dict.fromkeys(("bicubic", "estimated map", "HR"), picture)
    figure = crop_figure(("HR", picture), images, notes={"bicubic": "25.00 dB, 30.00 dB"})
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox().shrunk(0.97, 0.97) for axes in figure.axes]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


@pytest.mark.parametrize(
    ("images", "more"),
    [
        ({}, {}),
        ({"a": PICTURE[:-1]}, {}),
        ({"a": PICTURE[..., 0]}, {}),
        ({"a": PICTURE}, {"boxes": [(45, 0)], "side": 8}),
    ],
)
def test_what_does_not_fit_is_refused(images, more):
    with pytest.raises(DataError):
        crop_figure(("HR", PICTURE), images, **more)
