"""Temporary files carry their process and vanish with it."""

import os
import signal

import numpy as np
import pytest
from PIL import Image
from tests.helpers.children import in_child

from blindsr.imaging.files import atomic_path, write_png
from blindsr.imaging.temporary import is_temporary, start_of, sweep, temporary_beside
from blindsr.photo.formats import Layout
from blindsr.photo.writer import open_writer


def test_names_tell_the_process_and_do_not_grow_with_the_result(tmp_path):
    path = temporary_beside(tmp_path / ("x" * 251 + ".png"))
    assert f".{os.getpid()}.{start_of(os.getpid())}." in path.name
    assert is_temporary(path.name)
    assert path.suffix == ".png"
    assert len(path.name) < 120
    assert len(temporary_beside(tmp_path / ("a." + "y" * 250)).name) < 120


def test_a_result_may_have_the_longest_name_there_is(tmp_path):
    longest = tmp_path / ("x" * 251 + ".png")
    write_png(longest, np.zeros((3, 4), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == [longest.name]


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    def die():
        temporary_beside(tmp_path / "a.png").write_text("half")
        folder = temporary_beside(tmp_path / "b", suffix="")
        folder.mkdir()
        (folder / "part").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die) == -signal.SIGKILL
    (tmp_path / ".hidden").write_text("mine")
    assert len(list(tmp_path.iterdir())) == 3
    with atomic_path(tmp_path / "now.png") as living:
        living.write_text("in use")
        sweep(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {living.name, ".hidden"}
    sweep(tmp_path / "nowhere")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (67, 93), (1, 700), (700, 1)])
def test_jpeg_in_strips_has_the_pixels_of_jpeg_at_once(tmp_path, monkeypatch, channels, size):
    """Eight rows to a strip: more strips than there are numbers of restart markers."""
    monkeypatch.setattr("blindsr.photo.jpeg._STRIP_BYTES", 1)
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (*size, channels), np.uint8)
    options = {"width": size[1], "height": size[0], "layout": Layout(channels, 8)}
    with open_writer(tmp_path / "a.jpg", **options, quality=85) as writer:
        for top in range(0, size[0], 13):
            writer.write(array[top : top + 13])
    Image.fromarray(array[..., 0] if channels == 1 else array).save(
        tmp_path / "b.jpg", quality=85, subsampling=0
    )
    with Image.open(tmp_path / "a.jpg") as ours, Image.open(tmp_path / "b.jpg") as theirs:
        assert ours.mode == theirs.mode
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_jpeg_waits_nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr("blindsr.photo.jpeg._STRIP_BYTES", 1)
    flat = np.full((64, 64, 3), 7, np.uint8)
    with open_writer(tmp_path / "a.jpg", width=64, height=128, layout=Layout(3, 8)) as writer:
        writer.write(flat)
        (only,) = tmp_path.iterdir()
        assert only.suffix == ".jpg"
        writer.write(flat)
