import numpy as np
import pytest
import torch

from blindsr.networks.blocks.windows import (
    join_windows,
    pad_to_windows,
    scramble_windows,
    split_windows,
)


@pytest.mark.parametrize("size", [(15, 20), (14, 19), (9, 31), (16, 21), (8, 11)])
def test_padding_equals_reflect_where_reflect_is_possible(size):
    x = torch.rand(2, 3, *size)
    bottom, right = -size[0] % 15, -size[1] % 20
    expected = np.pad(x.numpy(), ((0, 0), (0, 0), (0, bottom), (0, right)), mode="reflect")
    for layout in (torch.contiguous_format, torch.channels_last):
        padded = pad_to_windows(x.contiguous(memory_format=layout), (15, 20))
        assert np.array_equal(padded.numpy(), expected)
        assert padded.is_contiguous(memory_format=layout)


def test_padding_repeats_the_reflection_of_small_maps():
    x = torch.arange(3.0).view(1, 1, 3, 1).expand(1, 1, 3, 2)
    padded = pad_to_windows(x, (11, 5))
    assert padded.shape == (1, 1, 11, 5)
    assert padded[0, 0, :, 4].tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]


def test_padding_replicates_a_single_row_and_column():
    x = torch.full((1, 2, 1, 1), 7.0)
    assert torch.equal(pad_to_windows(x, (4, 5)), torch.full((1, 2, 4, 5), 7.0))


def test_windows_are_cut_row_by_row():
    x = torch.rand(2, 3, 8, 15)
    windows = split_windows(x, (4, 5))
    assert windows.shape == (12, 3, 4, 5)
    assert torch.equal(windows[6 + 3 + 1], x[1, :, 4:8, 5:10])  # image 1, row 1, column 1


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_joining_undoes_splitting_in_both_memory_formats(layout):
    x = torch.rand(2, 3, 8, 15).contiguous(memory_format=layout)
    assert torch.equal(join_windows(split_windows(x, (4, 5)), (8, 15)), x)


def test_scrambling_keeps_every_value_in_its_window_but_moves_it():
    x = torch.arange(2 * 3 * 8 * 10.0).view(2, 3, 8, 10)
    scrambled = scramble_windows(x, (4, 5))
    assert not torch.equal(scrambled, x)
    for tile, other in zip(split_windows(x, (4, 5)), split_windows(scrambled, (4, 5)), strict=True):
        # Channels last of the result, read in order, is channels first of the source.
        assert torch.equal(other.permute(1, 2, 0).flatten(), tile.flatten())
