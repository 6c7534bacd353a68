import pytest
import torch

from blindsr.errors import DataError
from blindsr.imaging import rgb_to_y


def test_luma_of_the_corners_of_the_cube():
    corners = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]])
    luma = rgb_to_y(corners.float().reshape(5, 3, 1, 1)).flatten()
    expected = torch.tensor([16.0, 235.0, 81.481, 144.553, 40.966], dtype=torch.float64)
    torch.testing.assert_close(luma, expected, atol=1e-9, rtol=0)


def test_wrong_channels_are_refused():
    with pytest.raises(DataError, match="3, H, W"):
        rgb_to_y(torch.zeros(1, 1, 4, 4))
