import numpy as np
import pytest

from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.errors import DataError

HEIGHT, WIDTH = 48, 64


def noise(seed=0, height=HEIGHT, width=WIDTH):
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


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
    with pytest.raises(DataError, match=r"crop_size: 49 pixels, expected 1\.\.48"):
        choose_boxes(noise(), [noise(1)], reference=noise(), count=1, side=49)
