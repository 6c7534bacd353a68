"""Titles of the benchmark's pictures stay within them, whatever their length."""

import pytest

from blindsr.drawing.curves import Curve, draw_curves
from blindsr.drawing.intervals import Dot, Panel, draw_intervals

TITLE = (
    "What zoom and GIA are worth to a small CMOS, embedded scenes: mean and range over the seeds"
)
FIGURES = {
    "curves": lambda: draw_curves(TITLE, {"loss": {"row": Curve([0, 1], [1, 2], [0, 1], [2, 3])}}),
    "intervals": lambda: draw_intervals(
        TITLE, ["row"], [Panel("PSNR", [Dot(0.1, 0.0, 0.2, True)])]
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_long_title_is_wrapped(name):
    figure = FIGURES[name]()
    figure.canvas.draw()
    box, whole = figure._suptitle.get_window_extent(), figure.bbox
    assert box.x0 >= 0
    assert box.x1 <= whole.x1
    assert box.y1 <= whole.y1
    assert all(axes.get_window_extent().y1 < box.y0 for axes in figure.axes if axes.get_visible())
