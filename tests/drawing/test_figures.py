"""Figures for notebooks."""

import numpy as np
import pytest

from blindsr.drawing.figures import (
    blur_figure,
    curves,
    error_by_distance,
    error_figure,
    reliability,
)
from blindsr.errors import DataError


def test_all_maps_share_one_scale_with_a_unit():
    pictures = {"input": np.zeros((8, 12, 3)), "depth": np.zeros((8, 12))}
    maps = {"true": np.full((8, 12), 1.0), "estimated": np.full((8, 12), 9.0)}
    figure = blur_figure(pictures, maps, sigma_max=5.0, unit="pixels")
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["input", "depth", "true", "estimated"]
    assert {axes.images[0].get_clim() for axes in drawn[2:]} == {(0, 5.0)}
    assert any(axes.get_ylabel() == "sigma [pixels]" for axes in figure.axes)


@pytest.mark.parametrize(("largest", "extend"), [(5.0, "neither"), (9.0, "max")])
def test_the_bar_tells_whether_there_is_more(largest, extend):
    figure = blur_figure({}, {"sigma": np.full((8, 12), largest)}, sigma_max=5.0)
    assert figure.axes[0].images[0].colorbar.extend == extend


@pytest.mark.parametrize("counts", [(0, 1), (3, 1), (1, 3), (4, 2), (3, 3), (0, 3), (2, 2), (5, 5)])
def test_no_place_is_empty(counts):
    pictures = {f"picture {i}": np.zeros((30, 40, 3)) for i in range(counts[0])}
    maps = {f"map {i}": np.ones((30, 40)) for i in range(counts[1])}
    figure = blur_figure(pictures, maps, sigma_max=2)
    figure.draw_without_rendering()
    assert all(axes.images or axes.get_ylabel() for axes in figure.axes)
    width, height = figure.canvas.get_width_height()
    boxes = [axes.get_window_extent() for axes in figure.axes]
    assert sum(box.width * box.height for box in boxes) > 0.65 * width * height


def test_titles_do_not_overlap():
    figure = blur_figure(
        {"input": np.zeros((60, 80, 3))},
        {"a": np.ones((60, 80)), "b": np.ones((60, 80))},
        sigma_max=2,
    )
    figure.draw_without_rendering()
    boxes = [a.get_tightbbox().shrunk(0.98, 0.98) for a in figure.axes if a.images]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_error_is_the_mean_of_its_bin():
    distance = np.repeat([[1.0, 3.0, 15.0]], 4, axis=0)
    error = np.repeat([[2.0, 1.0, 0.5]], 4, axis=0)
    (axes,) = error_by_distance(error, {"depth": distance}).axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[1, 2], [3.5, 1], [15, 0.5]])


def test_reliability_draws_what_it_is_given():
    (axes,) = reliability({0.5: 0.4, 0.9: 0.8}).axes
    np.testing.assert_allclose(axes.lines[1].get_xydata(), [[0.5, 0.4], [0.9, 0.8]])


@pytest.mark.parametrize(
    ("pictures", "maps"),
    [
        ({"a": np.ones((2, 2, 3))}, {}),
        ({"a": np.ones((2, 2, 4))}, {"a": np.ones((2, 2))}),
        ({"a": np.ones((2, 2, 3))}, {"a": np.ones((2, 2, 1))}),
    ],
)
def test_other_shapes_are_refused(pictures, maps):
    with pytest.raises(DataError):
        blur_figure(pictures, maps, sigma_max=1.0)


def test_errors_have_one_scale_of_their_own():
    figure = error_figure(
        {"a": np.zeros((8, 12)), "b": np.ones((8, 12))}, end=0.1, label="error [levels]"
    )
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["a", "b"]
    assert {axes.images[0].get_clim() for axes in drawn} == {(0, 0.1)}
    assert {axes.images[0].get_cmap().name for axes in drawn} == {"magma"}
    assert any(axes.get_ylabel() == "error [levels]" for axes in figure.axes)


def test_curves_say_what_they_are():
    figure = curves(
        {"a": {1: 2.0, 3: 4.0}, "b": {1: 5.0}}, xlabel="x [s]", ylabel="y", from_zero=True
    )
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[1, 2], [3, 4]])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_ylim()[0]) == ("x [s]", "y", 0)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


@pytest.mark.parametrize("lines", [{}, {"a": {}}])
def test_nothing_to_draw_is_refused(lines):
    with pytest.raises(DataError):
        curves(lines, xlabel="", ylabel="")
    with pytest.raises(DataError):
        error_figure({}, end=1.0, label="")
