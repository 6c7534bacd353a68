"""What all tests on a GPU share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Convolutions with all digits, as on a CPU; TF32, the default, keeps three."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
